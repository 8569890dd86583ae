"""What lessons call: write answers and predictions down, and judge them from the student's own ledger."""

from __future__ import annotations

from datetime import UTC, datetime

from grading.checkpoints.cards import Card, Table
from grading.checkpoints.plain import NotAnsweredError, plain, shown
from grading.checkpoints.predictions import reconciled
from grading.checkpoints.registry import Checkpoint, all_checkpoints
from labs.records import Answer, LedgerError, Prediction
from labs.workspace import ledger


def answer(question: str, value: object) -> Card:
    """Write an answer into the ledger; the newest one counts.

    Args:
        question: The checkpoint's id.
        value: A number, a text, or a list or dictionary of these; numpy's numbers are fine. While it still holds the
            stub's dots, nothing is written.
    """
    return _write(Answer, question, value)


def predict(question: str, value: float | str) -> Card:
    """Write a prediction into the ledger, before the measurement that it is about.

    It may be changed until then: the last prediction before the first measurement counts.

    Args:
        question: The checkpoint's id.
        value: A number, or one of the words offered. While it still holds the stub's dots, nothing is written.
    """
    return _write(Prediction, question, value)


def check(question: str) -> Card:
    """Return the verdict on a checkpoint from what the ledger holds.

    The card's text is the same on every machine; numbers appear in its HTML form only.

    Args:
        question: The checkpoint's id.

    Raises:
        UnknownCheckpointError: There is no such checkpoint; a slip in its spelling.
    """
    checkpoint = all_checkpoints()[question]
    verdict = checkpoint.verdict(ledger().to_json())
    earned = checkpoint.points if verdict.ok else 0
    headline = f"{'PASS' if verdict.ok else 'FAIL'} {question} ({earned}/{checkpoint.points})"
    return Card(
        text=headline if verdict.ok else f"{headline}: {verdict.message}",
        tone="pass" if verdict.ok else "fail",
        headline=headline,
        sentences=(verdict.message, "" if verdict.ok or not checkpoint.hint else f"Hint: {checkpoint.hint}"),
        rows=(("Expected", verdict.expected), ("Yours", verdict.yours)),
    )


def reconcile(question: str) -> Card:
    """Return a prediction beside what was measured since.

    Args:
        question: The id of a checkpoint that asks for a prediction.
    """
    checkpoint = all_checkpoints()[question]
    predicted, measured, difference = reconciled(checkpoint, ledger().to_json())
    return Card(
        text=f"{question}: prediction and measurement",
        tone="note",
        headline=checkpoint.title,
        rows=(("You predicted", predicted), ("Measured", measured), ("So it was", difference)),
    )


def scoreboard(part: str = "") -> Table:
    """Return all checkpoints with the points earned so far.

    Args:
        part: 'start', 'model', …; everything when empty.
    """
    entries = ledger().to_json()
    wanted = [one for one in all_checkpoints() if not one.hidden and part in ("", one.part)]
    results = [(one, one.points if one.verdict(entries).ok else 0) for one in wanted]
    earned, most = sum(points for _, points in results), sum(one.points for one in wanted)
    rows = tuple(
        (f"{one.lesson:02d}", one.title, "done" if points else "open", f"{points} of {one.points}")
        for one, points in results
    )
    text = f"{earned} of {most} points"
    return Table(text, f"Scoreboard: {text}", ("Lesson", "Checkpoint", "State", "Points"), rows)


def _write(kind: type[Answer] | type[Prediction], question: str, value: object) -> Card:
    checkpoint: Checkpoint = all_checkpoints()[question]
    try:
        kept = plain(value)
    except NotAnsweredError:
        return Card(
            text=f"{question}: not answered yet",
            tone="note",
            headline=f"{question}: not answered yet",
            sentences=(f"{checkpoint.title}. Replace the dots above, then run the cell again.",),
        )
    try:
        ledger().append(kind(question=question, value=kept, made_at=datetime.now(UTC).isoformat()))
    except LedgerError as error:
        raise ValueError(f"{question}: {value!r} cannot be written down: {error}") from error
    noun = "prediction" if kind is Prediction else "answer"
    return Card(f"{question}: {noun} noted", "note", f"{question}: {noun} noted", rows=(("Yours", shown(kept)),))
