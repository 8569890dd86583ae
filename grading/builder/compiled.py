"""The students' part of the questions: plain data, with arguments, expected results and messages.

A case's expected result is that of the lesson's solution, after its arguments passed through JSON.
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
from grading.builder.questions import Case, written
from labs.course.cells import define, names
from labs.course.lessons import Lesson, LessonError
from labs.judge.calls import call, encode

#: How often a function's cases and its domain are drawn for the secret ones; cases that are the
#: same each time are asked once.
_DRAWS = 10
_DRAWS_OF_DOMAIN = 20


def compiled(lessons: Iterable[Lesson]) -> str:
    """Return the questions of some lessons as the text of ``questions.json``."""
    questions = {}
    for lesson in lessons:
        for id in written(lesson):
            questions[id] = shipped(lesson, id)
    text = json.dumps(questions, indent=1, ensure_ascii=False)
    return f"{text}\n"


def shipped(lesson: Lesson, id: str) -> dict[str, Any]:
    """Return one question as plain data, with its public cases."""
    asked = written(lesson)[id]
    values = {name: value for name, value in asked.values.items() if not _is_empty(value)}
    if asked.cases:
        random = np.random.default_rng(zlib.crc32(id.encode()))
        values["name"] = solutions(lesson)[id].__name__
        values["cases"] = drawn(lesson, id, random)
    return values


def _is_empty(value: object) -> bool:
    return value in ("", [], {}, None)


def drawn(lesson: Lesson, id: str, random: np.random.Generator) -> list[dict[str, Any]]:
    """Return a function's cases as a generator draws them, with the results of the lesson's
    solution.

    Raises:
        LessonError: The solution stops on one of them.
    """
    draw = written(lesson)[id].cases
    if draw is None:
        raise LessonError(f"{id} asks for no function")
    return answered(lesson, id, draw(random))


def answered(lesson: Lesson, id: str, cases: Iterable[Case]) -> list[dict[str, Any]]:
    """Return cases with the results of the lesson's solution.

    Raises:
        LessonError: The solution stops on one of them.
    """
    arguments = []
    sentences = []
    for values, sentence in cases:
        arguments.append(encode(list(values)))
        sentences.append(sentence)
    outputs = call(solutions(lesson)[id], arguments)
    for given, output in zip(arguments, outputs, strict=True):
        if "value" not in output:
            error = f"{output['raised']}: {output['said']}"
            raise LessonError(f"{id}: the solution stops with {error}, given {given}")
    # By name, since what a solution collects in a set comes in another order in each process.
    results = json.loads(json.dumps([output["value"] for output in outputs], sort_keys=True))
    return [
        {"args": given, "expected": result, "says": sentence}
        for given, result, sentence in zip(arguments, results, sentences, strict=True)
    ]


def secret_cases(lessons: Iterable[Lesson], seed: str) -> dict[str, list[dict[str, Any]]]:
    """Return hidden cases of all functions in some lessons, by question, in another order.

    Recited results fail: the order differs from the public one, and each function has several
    draws, so the most similar public case is no answer.
    """
    secret = {}
    for lesson in lessons:
        for id, asked in written(lesson).items():
            if asked.cases:
                digest = hashlib.sha256(f"{seed}\0{id}".encode()).digest()
                random = np.random.default_rng(int.from_bytes(digest[:8]))
                secret[id] = _shuffled_draws(lesson, id, random)
    return secret


def _shuffled_draws(lesson: Lesson, id: str, random: np.random.Generator) -> list[dict[str, Any]]:
    """Return the cases of several draws, each once, in another order."""
    by_arguments = {}
    for _ in range(_DRAWS):
        for case in drawn(lesson, id, random):
            by_arguments[json.dumps(case["args"])] = case
    if draw := written(lesson)[id].domain:
        calls = [(draw(random), "") for _ in range(_DRAWS_OF_DOMAIN)]
        for case in answered(lesson, id, calls):
            by_arguments.setdefault(json.dumps(case["args"]), case)
    cases = list(by_arguments.values())
    return [cases[int(place)] for place in random.permutation(len(cases))]


def solutions(lesson: Lesson) -> dict[str, Callable]:
    """Return the functions that a lesson's solved cells hand to ``check``, by question."""
    return {id: function for id, (_, function) in _solved(lesson).items()}


