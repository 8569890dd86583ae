"""A part of two lessons: one whose answer cells a test writes, and an honest one beside it."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grading.builder.questions import secret_cases
from grading.builder.sources import sources
from grading.grade.functions import run
from grading.grade.functions.run import Called
from grading.grade.intake import Intake, Kind
from grading.grade.intake.take import Taken
from labs.course.assignment import assignment
from labs.course.question import of_lesson
from tests.course import in_place, write_lesson

#: The spoiled lesson's questions, each for a function of this name that adds two numbers.
NAMES = tuple("abcdefg")

#: The honest answer, in the last lesson.
HONEST = "honest.double"

ADD = "def {name}(one, other):\n    return one + other"

ASKED = "from grading.builder.questions import question\n" + "".join(
    f'\n\n@question("spoiled.{name}", "A sum", points=1)\ndef {name}(random):\n'
    '    yield (1, 2), "1 and 2 are 3."\n    yield (int(random.integers(3, 10**6)), 5), ""\n'
    for name in NAMES
)
CELLS = "".join(
    f'# %% question="spoiled.{name}"\n{ADD.format(name=name)}\n\n\ncheck("spoiled.{name}", {name})\n\n'
    for name in NAMES
)


@pytest.fixture
def rerun(tmp_path: Path, monkeypatch) -> Iterator[Callable[..., dict[str, Called]]]:
    """Return a function that runs a part again whose cells are given, beside an honest cell of another lesson."""
    # Long enough for a set-up on a machine with ten other jobs, and still short beside for ever.
    monkeypatch.setattr(run, "CELL_S", 6)
    course = tmp_path / "course"
    write_lesson(course, "spoiled", name="10_spoiled", folder="1_model", source=CELLS, questions=ASKED)
    write_lesson(course, "honest", name="11_honest", folder="1_model")

    def go(cells: dict[str, str], *, wall_s: float = 300) -> dict[str, Called]:
        cells = {**cells, HONEST: "def double(number):\n    return 2 * number"}
        intake = Intake()
        for lesson in assignment().lessons(1):
            mine = {one.id: cells[one.id] for one in of_lesson(lesson.id) if one.id in cells}
            made = [
                {"cell_type": "code", "id": name.replace(".", "-"), "metadata": {}, "source": source}
                for name, source in mine.items()
            ]
            path = tmp_path / lesson.notebook.name
            path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made}))
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            intake.files[path.name] = Taken(Kind.NOTEBOOK, path.name, path, path.stat().st_size, digest)
        drawn = secret_cases(sources(), "a test's secret")
        return run.run_again(intake, assignment().lessons(1), wanted=set(cells), cases=drawn, wall_s=wall_s)

    with in_place(course):
        yield go
