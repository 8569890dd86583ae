"""A student's workspace for the front door: empty, or with the recorded work of part 1."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture(autouse=True)
def no_leases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test an empty folder of provisioning's records."""
    monkeypatch.setenv("LABS_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def part_1(workspace: Path) -> Path:
    """Return the workspace with the recorded ledger of part 1 in it."""
    workspace.mkdir(parents=True)
    (workspace / "ledger.jsonl").write_bytes(gzip.decompress((FIXTURES / "epyc-two-cores.jsonl.gz").read_bytes()))
    return workspace
