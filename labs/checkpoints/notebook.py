"""The functions that lessons call: ``predict`` before measuring, ``predicted`` while measuring,
``check`` behind an answer.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from labs.assets.manifest import sha256_of
from labs.checkpoints.cards import Card, NotThereYetError
from labs.checkpoints.predictions import PredictionBox, note, noted, now
from labs.course.cases import STUB
from labs.course.cells import UnfitCellError, by_itself
from labs.course.question import (
    HANDED,
    OPEN,
    SUBJECT,
    MissingEvidenceError,
    Question,
    State,
    Verdict,
    question,
)
from labs.course.rules import NotAnsweredError, fitted, plain
from labs.judge.calls import call
from labs.records import Answer, Records
from labs.records.ledger import ledger

#: Bytes of a text that are kept.
_MOST_TEXT = 64 << 10


def predict(id: str, **values: object) -> object:
    """Write a prediction into the ledger, a number for each name; dots show a box to fill in.

    It may be changed until what it is about is measured.
    """
    asked = question(id)
    try:
        numbers = note(asked, plain(values))
    except NotAnsweredError:
        return PredictionBox(asked)
    except ValueError as error:
        return Card(f"Not noted: {asked.title}", State.FAILED, (str(error),))
    rows = [(name, f"{value:.12g}") for name, value in numbers.items()]
    return Card(f"Prediction noted: {asked.title}", rows=rows)


def predicted(id: str) -> dict[str, float]:
    """Return the predictions, by name. A measuring cell begins with this call, so students cannot
    skip the question.

    Raises:
        NotThereYetError: Nothing is predicted; shown as one sentence.
    """
    asked = question(id)
    numbers = noted(asked, ledger().read())
    if numbers is None:
        raise NotThereYetError(
            f"Predict first: fill in the box above ({asked.title}) and press its button, then "
            "run this cell again."
        )
    return dict(numbers)


def check(id: str, work: object = None) -> Card:
    """Say whether what was made (a function, a path, an answer, or records) is right, and if it is
    not, why.
    """
    asked = question(id)
    verdict = None
    if asked.kind in _CHECKS:
        verdict = _CHECKS[asked.kind](asked, work)
    if verdict is None:
        verdict = asked.verdict(ledger().read())
    hint = f"Hint: {asked.hint}" if verdict.state is State.FAILED and asked.hint else ""
    return Card(asked.title, verdict.state, (verdict.message, hint), verdict.shown)


def _check_function(asked: Question, function: object) -> Verdict:
    if not callable(function):
        return Verdict(
            State.FAILED, f"Hand over the function itself: `check({asked.id!r}, {asked.name})`."
        )
    try:
        cell, own = by_itself(function, asked.name)
    except UnfitCellError as error:
        return Verdict(State.FAILED, str(error))
    outputs = call(own, [case["args"] for case in asked.cases])
    # An exception's message may be long, and anything; its type is enough for the verdict.
    brief_outputs = [
        {name: value for name, value in output.items() if name != "said"} for output in outputs
    ]
    answer = {"source": cell, "outputs": brief_outputs}
    # An untouched stub is no try.
    if not all(output.get("raised") == "NotImplementedError" for output in outputs):
        _keep(asked, answer)
    answer_in_full = Answer(asked.id, answer | {"outputs": outputs}, now())
    verdict = asked.verdict(Records([answer_in_full]))
    if verdict.state is State.FAILED and asked.verdict(ledger().read()).ok:
        return replace(
            verdict, message=f"{verdict.message} (Your last right one is kept, and still counts.)"
        )
    return verdict


def _check_file(asked: Question, work: object) -> Verdict | None:
    """Write down what a reader finds in a file, or several by name; return a verdict where nothing
    was written.
    """
    if work is None or work is ...:
        return OPEN
    handed = work.values() if isinstance(work, Mapping) else [work]
    paths = [Path(file) for file in handed if isinstance(file, os.PathLike)]
    absent = [path for path in paths if not path.exists()]
    if absent:
        says = f"There is no `{absent[0].name}` yet. Write it in the cell above, and run that cell."
        return Verdict(State.UNANSWERED, says)
    try:
        facts = dict(asked.read(work))
    except MissingEvidenceError as error:
        return Verdict(State.MISSING, str(error))
    except NotImplementedError:
        return STUB
    except (
        Exception
    ) as error:  # whatever the library says about a broken file is what the student needs to read
        shown = (("It says", f"{type(error).__name__}: {str(error)[:300]}"),)
        return Verdict(State.FAILED, "This cannot be read as an answer to this question.", shown)
    ledger().observe(SUBJECT + asked.id, facts | {HANDED: kept_of(work)})
    return None


def kept_of(work: object) -> dict[str, dict]:
    """Return the checked objects, by name, for the grader to open again: a text as ``text``, others
    as ``sha256``.

    So the text is kept as it was when it was checked, even if a later cell overwrites the file. A
    folder is kept as the texts in it.
    """
    if isinstance(work, os.PathLike) and Path(work).is_dir():
        texts = {}
        for path in sorted(Path(work).rglob("*")):
            content = _kept(path) if path.is_file() and not path.is_symlink() else {}
            if "text" in content:
                texts[path.relative_to(work).as_posix()] = content
        return texts
    handed = work if isinstance(work, Mapping) else {Path(str(work)).name: work}
    contents = {}
    for name, file in handed.items():
        if isinstance(file, os.PathLike):
            contents[str(name)] = _kept(Path(file))
        else:
            contents[str(name)] = {"text": str(file)[:_MOST_TEXT]}
    return contents


def _kept(path: Path) -> dict[str, str]:
    """Return a text that is not too long, or the sha256 of anything else."""
    if path.stat().st_size <= _MOST_TEXT:
        with suppress(UnicodeDecodeError):
            return {"text": path.read_text(encoding="utf-8")}
    return {"sha256": sha256_of(path)}


def _check_answer(asked: Question, given: object) -> Verdict | None:
    """Write an answer down; return a verdict where nothing was written."""
    try:
        _keep(asked, fitted(plain(given), asked.form))
    except NotAnsweredError:
        return OPEN
    except ValueError as error:
        return Verdict(State.FAILED, str(error))
    return None


_CHECKS = {"function": _check_function, "file": _check_file, "answer": _check_answer}


def _keep(asked: Question, answer: object) -> None:
    """Write down an answer that is not the newest one already: checking again is no other try."""
    if ledger().answer(asked.id) != answer:
        ledger().append(Answer(asked.id, answer, now()))
