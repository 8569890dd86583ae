"""Checkpoints of part 3: system optimizations."""
