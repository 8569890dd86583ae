"""Checkpoints of the start: the machine, and how checkpoints themselves work."""
