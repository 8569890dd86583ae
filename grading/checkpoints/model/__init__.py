"""Checkpoints of part 1: `lesson_10`, `lesson_11_samples`, …; a module's number is its lesson's."""
