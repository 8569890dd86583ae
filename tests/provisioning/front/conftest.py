"""A student's workspace for the front door: empty, or with a ledger in which everything is answered that can be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.course import in_place
from tests.grading.recorded import written
from tests.grading.toy import whole, write_course
from tests.honest import honest


@pytest.fixture
def worked(workspace: Path) -> Path:
    """Return the workspace of somebody who has worked in the course as it is."""
    workspace.mkdir(parents=True)
    (workspace / "ledger.jsonl").write_text(honest().text, encoding="utf-8")
    return workspace


@pytest.fixture
def toy_course(tmp_path: Path) -> Iterator[Path]:
    """Put a small course of one part in the place of the course."""
    with in_place(write_course(tmp_path / "course")) as course:
        yield course


@pytest.fixture
def done(toy_course: Path, workspace: Path) -> Path:
    """Return the workspace of somebody who has done all of the small course."""
    workspace.mkdir(parents=True)
    (workspace / "ledger.jsonl").write_text(written(whole()), encoding="utf-8")
    return workspace
