"""What lessons call: ``predict`` before measuring, ``predicted`` while measuring, ``check`` behind an answer."""

from __future__ import annotations

import hashlib
import inspect
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from labs.checkpoints.calls import alone, call
from labs.checkpoints.cards import Card, verdict_card
from labs.checkpoints.predictions import PredictionBox, fault_of_numbers
from labs.checkpoints.question import (
    SUBJECT,
    MissingEvidenceError,
    Question,
    State,
    Verdict,
    question,
)
from labs.checkpoints.values import NotAnsweredError, fault_of_form, fitted, plain
from labs.records import Answer, Prediction, Records
from labs.records.ledger import ledger

#: Characters of a function's source that are kept.
_MOST_SOURCE = 20_000


class NotPredictedYetError(RuntimeError):
    """The measuring cell was run before its prediction was made."""

    def _render_traceback_(self) -> list[str]:
        """Return one sentence: where a prediction is missing, a traceback explains nothing."""
        return [str(self)]


def predict(id: str, **values: object) -> object:
    """Write a prediction into the ledger; it may be changed until what it is about is measured.

    Args:
        id: The question's.
        values: A number for each name; dots show a box to fill in.
    """
    asked = question(id)
    try:
        kept = {name: plain(value) for name, value in values.items()}
    except NotAnsweredError:
        return PredictionBox(asked, lambda: ledger().read(), lambda given: _note(asked, given))
    except (TypeError, ValueError) as error:
        return _refused(asked, str(error))
    fault = _note(asked, kept)
    if fault:
        return _refused(asked, fault)
    return Card(f"Prediction noted: {asked.title}", rows=tuple((name, str(value)) for name, value in kept.items()))


def _note(asked: Question, values: Mapping) -> str:
    """Write a prediction down; return why it was not, in a sentence."""
    if fault := fault_of_numbers(asked, values):
        return fault
    records = ledger().read()
    if asked.measured(records) and records.predictions(asked.id):
        return "It is measured already: the prediction stays as it was."
    ledger().append(Prediction(asked.id, dict(values), _now()))
    return ""


def predicted(id: str) -> dict[str, float]:
    """Return what was predicted, by name; stands first in a cell that measures, so that nobody runs past the question.

    Raises:
        NotPredictedYetError: Nothing is predicted; shown as one sentence.
    """
    asked, records = question(id), ledger().read()
    made = records.prediction_in_time(id, asked.about) or next(iter(records.predictions(id)), None)
    if made is None:
        raise NotPredictedYetError(
            f"Predict first: fill in the box above ({asked.title}) and press its button, then run this cell again."
        )
    return dict(made.value)


def check(id: str, made: object = None) -> Card:
    """Say whether a function, a file or an answer is right, and if it is not, why.

    Args:
        id: The question's.
        made: The function, path or answer where the question asks for one.
    """
    asked = question(id)
    return verdict_card(asked, _CHECKS.get(asked.kind, _check_records)(asked, made))


def _check_function(asked: Question, function: object) -> Verdict:
    if not callable(function):
        return Verdict(State.FAILED, f"Hand over the function itself: `check({asked.id!r}, {asked.name})`.")
    outputs = call(alone(function), [case["args"] for case in asked.cases])
    # What an exception says may be long, and anything; its type is enough to judge by.
    kept = [{name: value for name, value in one.items() if name != "said"} for one in outputs]
    answer = {"source": _source(function), "outputs": kept}
    # An untouched stub is no try, nor is what is newest already.
    untouched = all(one.get("raised") == "NotImplementedError" for one in outputs)
    if not untouched and ledger().answer(asked.id) != answer:
        ledger().append(Answer(asked.id, answer, _now()))
    return asked.verdict(Records([Answer(asked.id, answer | {"outputs": outputs}, _now())]))


def _check_file(asked: Question, made: object) -> Verdict:
    if made is None or made is ...:
        return asked.verdict(Records())
    paths = _paths_in(made)
    if absent := [path for path in paths if not path.exists()]:
        says = f"There is no `{absent[0].name}` yet. Write it in the cell above, and run that cell."
        return Verdict(State.UNANSWERED, says)
    try:
        facts = dict(asked.read(made))
    except MissingEvidenceError as error:
        return Verdict(State.MISSING, str(error))
    except NotImplementedError:
        return Verdict(State.UNANSWERED, "Not written yet: replace the line `raise NotImplementedError`.")
    except Exception as error:  # whatever the library says about a broken file is what the student needs to read
        shown = (("It says", f"{type(error).__name__}: {str(error)[:300]}"),)
        return Verdict(State.FAILED, "This cannot be read as what was asked for.", shown)
    if len(paths) == 1 and paths[0].is_file():
        with paths[0].open("rb") as file:
            facts.setdefault("sha256", hashlib.file_digest(file, "sha256").hexdigest())
    ledger().observe(SUBJECT + asked.id, facts)
    return asked.verdict(ledger().read())


def _check_answer(asked: Question, given: object) -> Verdict:
    try:
        kept = fitted(plain(given), asked.form)
    except NotAnsweredError:
        return asked.verdict(Records())
    except (TypeError, ValueError) as error:
        return Verdict(State.FAILED, f"Not written down: {error}.")
    if fault := fault_of_form(kept, asked.form):
        return Verdict(State.FAILED, fault)
    if ledger().answer(asked.id) != kept:
        ledger().append(Answer(asked.id, kept, _now()))
    return asked.verdict(ledger().read())


def _check_records(asked: Question, made: object) -> Verdict:
    return asked.verdict(ledger().read())


_CHECKS = {"function": _check_function, "file": _check_file, "answer": _check_answer}


def _paths_in(value: object) -> list[Path]:
    """Return the paths that were handed over: one, or those in a list or dictionary."""
    if isinstance(value, os.PathLike):
        return [Path(value)]
    if isinstance(value, Mapping):
        value = list(value.values())
    return [path for part in value for path in _paths_in(part)] if isinstance(value, list | tuple) else []


def _source(function: Callable) -> str:
    try:
        return inspect.getsource(function)[:_MOST_SOURCE]
    except (OSError, TypeError):
        return ""


def _refused(asked: Question, why: str) -> Card:
    return Card(f"Not noted: {asked.title}", state=State.FAILED, sentences=(why,))


def _now() -> str:
    return datetime.now(UTC).isoformat()
