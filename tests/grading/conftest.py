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
    path = tmp_path_factory.mktemp("secret") / "pictures.npz"
    Pictures.draw("a test's secret", count=24).save(path)
    return path


@pytest.fixture
def course(tmp_path: Path) -> Path:
    return tmp_path / "course"


@pytest.fixture
def write_lesson(course: Path) -> Callable[..., Lesson]:
    return functools.partial(write, course)
