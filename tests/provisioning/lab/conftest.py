"""A rehearsal that unmodified python-chi talks to, and a small course to copy to its machines."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.provisioning.rehearsed import Rehearsal, rehearsed, small_course


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """A rehearsal whose flows bring a small course along."""
    course = small_course(tmp_path_factory.mktemp("course"), "a100", "mi100", "p100", "edge")
    # Larger than one upload that a container takes, so that it has to travel in parts.
    (course / "assets" / "model.bin").write_bytes(os.urandom(11 * 2**20))
    with rehearsed(tmp_path_factory.mktemp("rehearsal")) as home:
        yield Rehearsal(home, Path(__file__).with_name("flows"), course)
