"""How questions are written, and what of them leaves the instructor's side.

A lesson's ``questions.py`` stands beside its ``lesson.py`` and uses ``question`` and ``prediction``. ``compiled`` turns
both into plain data: arguments, expected results, sentences. A case's expected result is what the lesson's own solution
returns, after the arguments' trip through JSON.
"""

import ast
import functools
import hashlib
import json
import runpy
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grading.builder.notebook import build
from labs.course.calls import call, encode
from labs.course.cells import define, names
from labs.course.lessons import Lesson, LessonError

#: One case: the arguments, and the sentence for whoever fails just there; an empty one says nothing of its own.
Case = tuple[tuple, str]
Cases = Callable[[np.random.Generator], Iterator[Case]]


@dataclass
class Asked:
    """A question as its author wrote it."""

    #: What is shipped as it stands (fields of ``labs.course.question.Question``).
    values: dict[str, Any]
    #: Draws a function's cases.
    cases: Cases | None = None
    #: Facts that keep all rules; the tests break them one by one.
    good: Mapping[str, Any] = field(default_factory=dict)
    #: Of a function: another right way to write it (``another``).
    another: Callable | None = None


#: How often a function's secret cases are drawn; those that are the same each time are asked once.
_DRAWS = 10

_WRITTEN: dict[str, Asked] = {}


def question(
    id: str,
    title: str,
    *,
    points: int,
    hint: str = "",
    file: str = "",
    records: str = "",
    form: object = None,
    rules: Sequence[tuple[str, Any, str]] = (),
    good: Mapping[str, Any] | None = None,
    gate: Sequence[str] = (),
    told: bool = False,
    opened_by: str = "",
    again: Mapping[str, int] | None = None,
) -> Callable[[Cases], Cases]:
    """Ask for a function, by decorating the generator of its cases; or for a file, an answer or records, by rules.

    Args:
        file: 'module:function' that returns facts about what was handed over: a path, a class, a program.
        records: 'module:function' that returns facts about the ledger's records.
        form: What an answer looks like (``labs.course.rules.fitted``); its facts come from ``records``.
        rules: What has to hold of the facts, in order (``labs.course.rules``).
        good: Facts that keep all rules.
        gate: What a machine must be able to do for it to be earned there.
        told: Of a file: that the grader cannot open it again, so that its points are for taking part.
        opened_by: Of a file: how the grader opens it, if not by ``file``: 'model' for an ONNX file, which it measures
            again, or the 'module:function' of a reader that needs no server.
        again: Points on top for what the grader opens itself, by what it looks at (``grading.grade.hidden``); of a
            function, 3 for being right on cases that nobody has seen, unless others are named.
    """
    kind = "file" if file else "answer" if form is not None else "records" if records else "function"
    values = {"title": title, "kind": kind, "points": points, "hint": hint, "gate": list(gate), "form": form}
    values |= ({"told": True} if told else {}) | {"opened_by": opened_by}
    values["again"] = {"computed": 3} if kind == "function" and again is None else dict(again or {})
    asked = Asked(values | {"reads": file or records, "rules": [list(rule) for rule in rules]}, good=good or {})
    _write(id, asked)

    def cases(draw: Cases) -> Cases:
        asked.cases = draw
        return draw

    return cases


def another(id: str) -> Callable[[Callable], Callable]:
    """Give another right way to write the function that the question above asks for, whatever its cases draw.

    Worth its lines if right ways may part: at a tie, half-way between two numbers, on a bound, or in the result's type.

    Raises:
        LessonError: There is no such question above.
    """
    if id not in _WRITTEN:
        raise LessonError(f"@another({id!r}) belongs to no question above it: put it below its @question")

    def solution(function: Callable) -> Callable:
        _WRITTEN[id].another = function
        return function

    return solution


