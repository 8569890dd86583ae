"""Pytest's fixture `chameleon`: a separate Chameleon for each test, which python-chi talks to.

The package's entry point loads it wherever the package is installed.
"""

import os
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from unittest import mock

import pytest

from chameleon_rehearsal import testing


@pytest.fixture
def chameleon_begin() -> datetime | None:
    """The calendar's beginning: now. A module that needs another moment defines a fixture of this
    name.
    """
    return None


@pytest.fixture
def chameleon(
    chameleon_begin: datetime | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[testing.Chameleon]:
    """Chameleon rehearsed for this test alone, at free ports, with nothing in it.

    The variables that python-chi reads are set until the test ends. Where python-chi would sleep,
    the calendar jumps ahead instead.
    """
    home = tmp_path_factory.mktemp("chameleon")
    user = "student"
    with (
        Path(os.devnull).open(encoding="utf-8") as nothing,
        # Commands on a node read what is typed, which pytest refuses them.
        mock.patch.object(sys, "stdin", nothing),
        testing.rehearsed(home, begin=chameleon_begin),
        testing.turned_towards(home, user),
        testing.jumping(home),
    ):
        yield testing.Chameleon(home, user)
