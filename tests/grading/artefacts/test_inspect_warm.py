"""Models measured again by forks of a process that imported the runtime: each test of ``test_inspect`` once more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from grading.artefacts import inspect
from grading.artefacts.inspect import inspect_models
from grading.sandbox import Sandbox, abilities
from grading.sandbox.warm import Warm
from tests.grading.artefacts.test_inspect import *  # noqa: F403  # once more, in forks
from tests.grading.artefacts.test_inspect import MODEL, taken

pytestmark = pytest.mark.skipif(not Warm.is_possible(abilities()), reason="not every wall can be built here")

#: Its child is not the point.
del test_a_child_that_was_taken_over_cannot_make_the_grader_stumble  # noqa: F821


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    """Return a process that has imported the runtime."""
    made = Warm("grading.artefacts.child", inspect._path())
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _forks_only(warm: Warm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be started."""
    monkeypatch.setattr(inspect, "_warm", warm)
    monkeypatch.setattr(Sandbox, "run", lambda *_, **__: pytest.fail("a child was started"))


def test_a_fork_finds_what_a_child_finds(pictures: Path, monkeypatch: pytest.MonkeyPatch):
    """Class by class."""
    forked = inspect_models([taken(MODEL)], pictures)
    monkeypatch.undo()
    # An earlier test may have left a process of the grader's own.
    monkeypatch.setattr(inspect, "_warm", None)
    assert inspect_models([taken(MODEL)], pictures) == forked
