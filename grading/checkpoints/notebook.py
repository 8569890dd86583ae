"""What lessons call: write answers and predictions down, and judge them from the student's own ledger."""

from __future__ import annotations

import dis
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from grading.checkpoints.artefacts import SUBJECT, facts_about, paths_in, stub_in
from grading.checkpoints.cards import Card, Table, verdict_card
from grading.checkpoints.predictions import PredictionBox, guessed, reconciled
from grading.checkpoints.registry import Checkpoint, State, Verdict, all_checkpoints, failed, missing, unanswered
from grading.checkpoints.values import NotAnsweredError, fault_of_form, fitted, plain, shown
from labs.records import Answer, LedgerError, Prediction, Records
from labs.records.ledger import ledger

_NOTHING = object()


class NotPredictedYetError(RuntimeError):
    """The measuring cell was run before its prediction was made."""

    def _render_traceback_(self) -> list[str]:
        """Return one sentence: where a prediction is missing, a traceback explains nothing."""
        return [str(self)]


def answer(question: str, value: object) -> Card:
    """Write an answer into the ledger; the newest one counts.

    Args:
        question: The checkpoint's id.
        value: A number, a text, or a list or dictionary of these; numpy's numbers are fine. While it still holds the
            stub's dots, or has another form than is asked for, nothing is written.
    """
    checkpoint = all_checkpoints()[question]
    form = getattr(checkpoint.asks, "form", None)
    try:
        kept = plain(value)
    except NotAnsweredError:
        return _not_yet(checkpoint)
    except (TypeError, ValueError) as error:
        return _refused(question, str(error))
    if form is not None:
        kept = fitted(kept, form)
        if fault := fault_of_form(kept, form):
            return _refused(question, fault)
    try:
        ledger().append(Answer(question, kept, _now()))
    except LedgerError as error:
        return _refused(question, f"This cannot be written down: {error}")
    return Card(f"{question}: answer noted", f"{question}: answer noted", rows=(("Yours", shown(kept)),))


def predict(question: str, value: object) -> object:
    """Write a prediction into the ledger, before the measurement that it is about.

    It may be changed until then: the last prediction before the first measurement counts.

    Args:
        question: The checkpoint's id.
        value: A number in the question's unit, or one of the words offered. The stub's dots show a box to fill in.
    """
    checkpoint = all_checkpoints()[question]
    try:
        kept = plain(value)
    except NotAnsweredError:
        return PredictionBox(checkpoint, lambda: ledger().read(), lambda given: _predicted(checkpoint, given))
    except (TypeError, ValueError) as error:
        return _refused(question, str(error))
    fault = _predicted(checkpoint, kept)
    if fault:
        return _refused(question, fault)
    return Card(
        f"{question}: prediction noted",
        f"{question}: prediction noted",
        rows=(("Yours", checkpoint.asks.show(fitted(kept, checkpoint.asks.choices))),),
    )


def _predicted(checkpoint: Checkpoint, value: object) -> str:
    """Write a prediction down; return why it was not, in a sentence."""
    asked = checkpoint.asks
    value = fitted(value, asked.choices) if asked.choices else value
    if fault := asked.fault(value):
        return fault
    records = ledger().read()
    if asked.is_measured(records) and records.predictions(checkpoint.id):
        return "It is measured already: the prediction stays as it was."
    ledger().append(Prediction(checkpoint.id, value, _now()))
    return ""


def predicted(question: str) -> float | str:
    """Return what was predicted; stands first in a cell that measures, so that nobody runs past the question.

    Args:
        question: The checkpoint's id.

    Raises:
        NotPredictedYetError: Nothing is predicted; shown as one sentence.
    """
    checkpoint = all_checkpoints()[question]
    made = checkpoint.asks.made(question, ledger().read())
    if made is None:
        raise NotPredictedYetError(
            f"Predict first: fill in the box above ({checkpoint.title}) and press its button, then run this cell again."
        )
    return made.value


def check(question: str, made: object = _NOTHING) -> Card:
    """Return the verdict on a checkpoint.

    The card's text is the same on every machine; numbers appear in its HTML form only.

    Args:
        question: The checkpoint's id.
        made: The function that was written, or the path of the file that was made, where the question asks for one.

    Raises:
        UnknownCheckpointError: There is no such checkpoint; a slip in its spelling.
    """
    checkpoint = all_checkpoints()[question]
    rows: tuple[tuple[str, str], ...] = ()
    if checkpoint.kind == "function" and made is not _NOTHING:
        verdict, rows = _check_function(checkpoint, made)
    elif checkpoint.kind == "artefact" and made is not _NOTHING:
        verdict = _check_artefact(checkpoint, made)
    else:
        verdict = checkpoint.verdict(ledger().read())
    return verdict_card(checkpoint, verdict, tries=_tries(checkpoint), more=rows)


