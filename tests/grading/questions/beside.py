"""What lies beside a question in a ledger: made-up records that it needs, and a whole run's records without answers."""

from __future__ import annotations

from collections.abc import Callable

from grading.checkpoints import Checkpoint
from grading.checkpoints.artefacts import SUBJECT
from grading.checkpoints.registry import PARTS

from labs.checkpoints.calls import call
from tests.grading.entries import Entries
from tests.grading.recorded import DONE
from tests.grading.recorded import recorded as entries_of

#: Answers of a function are as plain as this.
Answer = dict


def needed(checkpoint: Checkpoint, *more: dict) -> Entries:
    """Return records that a question needs, made up, and some more of which a few fields are told."""
    entries = Entries()
    for need in (*checkpoint.needs, *more):
        if "subject" in need:
            entries.observed(need["subject"], dict(need.get("seen", {})))
        else:
            told = {"kind": "latency", "option": "x", "samples": [0.01] * 100, **need}
            entries.measured(told.pop("kind"), told.pop("option"), told.pop("samples"), **told)
    return entries


def answered_by(checkpoint: Checkpoint, function: Callable) -> Answer:
    """Return what is written down when a function is checked without records of one's own."""
    return {"source": "", "outputs": call(function, checkpoint.asks.public.cases), "own": True}


def recorded(checkpoint: Checkpoint) -> list[dict]:
    """Return the measurements and observations of a whole run of a question's part; nothing that answers it."""
    if checkpoint.id in DONE:
        return []
    return [
        entry
        for entry in entries_of(PARTS.index(checkpoint.part))
        if entry["type"] in ("measurement", "observation") and entry.get("subject") != SUBJECT + checkpoint.id
    ]