def prediction(
    id: str,
    title: str,
    *,
    about: Mapping[str, Any],
    unit: str = "",
    between: tuple[float, float] = (0.0, 1e12),
    points: int = 1,
    gate: Sequence[str] = (),
    **fields: str,
) -> None:
    """Ask for numbers before they are measured.

    Args:
        about: Fields of the records that it must precede: ``{"kind": "latency", "option": …}``, ``{"subject": …}``.
        between: Numbers outside are taken for slips of the unit.
        fields: For each name, the label of its number.
    """
    values = {"title": title, "kind": "prediction", "points": points, "about": dict(about), "unit": unit}
    _write(id, Asked(values | {"between": list(between), "gate": list(gate), "fields": fields}))


def _write(id: str, asked: Asked) -> None:
    if id in _WRITTEN:
        raise LessonError(f"question {id!r} is written twice")
    _WRITTEN[id] = asked


def written(lesson: Lesson) -> dict[str, Asked]:
    """Return a lesson's questions as their author wrote them, by id.

    Raises:
        LessonError: A question belongs to another lesson by its id, or has no cases and no rules.
    """
    path = lesson.folder / "questions.py"
    return dict(_written(lesson, path.stat().st_mtime_ns)) if path.is_file() else {}


@functools.lru_cache(maxsize=256)
def _written(lesson: Lesson, changed_ns: int) -> dict[str, Asked]:
    _WRITTEN.clear()
    runpy.run_path(str(lesson.folder / "questions.py"))
    found = dict(_WRITTEN)
    for id, asked in found.items():
        if id.partition(".")[0] != lesson.id:
            raise LessonError(f"{lesson.name}: question {id!r} has to begin with '{lesson.id}.'")
        if asked.values["kind"] == "function" and asked.cases is None:
            raise LessonError(f"{lesson.name}: question {id!r} has no cases; decorate a generator of them")
    return found


def compiled(lessons: Iterable[Lesson]) -> str:
    """Return the questions of some lessons as the text of ``questions.json``."""
    found = {id: shipped(lesson, id) for lesson in lessons for id in written(lesson)}
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def shipped(lesson: Lesson, id: str) -> dict[str, Any]:
    """Return one question as plain data, with its public cases."""
    asked = written(lesson)[id]
    values = {name: value for name, value in asked.values.items() if value not in ("", [], {}, None)}
    if asked.cases:
        values["name"] = solutions(lesson)[id].__name__
        values["cases"] = drawn(lesson, id, np.random.default_rng(zlib.crc32(id.encode())))
    return values


def drawn(lesson: Lesson, id: str, random: np.random.Generator) -> list[dict[str, Any]]:
    """Return a function's cases as a generator draws them, with what the lesson's solution returns.

    Raises:
        LessonError: The solution stops on one of them.
    """
    draw = written(lesson)[id].cases
    if draw is None:
        raise LessonError(f"{id} asks for no function")
    made = [(encode(list(arguments)), says) for arguments, says in draw(random)]
    done = call(solutions(lesson)[id], [arguments for arguments, _ in made])
    for (arguments, _), one in zip(made, done, strict=True):
        if "value" not in one:
            raise LessonError(f"{id}: the solution stops with {one['raised']}: {one['said']}, given {arguments}")
    # By name, since what a solution collects in a set comes in another order in each process.
    results = json.loads(json.dumps([one["value"] for one in done], sort_keys=True))
    return [
        {"args": arguments, "expected": result, "says": says}
        for (arguments, says), result in zip(made, results, strict=True)
    ]


def secret_cases(lessons: Iterable[Lesson], seed: str) -> dict[str, list[dict[str, Any]]]:
    """Return cases that nobody has seen of all functions that some lessons ask for, by question, in another order.

    Neither results that are recited one after the other fit them, nor those of the public case that is most alike: what
    is drawn is drawn several times.
    """
    found = {}
    for lesson in lessons:
        for id, asked in written(lesson).items():
            if asked.cases:
                random = np.random.default_rng(int.from_bytes(hashlib.sha256(f"{seed}\0{id}".encode()).digest()[:8]))
                cases = {json.dumps(one["args"]): one for _ in range(_DRAWS) for one in drawn(lesson, id, random)}
                found[id] = [list(cases.values())[int(place)] for place in random.permutation(len(cases))]
    return found


