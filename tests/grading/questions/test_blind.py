"""Nonsense earns next to nothing, though everything was measured.

A blind student fills every stub with nonsense. Functions without a thought are refused by ``test_contract.py``.
"""

from __future__ import annotations

import ast
import functools
import itertools
import random
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import labs.dataset
from grading.builder.notebook import build
from grading.builder.solve import checkpoint_cells
from grading.checkpoints import Checkpoint, Verdict, all_checkpoints, as_records, failed, missing
from grading.checkpoints.artefacts import SUBJECT, facts_about
from grading.checkpoints.registry import PARTS
from grading.checkpoints.values import NotAnsweredError, fault_of_form, fitted, plain
from labs.course import lessons
from labs.records import Answer, Observation, Records
from labs.serve.models import FP32_NAME
from labs.workspace import models_dir
from tests.grading.questions.beside import needed, recorded
from tests.grading.recorded import MODEL

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
def stubs() -> dict[str, str]:
    """Return the sources of all stubs, by question."""
    cells = [cell for lesson in lessons() for cell in checkpoint_cells(build(lesson))]
    return {cell.metadata.checkpoint: cell.source for cell in cells}


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each look into a file what it prepares anew each time: the exported model, and decoded images."""
    models_dir().mkdir(parents=True, exist_ok=True)
    shutil.copy(MODEL, models_dir() / FP32_NAME)
    monkeypatch.setattr(labs.dataset, "load_split", functools.cache(labs.dataset.load_split))


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize("part", PARTS)
def test_a_student_who_writes_nonsense_earns_next_to_nothing(
    part: str, stubs: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """At most one point in twenty, of those that are not predictions; functions earn nothing."""
    asked = [one for one in ASKED if one.part == part]
    earned = {}
    for one in asked:
        beside = [*needed(one), *recorded(one)]
        if got := points(one, stubs.get(one.id, ""), beside, tmp_path):
            earned[one.id] = got
    most = sum(one.points for one in all_checkpoints() if one.part == part and one.kind != "prediction")
    with capsys.disabled():
        print(f"\n{part}: blindly {sum(earned.values())} of {most} points: {earned}")
    assert sum(earned.values()) <= MOST * most


def points(question: Checkpoint, stub: str, entries: list[dict], folder: Path) -> int:
    """Return the points that a blind student earns at a question.

    Args:
        question: Asks for an answer or a file.
        stub: Source of its cell.
        entries: What was measured and seen.
        folder: For files of nonsense.
    """
    records, is_file = as_records(entries), question.kind == "artefact"
    attempts = itertools.chain(_files(folder), _texts(NONSENSE, folder)) if is_file else _answers(NONSENSE, stub)
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


def _answers(values: Iterable[object], stub: str) -> Iterator[object]:
    """Return answers of the stub's shape: its dots all the same, or some values after each other."""
    shape = shape_of(stub)
    count = _dots(shape)
    values = list(values)
    for value in values:
        yield _filled(shape, iter([value] * count))
    kinds = (
        [one for one in values if isinstance(one, kind) and not isinstance(one, bool)] for kind in (str, (int, float))
    )
    for kind in kinds:
        for place in range(len(kind) - count + 1) if count > 1 else ():
            yield _filled(shape, iter(kind[place : place + count]))
    if count > 1 and values:
        dice = random.Random(stub)
        for _ in range(_MOST_TRIES):
            yield _filled(shape, iter(dice.choices(values, k=count)))


class Dots:
    """Stands for the dots in a stub."""


def shape_of(stub: str) -> object:
    """Return the value that a stub hands over, with ``Dots`` for its dots and for whatever only the lesson knows."""
    tree = ast.parse(stub)
    names: dict[str, object] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            _assign(node.targets[0], _value(node.value, names), names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "answer" and len(node.args) == 2:
            return _value(node.args[1], names)
    return Dots


def _assign(target: ast.AST, value: object, names: dict[str, object]) -> None:
    if isinstance(target, ast.Name):
        names[target.id] = value
    elif isinstance(target, ast.Tuple | ast.List):
        parts = value if isinstance(value, list) and len(value) == len(target.elts) else [Dots] * len(target.elts)
        for one, part in zip(target.elts, parts, strict=True):
            _assign(one, part, names)


def _value(node: ast.AST, names: dict[str, object]) -> object:
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {key.value: _value(part, names) for key, part in pairs if isinstance(key, ast.Constant)}
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(part, names) for part in node.elts]
    if isinstance(node, ast.Name):
        return names.get(node.id, Dots)
    fixed = isinstance(node, ast.Constant) and node.value not in (..., "...", "")
    return node.value if fixed else Dots


def _dots(shape: object) -> int:
    if isinstance(shape, dict | list):
        return sum(map(_dots, shape.values() if isinstance(shape, dict) else shape))
    return int(shape is Dots)


def _filled(shape: object, values: Iterator[object]) -> object:
    if isinstance(shape, dict):
        return {name: _filled(part, values) for name, part in shape.items()}
    if isinstance(shape, list):
        return [_filled(part, values) for part in shape]
    return next(values) if shape is Dots else shape
