"""A student's workspace for the front door: empty, or with a ledger in which every function question is answered."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.answers import answered
from tests.grading.recorded import FIXTURES


@pytest.fixture(autouse=True)
def no_leases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test an empty folder of provisioning's records."""
    monkeypatch.setenv("LABS_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def worked(workspace: Path) -> Path:
    """Return the workspace with recorded measurements of part 1 in it, and right functions of all lessons."""
    workspace.mkdir(parents=True)
    recorded = gzip.decompress((FIXTURES / "epyc-two-cores.jsonl.gz").read_bytes()).decode()
    (workspace / "ledger.jsonl").write_text(recorded + answered(), encoding="utf-8")
    return workspace
