"""Solved notebooks for rehearsals and for tests."""

import re

import nbformat
from nbformat import NotebookNode

from grading.builder.notebook import build
from grading.builder.questions import Asked, written
from labs.course.lessons import Lesson


def solve(lesson: Lesson) -> NotebookNode:
    """Return a lesson's solved notebook, not run yet, with a warning on top."""
    notebook = build(lesson, solved=True)
    by_cell = {id.replace(".", "-"): asked for id, asked in written(lesson).items()}
    for cell in notebook.cells:
        if cell.source.startswith("predict(") and cell.id in by_cell:
            for name, value in guesses(by_cell[cell.id]).items():
                cell.source = re.sub(rf"\b{name}=\.\.\.", f"{name}={value!r}", cell.source)
    warning = nbformat.v4.new_markdown_cell(
        "> **Solved.** For instructors; not to be handed to students."
    )
    warning.id = "solved"
    notebook.cells.insert(0, warning)
    return notebook


def guesses(asked: Asked) -> dict[str, float]:
    """Return something to predict by name: 1, 2, …, or the nearest numbers that may be meant."""
    low, high = asked.values["between"]
    names = asked.values["fields"]
    return {name: min(max(1, low) + place, high) for place, name in enumerate(names)}
