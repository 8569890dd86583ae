"""A reference submission to a small course: the solved notebooks, a whole ledger, and the model that it recommends."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from grading.builder.solve import write_solved
from grading.grade.grader import Setup
from labs.assignment import assignment
from tests.course import in_place
from tests.grading.recorded import MODEL, written
from tests.grading.toy import whole, write_course


@pytest.fixture(scope="module")
def _reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("reference")
    with in_place(write_course(folder / "course")):
        write_solved(assignment().lessons(1), folder / "handed-in")
        (folder / "handed-in" / "ledger.jsonl").write_text(written(whole()))
        shutil.copy(MODEL, folder / "handed-in")
        yield folder / "handed-in"


@pytest.fixture
def submission(_reference: Path, tmp_path: Path) -> Path:
    """Return a copy of the reference submission, to be spoiled; the small course stands in the course's place."""
    return Path(shutil.copytree(_reference, tmp_path / "submission"))


@pytest.fixture
def quick(pictures: Path) -> Setup:
    """Return a setup without the slow step and without models: evidence alone."""
    return Setup(pictures=pictures, measure=False, rerun=False)
