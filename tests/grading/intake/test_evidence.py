"""The schema is kept whole although long lists are not walked: what it would refuse, the short cut refuses too."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path

import pytest

from grading.intake import StrictJsonError
from grading.intake.evidence import read_entry
from labs.results.ledger import validator

RECORDED = Path(__file__).parents[1] / "fixtures" / "epyc-two-cores.jsonl.gz"


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    """Return the recorded lines."""
    return gzip.decompress(RECORDED.read_bytes()).splitlines()


@pytest.fixture
def latency(lines: list[bytes]) -> dict:
    """Return a record with many samples."""
    return next(entry for entry in map(json.loads, lines) if entry.get("kind") == "latency")


def test_every_recorded_line_is_read_and_stays_as_it_was(lines: list[bytes]):
    """The short cut is for the check only."""
    assert [read_entry(line) for line in lines] == [json.loads(line) for line in lines]


@pytest.mark.parametrize("odd", [-1, "0.1", None, True, [], {}])
@pytest.mark.parametrize("place", [0, 700, -1])
def test_one_odd_sample_anywhere_is_refused_as_the_schema_would(latency: dict, odd: object, place: int):
    """In the middle of a thousand good ones too."""
    latency["samples"][place] = odd
    assert not validator().is_valid(latency)
    with pytest.raises(StrictJsonError):
        read_entry(json.dumps(latency).encode())


def test_a_line_full_of_odd_things_is_refused_in_no_time(latency: dict):
    """The largest line that is read must not keep the grader for minutes."""
    latency["details"]["labels"] = ["x"] * 100_000
    begin_s = time.process_time()
    with pytest.raises(StrictJsonError, match="list of 100000 items"):
        read_entry(json.dumps(latency).encode())
    assert time.process_time() - begin_s < 5


def test_records_of_an_emulated_processor_are_no_evidence(latency: dict):
    """Their times mean nothing."""
    latency["machine"]["emulator"] = "qemu"
    with pytest.raises(StrictJsonError, match="emulated"):
        read_entry(json.dumps(latency).encode())
