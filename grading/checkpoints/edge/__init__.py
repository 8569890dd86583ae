"""Checkpoints of part 2: serving on an edge device."""
