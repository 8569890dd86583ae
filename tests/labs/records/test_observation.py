"""Observations: facts of the world go into the ledger as they were reported, and come back the same."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from labs.records import Ledger, LedgerError, Observation


def test_what_was_seen_is_written_and_read_back(tmp_path: Path):
    """The function returns what it wrote, and a second reader finds the same."""
    ledger = Ledger(tmp_path / "ledger.jsonl")
    seen = {"status": "ACTIVE", "addresses": ["127.77.1.10"], "end": "2026-01-01T12:50:00+00:00"}
    assert ledger.observe("model.lease", seen) == seen
    (entry,) = Ledger(tmp_path / "ledger.jsonl")
    assert isinstance(entry, Observation)
    assert (entry.subject, entry.seen) == ("model.lease", seen)
    assert datetime.fromisoformat(entry.made_at).tzinfo is not None
    assert ledger.to_json()[0]["type"] == "observation"


def test_what_is_no_json_is_refused_and_nothing_is_written(tmp_path: Path):
    """A date object would be readable here and nowhere else."""
    ledger = Ledger(tmp_path / "ledger.jsonl")
    with pytest.raises(LedgerError, match=r"model\.lease"):
        ledger.observe("model.lease", {"end": datetime.now(UTC)})
    with pytest.raises(LedgerError):
        ledger.observe("", {"status": "ACTIVE"})
    assert list(ledger) == []
