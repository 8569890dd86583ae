"""Help a student who is stuck: a file makes one lesson's results, so that later lessons can begin.

It holds the lesson's code without its functions' solutions. It makes the inputs of later lessons on
the student's machine, so files are the student's, and records describe that machine.
"""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from grading.builder.questions import written
from grading.builder.solve import solve
from grading.builder.sources import sources
from labs.course.lessons import Lesson, LessonError
from labs.course.unlocked import FORM
from labs.shell import msl

console = Console()

#: Cells that ask for something, or that only begin a lesson.
_ASKING = ("predict(", "check(")


def unlockable() -> dict[str, list[str]]:
    """Return what later lessons take of each lesson, by its id: files below the workspace, and
    records by kind and option.
    """
    taken: dict[str, list[str]] = {}
    for lesson in sources():
        for id, things in lesson.takes.items():
            of_lesson = taken.setdefault(id, [])
            of_lesson += [thing for thing in things if thing not in of_lesson]
    return taken


def key_of(lesson: Lesson, makes: list[str]) -> dict:
    """Return the data for a student's ``msl unlock``: a lesson's results, and its cells, each with
    the file question that it answers.
    """
    asked = written(lesson)
    kinds = {id: question.values["kind"] for id, question in asked.items()}
    cells = []
    for cell in solve(lesson).cells:
        if cell.cell_type != "code" or cell.source.startswith(_ASKING):
            continue
        if cell.id == f"{lesson.id}-begin":
            continue
        question = cell.metadata.get("question", "")
        kind = kinds.get(question, "")
        if kind == "function":  # no later lesson takes a function: it can still be earned
            continue
        cells.append({"question": question if kind == "file" else "", "source": cell.source})
    return {"form": FORM, "lesson": lesson.id, "makes": makes, "cells": cells}


def unlock(
    lesson: Annotated[str, typer.Argument(help="Id of the lesson, as in `compile`.")],
    out: Annotated[
        Path | None, typer.Option(help="The file; unlock-LESSON.json here unless named.")
    ] = None,
) -> None:
    """Write a file with which a stuck student can continue."""
    taken = unlockable()
    by_id = {source.id: source for source in sources()}
    if lesson not in taken:
        reason = "no later lesson takes anything of it" if lesson in by_id else "there is none"
        raise LessonError(
            f"{lesson!r} cannot be unlocked: {reason}. You can unlock: {', '.join(taken)}"
        )
    path = out or Path(f"unlock-{lesson}.json")
    key = key_of(by_id[lesson], taken[lesson])
    path.write_text(json.dumps(key, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    lost = [cell["question"] for cell in key["cells"] if cell["question"]]
    line = msl(f"unlock {path.name}", at_home=True)
    text = (
        f"{path}: for one student, since it holds solutions. There, `{line}` makes "
        f"{', '.join(key['makes'])}."
    )
    if lost:
        text += f" The points of {', '.join(lost)} are lost, unless the student has them already."
    console.print(text, markup=False, highlight=False, soft_wrap=True)
