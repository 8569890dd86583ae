"""What students get of the questions: plain data, with arguments, expected results and sentences.

A case's expected result is what the lesson's own solution returns, after the arguments' trip through JSON.
"""

import ast
import functools
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from grading.builder.notebook import build
from grading.builder.questions import written
from labs.course.calls import call, encode
from labs.course.cells import define, names
from labs.course.lessons import Lesson, LessonError

#: How often a function's secret cases are drawn; those that are the same each time are asked once.
_DRAWS = 10


def compiled(lessons: Iterable[Lesson]) -> str:
    """Return the questions of some lessons as the text of ``questions.json``."""
    found = {id: shipped(lesson, id) for lesson in lessons for id in written(lesson)}
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def shipped(lesson: Lesson, id: str) -> dict[str, Any]:
    """Return one question as plain data, with its public cases."""
    asked = written(lesson)[id]
    values = {
        name: value for name, value in asked.values.items() if value not in ("", [], {}, None)
    }
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
            raise LessonError(
                f"{id}: the solution stops with {one['raised']}: {one['said']}, given {arguments}"
            )
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
                random = np.random.default_rng(
                    int.from_bytes(hashlib.sha256(f"{seed}\0{id}".encode()).digest()[:8])
                )
                cases = {
                    json.dumps(one["args"]): one
                    for _ in range(_DRAWS)
                    for one in drawn(lesson, id, random)
                }
                found[id] = [
                    list(cases.values())[int(place)] for place in random.permutation(len(cases))
                ]
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
            raise LessonError(
                f"{lesson.name}: the cell of {id!r} has to define a function and check it"
            )
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
        found += [
            f"{lesson.name}: {id} {fault}" for fault, ids in faults.items() for id in sorted(ids)
        ]
    if found:
        raise LessonError("; ".join(found))


def _calls(tree: ast.AST, name: str) -> Iterator[tuple[str, list[ast.expr]]]:
    """Yield id and further arguments of each call of a function by this name."""
    for one in ast.walk(tree):
        match one:
            case ast.Call(func=ast.Name(id=called), args=[ast.Constant(value=str(id)), *rest]) if (
                called == name
            ):
                yield id, rest


@functools.lru_cache(maxsize=4096)
def _parsed(source: str) -> ast.Module:
    """Return a cell's code; of a cell for another program (``%%writefile``), nothing."""
    from IPython.core.inputtransformer2 import TransformerManager

    return ast.parse("" if source.startswith("%%") else TransformerManager().transform_cell(source))
