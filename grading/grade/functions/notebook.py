"""Our own notebook around a student's answer cells."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: Stands before each lesson's cells: what any lesson has imported, and no function of another lesson.
_SETUP = """\
for name in {functions}:
    globals().pop(name, None)
import math
from labs.course.calls import names
from grading.grade.functions.verbs import *

globals().update(names())"""


@dataclass(frozen=True)
class Part:
    """The answer cells of one lesson."""

    #: The lesson's file name without its ending.
    lesson: str
    #: Sources by question, in the lesson's order.
    cells: dict[str, str]


def skeleton(parts: Sequence[Part], functions: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return a notebook's text, and the question of each of its cells; a set-up's is empty.

    A function is called in a cell of its own, behind the student's: a line below it that needs what only the lesson has
    may raise, and the function is there all the same.

    Args:
        parts: Lessons that share one kernel.
        functions: Names of the functions that are asked for, by question.
    """
    sources: list[tuple[str, str]] = []
    for part in parts:
        sources.append(("", _SETUP.format(functions=sorted(set(functions.values())))))
        for name, source in part.cells.items():
            sources.append((name, source))
            if name in functions:
                sources.append((name, f"check({name!r}, {functions[name]})"))
    made = [
        {
            "cell_type": "code",
            "id": f"cell-{index}",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": source,
        }
        for index, (_, source) in enumerate(sources)
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    text = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": made})
    return text, [name for name, _ in sources]
