"""Checkpoints: what each lesson asks for, judged from the ledger alone.

Lessons use the verbs ``predict``, ``answer``, ``check``, ``reconcile``, ``scoreboard`` and ``hand_in``. Authors of
checkpoints use ``checkpoint``, ``prediction``, ``passed``, ``failed`` and ``unanswered``, and look evidence up with
``grading.checkpoints.evidence``."""

from grading.checkpoints.handing_in import hand_in
from grading.checkpoints.notebook import answer, check, predict, reconcile, scoreboard
from grading.checkpoints.predictions import prediction
from grading.checkpoints.registry import (
    Checkpoint,
    Registry,
    UnknownCheckpointError,
    all_checkpoints,
    checkpoint,
)
from grading.checkpoints.verdict import Verdict, failed, passed, unanswered

__all__ = [
    "Checkpoint",
    "Registry",
    "UnknownCheckpointError",
    "Verdict",
    "all_checkpoints",
    "answer",
    "check",
    "checkpoint",
    "failed",
    "hand_in",
    "passed",
    "predict",
    "prediction",
    "reconcile",
    "scoreboard",
    "unanswered",
]
