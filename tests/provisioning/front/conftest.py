"""A student's workspace for the front door: empty, or with a ledger in which everything is answered
that can be.
"""

from pathlib import Path

import pytest

from tests.grading.recorded import written
from tests.grading.whole import everything
from tests.honest import honest


@pytest.fixture
def worked(workspace: Path) -> Path:
    """Return the workspace of a student who has worked in the present course."""
    workspace.mkdir(parents=True)
    (workspace / "ledger.jsonl").write_text(honest().text, encoding="utf-8")
    return workspace


@pytest.fixture
def done(workspace: Path) -> Path:
    """Return the workspace of a student who has done everything."""
    workspace.mkdir(parents=True)
    (workspace / "ledger.jsonl").write_text(written(everything()), encoding="utf-8")
    return workspace