def _check_function(checkpoint: Checkpoint, function: object) -> tuple[Verdict, tuple[tuple[str, str], ...]]:
    asked = checkpoint.asks
    if function is ... or function is None or (callable(function) and _is_stub(function)):
        return asked.open(checkpoint.id, Records()), ()
    if not callable(function):
        return failed(
            f"Hand over the function itself, without parentheses: `check({checkpoint.id!r}, {asked.name})`."
        ), ()
    tried = asked.tried(function, ledger().read())
    _write_changed(checkpoint.id, tried.answer)
    verdict = checkpoint.verdict(ledger().read())
    if verdict.state is State.FAILED and not tried.on_own.ok and asked.public.verdict(tried.answer["outputs"]).ok:
        verdict = failed(f"On your own records: {tried.on_own.message}", yours=tried.on_own.yours)
    return verdict, (("Its message", tried.said),) if not verdict.ok and "raises" in verdict.message else ()


def _check_artefact(checkpoint: Checkpoint, made: object) -> Verdict:
    asked = checkpoint.asks
    if made is ... or made is None:
        return asked.open(checkpoint.id, Records())
    absent = [path for path in paths_in(made) if not path.exists()]
    if absent:
        return missing(f"There is no file `{absent[0].name}`: run the cell that makes it, then this check again.")
    if dots := stub_in(made):
        return unanswered(f"{dots} still ends in the stub's dots: write it in the cell above, and run it.")
    try:
        facts = facts_about(made, asked.inspect)
    except Exception as error:  # whatever the library says about a broken file is what the student needs to read
        return failed("This cannot be read as what was asked for.", yours=f"{type(error).__name__}: {str(error)[:300]}")
    ledger().observe(SUBJECT + checkpoint.id, facts)
    return checkpoint.verdict(ledger().read())


def _tries(checkpoint: Checkpoint) -> int:
    """Return how many different answers a question has had."""
    records = ledger().read()
    if checkpoint.kind == "artefact":
        made = [one.seen for one in records.observations(SUBJECT + checkpoint.id)]
    else:
        made = [one.value for one in records if isinstance(one, Answer) and one.question == checkpoint.id]
    return sum(place == 0 or one != made[place - 1] for place, one in enumerate(made))


def reconcile(question: str) -> Card:
    """Return a prediction beside what was measured since.

    Args:
        question: The id of a checkpoint that asks for a prediction.
    """
    checkpoint = all_checkpoints()[question]
    guess, measured, difference = reconciled(checkpoint, ledger().read())
    return Card(
        text=f"{question}: prediction and measurement",
        headline=checkpoint.title,
        rows=(("You predicted", guess), ("Measured", measured), ("So it was", difference)),
    )


def guesses(part: str = "") -> Card | Table:
    """Return what was predicted beside what was measured since.

    Args:
        part: 'start', 'model', …; everything when empty.
    """
    found = guessed((one for one in all_checkpoints() if part in ("", one.part)), ledger().read())
    title = "Your guesses against reality"
    if not found:
        return Card(f"{title}: none yet", title, None, (NOTHING_GUESSED,))
    rows = tuple((f"{one.lesson:02d} {one.title}", *texts) for one, *texts in found)
    return Table(title, title, ("Question", "Predicted", "Measured", "So it was"), rows)


#: Said where the guesses will stand; the front page says it too.
NOTHING_GUESSED = (
    "Nothing is predicted yet. Each lesson asks for a guess before it measures; once you have made one, it stands here "
    "beside what was measured. Being wrong costs nothing, and shows what there is to learn."
)


def scoreboard(part: str = "") -> Table:
    """Return all checkpoints with the points earned so far.

    Args:
        part: 'start', 'model', …; everything when empty.
    """
    records = ledger().read()
    wanted = [one for one in all_checkpoints() if part in ("", one.part)]
    results = [(one, one.verdict(records)) for one in wanted]
    earned, most = sum(one.points for one, verdict in results if verdict.ok), sum(one.points for one in wanted)
    rows = tuple(
        (f"{one.lesson:02d}", one.title, _STANDS[verdict.state], f"{one.points * verdict.ok} of {one.points}")
        for one, verdict in results
    )
    text = f"{earned} of {most} points"
    return Table(text, f"Scoreboard: {text}", ("Lesson", "Checkpoint", "State", "Points"), rows)


_STANDS = {
    State.PASSED: "✓ right",
    State.FAILED: "✗ not right yet",
    State.MISSING_EVIDENCE: "▷ something has to run first",
    State.UNANSWERED: "○ open",
}


def _is_stub(function: Callable) -> bool:
    """Return whether a function's body is still the stub's dots: it does nothing but return None."""
    try:
        made = list(dis.get_instructions(function))
    except TypeError:  # written in C
        return False
    return {one.opname for one in made} <= _DOES_NOTHING and all(
        one.argval is None for one in made if one.opname in ("LOAD_CONST", "RETURN_CONST")
    )


_DOES_NOTHING = {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}


def _write_changed(question: str, value: Mapping) -> None:
    """Write an answer down unless it is the newest one already: checking again is no other try."""
    if ledger().answer(question) != value:
        ledger().append(Answer(question, dict(value), _now()))


def _not_yet(checkpoint: Checkpoint) -> Card:
    text = f"{checkpoint.id}: not answered yet"
    says = f"{checkpoint.title.rstrip('.')}. Replace the dots above, then run the cell again."
    return Card(text, text, State.UNANSWERED, (says,))


def _refused(question: str, why: str) -> Card:
    text = f"{question}: not written down"
    return Card(f"{text}: {why}", text, State.FAILED, (why,))


def _now() -> str:
    return datetime.now(UTC).isoformat()
