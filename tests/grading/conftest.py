"""Builders of hidden pictures, and of a tiny course in a folder."""

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from grading.grade.artefacts.pictures import Pictures
from labs.course.lessons import Lesson
from tests.course import write_lesson as write


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of hidden pictures."""
    path = tmp_path_factory.mktemp("secret") / "pictures.npz"
    Pictures.draw("a test's secret", count=24).save(path)
    return path


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """Return the folder of a small course."""
    return tmp_path / "course"


@pytest.fixture
def write_lesson(course: Path) -> Callable[..., Lesson]:
    """Return a function that writes a lesson of that course (``tests.course.write_lesson``)."""
    return functools.partial(write, course)
