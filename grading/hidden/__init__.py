"""Checkpoints that only the grader knows: judged from what was measured again and what was run again.

Each depends on a public checkpoint, its prerequisite: nobody earns a hidden point for a question that was not answered.
This folder never leaves for students (``provisioning.archive`` packs by an allow-list that does not name it).
"""

from grading.hidden.checkpoint import HiddenCheckpoint
from grading.hidden.evidence import Evidence
from grading.hidden.registry import all_hidden, hidden_rows, possible_points

__all__ = ["Evidence", "HiddenCheckpoint", "all_hidden", "hidden_rows", "possible_points"]
