"""Checkpoints: what each lesson asks for, judged from the student's records alone.

Lessons use the verbs ``predict``, ``predicted``, ``answer``, ``check``, ``reconcile`` and ``scoreboard``.
Authors of questions use ``prediction``, ``function_question``, ``artefact_question`` and ``checkpoint``, and return
``passed``, ``failed``, ``failed_as`` or ``missing``."""

from grading.checkpoints.artefacts import Example, artefact_question
from grading.checkpoints.functions import Mistake, close, function_question
from grading.checkpoints.notebook import (
    NotPredictedYetError,
    answer,
    check,
    guesses,
    predict,
    predicted,
    reconcile,
    scoreboard,
)
from grading.checkpoints.predictions import prediction
from grading.checkpoints.registry import (
    Checkpoint,
    Registry,
    State,
    UnknownCheckpointError,
    Verdict,
    all_checkpoints,
    as_records,
    checkpoint,
    failed,
    failed_as,
    missing,
    passed,
    unanswered,
)

__all__ = [
    "Checkpoint",
    "Example",
    "Mistake",
    "NotPredictedYetError",
    "Registry",
    "State",
    "UnknownCheckpointError",
    "Verdict",
    "all_checkpoints",
    "answer",
    "artefact_question",
    "as_records",
    "check",
    "checkpoint",
    "close",
    "failed",
    "failed_as",
    "function_question",
    "guesses",
    "missing",
    "passed",
    "predict",
    "predicted",
    "prediction",
    "reconcile",
    "scoreboard",
    "unanswered",
]