def cell_of(lesson: Lesson, id: str) -> str:
    """Return the solved cell of a question that asks for a function."""
    cell, _ = _solved(lesson)[id]
    return cell


def _solved(lesson: Lesson) -> dict[str, tuple[str, Callable]]:
    return _solved_at(lesson, (lesson.folder / "lesson.py").stat().st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _solved_at(lesson: Lesson, changed_ns: int) -> dict[str, tuple[str, Callable]]:
    functions = {id for id, asked in written(lesson).items() if asked.cases}
    solved = {}
    for cell in build(lesson, solved=True).cells:
        id = cell.metadata.get("question", "")
        if id not in functions:
            continue
        handed = [name for asked, name in checks(ast.parse(cell.source)) if asked == id]
        scope = names(cell.source)
        define(cell.source, scope)
        if len(handed) != 1 or handed[0] not in scope:
            raise LessonError(
                f"{lesson.name}: the cell of {id!r} has to define a function and check it"
            )
        solved[id] = cell.source, scope[handed[0]]
    if missing := functions - solved.keys():
        raise LessonError(f'{lesson.name}: no cell says question="{min(missing)}"')
    return solved


def checks(tree: ast.AST) -> list[tuple[str, str]]:
    """Return id and second argument, as source, of all calls of ``check`` in a cell."""
    return [(id, ast.unparse(rest[0]) if rest else "") for id, rest in _calls(tree, "check")]


def require_whole(wanted: Iterable[Lesson]) -> None:
    """Make sure that lessons ask and check what their questions say, each once.

    Raises:
        LessonError: Something is missing or left over; the message names all ids concerned.
    """
    faults: list[str] = []
    for lesson in wanted:
        faults += _faults_of(lesson)
    if faults:
        raise LessonError("; ".join(faults))


def _faults_of(lesson: Lesson) -> Iterator[str]:
    """Yield what a lesson's cells and its questions do not both have."""
    asked = written(lesson)
    by_predicting = {id for id in asked if asked[id].values["kind"] == "prediction"}
    by_checking = asked.keys() - by_predicting
    carried, checked, predicted = set(), set(), set()
    for cell in build(lesson, solved=True).cells:
        if cell.cell_type != "code":
            continue
        if "question" in cell.metadata:
            carried.add(cell.metadata.question)
        tree = _parsed(cell.source)
        checked |= {id for id, _ in checks(tree)}
        predicted |= {id for id, _ in _calls(tree, "predict")}
    faults = {
        "is written, and no cell carries it": by_checking - carried,
        "is carried, and not written": carried - asked.keys(),
        "is written, and never checked": by_checking - checked,
        "is checked, and not written": checked - asked.keys(),
        "is written, and never predicted": by_predicting - predicted,
        "is predicted, and not written": predicted - asked.keys(),
    }
    for fault, ids in faults.items():
        for id in sorted(ids):
            yield f"{lesson.name}: {id} {fault}"


def _calls(tree: ast.AST, name: str) -> Iterator[tuple[str, list[ast.expr]]]:
    """Yield id and further arguments of each call of a function by this name."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=called), args=[ast.Constant(value=str(id)), *rest]) if (
                called == name
            ):
                yield id, rest


@functools.lru_cache(maxsize=4096)
def _parsed(source: str) -> ast.Module:
    """Return a cell's code; of a cell for another program (``%%writefile``), nothing."""
    from IPython.core.inputtransformer2 import TransformerManager

    if source.startswith("%%"):
        return ast.parse("")
    return ast.parse(TransformerManager().transform_cell(source))
