"""Checkpoints of part 1: `lesson_10`, `lesson_11_batches`, …; a module's number is its lesson's."""
