"""From a lesson and the answer key to its solved notebook: each stub is replaced by the answer of the same id.

Answers stand in ``grading/answers/*.py`` as py:percent cells that carry ``checkpoint="…"``. They never leave this room:
solved notebooks are written to a folder that the caller names, never beside the lessons.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from grading.builder.notebook import build, read_source, text_of
from grading.checkpoints import Checkpoint, all_checkpoints
from labs.course import NOTEBOOKS_DIR, Lesson, LessonError, lessons

#: Where the answers live.
ANSWERS_DIR = Path(__file__).parents[1] / "answers"


class AnswerKeyError(LessonError):
    """Lessons, checkpoints and answers do not fit together; the message names the id."""


@dataclass(frozen=True)
class AnswerKey:
    """Answer cells by checkpoint id."""

    #: Code that replaces a student's cell.
    answers: dict[str, str]

    @classmethod
    def read(cls, folder: Path = ANSWERS_DIR) -> AnswerKey:
        """Return the answers of all files in a folder.

        Raises:
            AnswerKeyError: A cell says no checkpoint, two cells say the same, or one still holds a stub.
        """
        answers: dict[str, str] = {}
        for path in sorted(folder.glob("*.py")):
            for cell in read_source(path).cells:
                if cell.cell_type != "code" or _is_docstring(cell.source):
                    continue
                name = cell.metadata.get("checkpoint")
                if not name:
                    raise AnswerKeyError(f'{path.name}: a cell says no checkpoint="…": {cell.source[:60]!r}')
                if name in answers:
                    raise AnswerKeyError(f"{path.name}: {name} is answered twice")
                if has_stub(cell.source):
                    raise AnswerKeyError(f"{path.name}: the answer to {name} still holds the stub's dots")
                answers[name] = cell.source
        return cls(answers)


def graft_answers(notebook: NotebookNode, key: AnswerKey) -> NotebookNode:
    """Replace each checkpoint cell's source by its answer; ids and everything else stay.

    Raises:
        AnswerKeyError: A checkpoint has no answer, or its cell in the lesson holds no stub (an answer has leaked).
    """
    for cell in checkpoint_cells(notebook):
        name = cell.metadata.checkpoint
        if name not in key.answers:
            raise AnswerKeyError(f"{name} has no answer in grading/answers")
        if not has_stub(cell.source):
            raise AnswerKeyError(f"{name}: the lesson's cell holds no dots to replace; has its answer leaked?")
        cell.source = key.answers[name]
    return notebook


def solve(lesson: Lesson, key: AnswerKey) -> NotebookNode:
    """Return a lesson's solved notebook, not run yet, with a warning on top.

    Raises:
        AnswerKeyError: Lesson and answers do not fit together.
    """
    notebook = graft_answers(build(lesson), key)
    warning = nbformat.v4.new_markdown_cell("> **Solved.** For instructors; not to be handed to students.")
    warning.id = "solved"
    notebook.cells.insert(0, warning)
    return notebook


def write_solved(wanted: Iterable[Lesson], folder: Path) -> list[Path]:
    """Write solved notebooks to a folder and return their paths, in the lessons' order.

    Raises:
        AnswerKeyError: The folder lies among the lessons, or lessons and answers do not fit together.
    """
    folder = folder.resolve()
    if folder.is_relative_to(NOTEBOOKS_DIR.resolve()):
        raise AnswerKeyError(f"{folder} lies among the lessons, where students would find it: name another folder")
    key = AnswerKey.read()
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for lesson in wanted:
        path = folder / lesson.notebook.name
        path.write_text(text_of(solve(lesson, key)), encoding="utf-8")
        written.append(path)
    return written


def require_whole(wanted: Sequence[Lesson]) -> None:
    """Make sure that each checkpoint of these lessons stands in one cell, is checked, and has one answer.

    Args:
        wanted: Lessons to look at; with all of them, an answer that no lesson asks for is a fault too.

    Raises:
        AnswerKeyError: Something is missing or left over; the message names all ids concerned.
    """
    asked: list[str] = []
    checked: dict[str, set[str]] = {}
    for lesson in wanted:
        notebook = build(lesson)
        asked += [cell.metadata.checkpoint for cell in checkpoint_cells(notebook)]
        for name, handed in _checks(notebook):
            checked.setdefault(name, set()).add(handed)
    numbers = {lesson.whole_number for lesson in wanted}
    defined = {one.id for one in all_checkpoints() if one.lesson in numbers}
    answered = set(AnswerKey.read().answers)
    # Where measuring is the answer, no cell has to be filled in: the check asks.
    by_measuring = {one.id for one in all_checkpoints() if getattr(one.asks, "evidence_only", False)} & set(checked)
    faults = {
        "stands in two cells": {name for name in asked if asked.count(name) > 1},
        "is defined but its lesson does not ask for it": defined - set(asked) - by_measuring,
        "is asked for but not defined": set(asked) - defined,
        "is asked for but never checked": set(asked) - set(checked),
        "is checked without what it asks for, `check(id, …)`": {
            one.id for one in all_checkpoints() if one.id in checked and not _handed_over(one, checked[one.id])
        },
        "is asked for but not answered": set(asked) - answered,
        "is answered but no lesson asks for it": answered - set(asked) if len(wanted) == len(lessons()) else set(),
    }
    found = [f"{name} {fault}" for fault, names in faults.items() for name in sorted(names)]
    if found:
        raise AnswerKeyError("; ".join(found))


def checkpoint_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the cells that carry a checkpoint, in order."""
    return [cell for cell in notebook.cells if "checkpoint" in cell.metadata]


def has_stub(source: str) -> bool:
    """Return whether code still holds the stub's dots: ``...``, or a text with a line of nothing but them."""
    return any(isinstance(node, ast.Constant) and _is_dots(node.value) for node in ast.walk(_parsed(source)))


def _is_dots(value: object) -> bool:
    return value is ... or (isinstance(value, str) and "..." in map(str.strip, value.splitlines()))


def _is_docstring(source: str) -> bool:
    body = ast.parse(source).body
    return len(body) == 1 and isinstance(body[0], ast.Expr) and isinstance(getattr(body[0].value, "value", 0), str)


def _handed_over(checkpoint: Checkpoint, handed: set[str]) -> bool:
    """Return whether a check is given the function or the file that its question asks for."""
    if checkpoint.kind == "function":
        return handed == {checkpoint.asks.name}
    return handed == {""} if checkpoint.kind != "artefact" else "" not in handed


def _checks(notebook: NotebookNode) -> list[tuple[str, str]]:
    """Return id and second argument, as source, of all calls of ``check`` in a notebook."""
    calls = [
        node
        for cell in notebook.cells
        if cell.cell_type == "code"
        for node in ast.walk(_parsed(cell.source))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "check"
    ]
    return [
        (call.args[0].value, ast.unparse(call.args[1]) if len(call.args) > 1 else "")
        for call in calls
        if call.args and isinstance(call.args[0], ast.Constant)
    ]


def _parsed(source: str) -> ast.Module:
    """Return a cell's code; of a cell for another program (``%%writefile``), what it holds if that is Python."""
    from IPython.core.inputtransformer2 import TransformerManager

    first, _, rest = source.partition("\n")
    try:
        return ast.parse(rest if first.startswith("%%") else TransformerManager().transform_cell(source))
    except SyntaxError:
        if first.startswith("%%"):
            return ast.parse("")
        raise
