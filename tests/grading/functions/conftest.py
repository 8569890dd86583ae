"""A part of two lessons: one whose answer cell a test writes, and an honest one beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from grading.builder.solve import AnswerKey
from grading.grade.functions import run
from grading.grade.functions.run import Called
from grading.grade.intake import Intake, Kind
from grading.grade.intake.take import Taken
from labs.course import lessons

#: The honest answer, in the last lesson.
HONEST = "s.theory.batch"


@pytest.fixture(scope="session")
def key() -> AnswerKey:
    """Return the answer key."""
    return AnswerKey.read()


@pytest.fixture
def rerun(tmp_path: Path, key: AnswerKey, monkeypatch) -> Callable[..., dict[str, Called]]:
    """Return a function that runs a part again whose cells are given, beside an honest cell of another lesson."""
    # Long enough for a set-up on a machine with ten other jobs, and still short beside for ever.
    monkeypatch.setattr(run, "CELL_S", 6)

    def go(cells: dict[str, str], *, wall_s: float = 300) -> dict[str, Called]:
        cells = {**cells, HONEST: key.answers[HONEST]}
        intake = Intake()
        for lesson in lessons(part=3):
            mine = {name: source for name, source in cells.items() if name in lesson.questions()}
            made = [
                {"cell_type": "code", "id": name.replace(".", "-"), "metadata": {}, "source": source}
                for name, source in mine.items()
            ]
            path = tmp_path / lesson.notebook.name
            path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made}))
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            intake.files[path.name] = Taken(Kind.NOTEBOOK, path.name, path, path.stat().st_size, digest)
        return run.run_again(intake, lessons(part=3), wanted=set(cells), seed="a test's secret", wall_s=wall_s)

    return go


@pytest.fixture
def right() -> Callable[[Called, str], bool]:
    """Return whether a rerun earned its point."""
    return lambda rerun, name: not rerun.fault and rerun.verdict.ok
