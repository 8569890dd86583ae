"""A running rehearsal, and the Pythons whose unmodified python-chi talks to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.provisioning.pythons import chi_python  # noqa: F401 - a fixture
from tests.provisioning.rehearsed import Rehearsal, rehearsed


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """A rehearsal whose flows know nothing of this course."""
    with rehearsed(tmp_path_factory.mktemp("rehearsal")) as home:
        yield Rehearsal(home, Path(__file__).with_name("flows"))