def solutions(lesson: Lesson) -> dict[str, Callable]:
    """Return the functions that a lesson's solved cells hand to ``check``, by question."""
    return dict(_solutions(lesson, (lesson.folder / "lesson.py").stat().st_mtime_ns))


@functools.lru_cache(maxsize=256)
def _solutions(lesson: Lesson, changed_ns: int) -> dict[str, Callable]:
    functions = {id for id, asked in written(lesson).items() if asked.cases}
    found = {}
    for cell in build(lesson, solved=True).cells:
        id = cell.metadata.get("question", "")
        if id not in functions:
            continue
        handed = [name for asked, name in checks(ast.parse(cell.source)) if asked == id]
        define(cell.source, scope := names())
        if len(handed) != 1 or handed[0] not in scope:
            raise LessonError(f"{lesson.name}: the cell of {id!r} has to define a function and check it")
        found[id] = scope[handed[0]]
    if missing := functions - found.keys():
        raise LessonError(f'{lesson.name}: no cell says question="{min(missing)}"')
    return found


def checks(tree: ast.AST) -> list[tuple[str, str]]:
    """Return id and second argument, as source, of all calls of ``check`` in a cell."""
    return [(id, ast.unparse(rest[0]) if rest else "") for id, rest in _calls(tree, "check")]


def require_whole(wanted: Iterable[Lesson]) -> None:
    """Make sure that lessons ask and check what their questions say, each once.

    Raises:
        LessonError: Something is missing or left over; the message names all ids concerned.
    """
    found = []
    for lesson in wanted:
        asked = written(lesson)
        cells = [cell for cell in build(lesson, solved=True).cells if cell.cell_type == "code"]
        carried = {cell.metadata.question for cell in cells if "question" in cell.metadata}
        checked, predicted = set(), set()
        for cell in cells:
            checked |= {id for id, _ in checks(_parsed(cell.source))}
            predicted |= {id for id, _ in _calls(_parsed(cell.source), "predict")}
        by_checking = {id for id, one in asked.items() if one.values["kind"] != "prediction"}
        faults = {
            "is written, and no cell carries it": by_checking - carried,
            "is carried, and not written": carried - asked.keys(),
            "is written, and never checked": by_checking - checked,
            "is checked, and not written": checked - asked.keys(),
            "is written, and never predicted": asked.keys() - by_checking - predicted,
            "is predicted, and not written": predicted - asked.keys(),
        }
        found += [f"{lesson.name}: {id} {fault}" for fault, ids in faults.items() for id in sorted(ids)]
    if found:
        raise LessonError("; ".join(found))


def _calls(tree: ast.AST, name: str) -> Iterator[tuple[str, list[ast.expr]]]:
    """Yield id and further arguments of each call of a function by this name."""
    for one in ast.walk(tree):
        match one:
            case ast.Call(func=ast.Name(id=called), args=[ast.Constant(value=str(id)), *rest]) if called == name:
                yield id, rest


@functools.lru_cache(maxsize=4096)
def _parsed(source: str) -> ast.Module:
    """Return a cell's code; of a cell for another program (``%%writefile``), nothing."""
    from IPython.core.inputtransformer2 import TransformerManager

    return ast.parse("" if source.startswith("%%") else TransformerManager().transform_cell(source))


def at_least(least: float) -> dict[str, Any]:
    """Return what holds a number to a lower bound."""
    return {"at least": least}


def at_most(most: float) -> dict[str, Any]:
    """Return what holds a number to an upper bound."""
    return {"at most": most}


def one_of(*values: object) -> dict[str, Any]:
    """Return what holds a value to some others."""
    return {"one of": list(values)}


def not_(value: object) -> dict[str, Any]:
    """Return what forbids one value."""
    return {"is not": value}


def holds(value: object) -> dict[str, Any]:
    """Return what asks a text or a list to hold something."""
    return {"holds": value}


def fact(name: str, *, near: bool = False) -> dict[str, Any]:
    """Return what holds a value to another fact; ``near`` leaves one per cent."""
    return {"near fact" if near else "is fact": name}
