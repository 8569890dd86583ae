"""Nonsense earns next to nothing, though everything was measured.

A blind student knows the shape of each answer and writes nonsense. Functions without a thought are refused by
``test_contract.py``.
"""

from __future__ import annotations

import functools
import itertools
import random
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from grading.checkpoints import Checkpoint, Verdict, all_checkpoints, as_records, failed, missing
from grading.checkpoints.artefacts import SUBJECT, facts_about
from grading.checkpoints.registry import PARTS
from grading.checkpoints.values import NotAnsweredError, fault_of_form, fitted, plain

import labs.data.dataset
from labs.records import Answer, Observation, Records
from labs.serve.models import FP32_NAME
from labs.workspace import models_dir
from tests.grading.questions.beside import needed, recorded
from tests.grading.recorded import MODEL, WHOLE
from tests.grading.recorded import recorded as whole

ASKED = [one for one in all_checkpoints() if one.kind in ("answer", "artefact")]

#: Share of the points that may be had blindly.
MOST = 0.05

NONSENSE = (0, 1, -1, 3.7, 100, 1e9, True, "nonsense", "", "1", [], [1, 2], ["nonsense"], {}, {"a": 1})

#: Files of nonsense by what they hold.
FILES = {"empty": b"", "text": b"nonsense", "json": b"{}", "binary": bytes(range(256)) * 8}

#: Tries of one question that mix several kinds of nonsense.
_MOST_TRIES = 75

_NOW = "2027-01-01T00:00:00+00:00"


@pytest.fixture(scope="module")
def right() -> dict[str, object]:
    """Return the recorded answers, by question: nonsense has their shape."""
    entries = [entry for part in WHOLE for entry in whole(part) if entry["type"] == "answer"]
    return {entry["question"]: entry["value"] for entry in entries}


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each look into a file what it prepares anew each time: the exported model, and decoded images."""
    models_dir().mkdir(parents=True, exist_ok=True)
    shutil.copy(MODEL, models_dir() / FP32_NAME)
    monkeypatch.setattr(labs.data.dataset, "load_split", functools.cache(labs.data.dataset.load_split))


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize("part", PARTS)
def test_a_student_who_writes_nonsense_earns_next_to_nothing(
    part: str, right: dict[str, object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """At most one point in twenty, of those that are not predictions; functions earn nothing."""
    asked = [one for one in ASKED if one.part == part]
    earned = {}
    for one in asked:
        beside = [*needed(one), *recorded(one)]
        if got := points(one, right.get(one.id), beside, tmp_path):
            earned[one.id] = got
    most = sum(one.points for one in all_checkpoints() if one.part == part and one.kind != "prediction")
    with capsys.disabled():
        print(f"\n{part}: blindly {sum(earned.values())} of {most} points: {earned}")
    assert sum(earned.values()) <= MOST * most


def points(question: Checkpoint, right: object, entries: list[dict], folder: Path) -> int:
    """Return the points that a blind student earns at a question.

    Args:
        question: Asks for an answer or a file.
        right: Its recorded answer, or None.
        entries: What was measured and seen.
        folder: For files of nonsense.
    """
    records, is_file = as_records(entries), question.kind == "artefact"
    attempts = itertools.chain(_files(folder), _texts(NONSENSE, folder)) if is_file else _answers(right)
    return question.points if any(_judged(question, one, records).ok for one in attempts) else 0


def _judged(question: Checkpoint, attempt: object, records: Records) -> Verdict:
    if question.kind == "artefact":
        try:
            facts = facts_about(attempt, question.asks.inspect)
        except Exception as error:  # a broken file breaks a library in its own way
            return failed("This cannot be read as what was asked for.", yours=f"{type(error).__name__}: {error}")
        return question.verdict(Records((*records, Observation(SUBJECT + question.id, facts, _NOW))))
    form = getattr(question.asks, "form", None)
    try:
        kept = fitted(plain(attempt), form) if form is not None else plain(attempt)
    except NotAnsweredError:
        return missing("Not answered.")
    except (TypeError, ValueError) as error:
        return failed(str(error))
    if form is not None and (fault := fault_of_form(kept, form)):
        return failed(fault)
    return question.verdict(Records((*records, Answer(question.id, kept, _NOW))))


def _files(folder: Path) -> Iterator[Path]:
    for name, content in FILES.items():
        path = folder / f"{name}.onnx"
        path.write_bytes(content)
        yield path


def _texts(values: Iterable[object], folder: Path) -> Iterator[Path]:
    # Looking into a file takes a library its time, and a few words in it are as good as many.
    for number, value in enumerate(itertools.islice(values, 4)):
        path = folder / f"copied_{number}.json"
        path.write_text(str(value))
        yield path


def _answers(right: object) -> Iterator[object]:
    """Return nonsense of an answer's shape: the same in all places, or something else in each."""
    for value in NONSENSE:
        yield _filled(right, itertools.repeat(value))
    dice = random.Random(str(right))
    for _ in range(_MOST_TRIES):
        yield _filled(right, iter(lambda: dice.choice(NONSENSE), None))


def _filled(right: object, values: Iterator[object]) -> object:
    if isinstance(right, dict):
        return {name: _filled(part, values) for name, part in right.items()}
    if isinstance(right, list):
        return [_filled(part, values) for part in right]
    return next(values)
