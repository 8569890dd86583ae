"""Checkpoints of part 1, one module a lesson (`lesson_10` … `lesson_16`), found by their names."""
