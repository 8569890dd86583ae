"""Solved notebooks: for instructors and tests, in a folder that the caller names, never beside the lessons."""

import re
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from grading.builder.notebook import build, text_of
from grading.builder.questions import Asked, written
from labs.course.lessons import NOTEBOOKS_DIR, Lesson, LessonError


def solve(lesson: Lesson) -> NotebookNode:
    """Return a lesson's solved notebook, not run yet, with a warning on top."""
    notebook = build(lesson, solved=True)
    asked = {id.replace(".", "-"): one for id, one in written(lesson).items()}
    for cell in notebook.cells:
        if cell.source.startswith("predict(") and cell.id in asked:
            for name, value in guesses(asked[cell.id]).items():
                cell.source = re.sub(rf"\b{name}=\.\.\.", f"{name}={value!r}", cell.source)
    warning = nbformat.v4.new_markdown_cell("> **Solved.** For instructors; not to be handed to students.")
    warning.id = "solved"
    notebook.cells.insert(0, warning)
    return notebook


def guesses(asked: Asked) -> dict[str, float]:
    """Return something to predict by name: 1, or the nearest number that may be meant."""
    low, high = asked.values["between"]
    return dict.fromkeys(asked.values["fields"], min(max(1, low), high))


def write_solved(wanted: Iterable[Lesson], folder: Path) -> list[Path]:
    """Write solved notebooks to a folder and return their paths, in the lessons' order.

    Raises:
        LessonError: The folder lies among the lessons, where students would find them.
    """
    folder = folder.resolve()
    if folder.is_relative_to(NOTEBOOKS_DIR.resolve()):
        raise LessonError(f"{folder} lies among the lessons, where students would find it: name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for lesson in wanted:
        path = folder / lesson.notebook.name
        path.write_text(text_of(solve(lesson)), encoding="utf-8")
        written.append(path)
    return written
