"""A student who looks at nothing but the cards: fills every stub with nonsense, then copies what the cards show."""

from __future__ import annotations

import ast
import html
import itertools
import random
import re
from collections.abc import Iterator
from pathlib import Path

from grading.checkpoints import Checkpoint, Verdict, as_records, missing
from grading.checkpoints.artefacts import SUBJECT, facts_about
from grading.checkpoints.cards import verdict_card
from grading.checkpoints.registry import failed
from grading.checkpoints.values import NotAnsweredError, fault_of_form, fitted, plain
from labs.records import Answer, Observation, Records

NONSENSE = (0, 1, -1, 3.7, 100, 1e9, True, "nonsense", "", "1", [], [1, 2], ["nonsense"], {}, {"a": 1})

#: Files of nonsense by what they hold.
FILES = {"empty": b"", "text": b"nonsense", "json": b"{}", "binary": bytes(range(256)) * 8}

#: Tries of one question that copy from its cards.
_MOST_COPIES = 150

_NOW = "2027-01-01T00:00:00+00:00"


class Dots:
    """Stands for the dots in a stub."""


def points(question: Checkpoint, stub: str, entries: list[dict], folder: Path) -> int:
    """Return the points that a blind student earns at a question.

    Args:
        question: The question; not a prediction.
        stub: Source of its cell.
        entries: What was measured and seen.
        folder: For files of nonsense.
    """
    records, seen = as_records(entries), ""
    tries = {"function": _functions, "artefact": _artefacts}.get(question.kind, _answers)
    for count, attempt in enumerate(tries(NONSENSE, stub, folder), start=1):
        verdict = _judged(question, attempt, records)
        if verdict.ok:
            return question.points
        seen += _shown(question, verdict, count)
    for attempt in itertools.islice(tries(_copied(seen), stub, folder), _MOST_COPIES):
        if _judged(question, attempt, records).ok:
            return question.points
    return 0


def _shown(question: Checkpoint, verdict: Verdict, tries: int) -> str:
    """Return all that a card shows, as text."""
    card = verdict_card(question, verdict, tries=tries)
    return f" {card!r} " + html.unescape(re.sub(r"<[^>]*>", " ", card._repr_html_()))


def _copied(seen: str) -> list[object]:
    """Return numbers, words and phrases of some cards, each once."""
    numbers = [float(one) for one in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e-?\d+)?", seen)]
    phrases = re.findall(r"`([^`]+)`|'([^']+)'|\"([^\"]+)\"", seen)
    words = re.findall(r"[A-Za-z][\w.-]+", seen)
    found: list[object] = [*numbers, *(int(one) for one in numbers if one == int(one))]
    found += [part for phrase in phrases for part in phrase if part]
    return list(dict.fromkeys([*found, *words]))


def _judged(question: Checkpoint, attempt: object, records: Records) -> Verdict:
    if question.kind == "function":
        return question.verdict(
            Records((*records, Answer(question.id, question.asks.tried(attempt, records).answer, _NOW)))
        )
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


def _functions(values, stub: str, folder: Path) -> Iterator[object]:
    """Return functions that return a value whatever they are asked, or one of their arguments."""
    for value in values:
        yield lambda *arguments, value=value: value
    for place in range(4):
        yield lambda *arguments, place=place: arguments[place]
    for built_in in (len, sum, max, min, sorted, bool, str):
        yield lambda *arguments, built_in=built_in: built_in(arguments[0])
    for pair in itertools.pairwise(values):
        yield lambda *arguments, pair=pair: list(pair)


def _artefacts(values, stub: str, folder: Path) -> Iterator[object]:
    """Return files, and things that are no file."""
    for name, content in FILES.items():
        path = folder / f"{name}.onnx"
        path.write_bytes(content)
        yield path
    # Looking into a file takes a library its time, and a few words in it are as good as many.
    for number, value in enumerate(itertools.islice(values, 4)):
        path = folder / f"copied_{number}.json"
        path.write_text(str(value))
        yield path


def _answers(values, stub: str, folder: Path) -> Iterator[object]:
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
        for _ in range(_MOST_COPIES // 2):
            yield _filled(shape, iter(dice.choices(values, k=count)))


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
