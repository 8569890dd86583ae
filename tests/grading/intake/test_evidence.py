"""Entries are what the schema says, by its quick reader and by the one that has the words."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grading.grade.intake import StrictJsonError
from grading.grade.intake.ledger import read_entry
from labs.records.ledger import first_problem, validator

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
    """As it was written."""
    assert [read_entry(line) for line in lines] == [json.loads(line) for line in lines]


def test_the_longest_line_with_a_fault_is_refused_in_no_time(latency: dict):
    """The largest that is read must not keep the grader for minutes."""
    latency |= {"samples": [0.001] * 180_000, "kind": "x"}
    begin_s = time.process_time()
    with pytest.raises(StrictJsonError, match="kind: 'x' is not one of"):
        read_entry(json.dumps(latency).encode())
    assert time.process_time() - begin_s < 5


@pytest.mark.parametrize(
    "stamp", ["2026-02-30T00:00:00+00:00", "0000-01-01T00:00:00+00:00", "２026-01-01T00:00:00+00:00"]
)
def test_a_date_that_does_not_exist_costs_its_record(latency: dict, stamp: str):
    """And nothing else: the rules that compare times never meet it."""
    with pytest.raises(StrictJsonError, match="no date and time"):
        read_entry(json.dumps(latency | {"started_at": stamp}).encode())


def test_records_of_an_emulated_processor_are_no_evidence(latency: dict):
    """Their times mean nothing."""
    latency["machine"]["emulator"] = "qemu"
    with pytest.raises(StrictJsonError, match="emulated"):
        read_entry(json.dumps(latency).encode())


def every_recorded_entry() -> list[dict]:
    """Return the lines of all recordings: every type of entry, and load records with all that they hold."""
    files = sorted(RECORDED.parent.glob("*.jsonl.gz"))
    return [json.loads(line) for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]


def spoiled(value: object, dice: random.Random) -> object:
    """Return a JSON value with one change somewhere: a key gone, a value of another kind, a word cut or made long."""
    if isinstance(value, dict) and value and dice.random() < 0.85:
        name = dice.choice(list(value))
        if dice.random() < 0.2:
            return {key: part for key, part in value.items() if key != name}
        return {**value, name: spoiled(value[name], dice)}
    if isinstance(value, list) and value and dice.random() < 0.6:
        place = dice.randrange(len(value))
        return [*value[:place], spoiled(value[place], dice), *value[place + 1 :]]
    odd = [None, True, -1, 0, 1.0, 1.5, [], {}, [None], {"a": 1}, "", "x", "x" * 500, "x" * 30_000, "load"]
    return dice.choice([*odd, f"{value}\n"])


def test_what_the_quick_reader_lets_through_the_schema_lets_through():
    """Thousands of recorded lines with one thing spoiled: both say the same, and the words are the schema's."""
    dice = random.Random(6)
    entries = [entry for entry in every_recorded_entry() if len(json.dumps(entry)) < 20_000]
    refused = 0
    for _ in range(3000):
        entry = spoiled(dice.choice(entries), dice)
        problem = None if not isinstance(entry, dict) else next(validator().iter_errors(entry), None)
        found = first_problem(entry) if isinstance(entry, dict) else None
        assert (found and found.message) == (problem and problem.message), entry
        refused += problem is not None
    assert 500 < refused < 2900


def test_honest_evidence_costs_no_import_of_what_words_the_faults():
    """It takes a second, in each of the processes that grade a class."""
    code = (
        "import sys, grading.classroom.unit\n"
        "from pathlib import Path\n"
        "from grading.grade.intake.ledger import read_ledger\n"
        "import gzip, tempfile\n"
        f"data = gzip.decompress(Path({str(RECORDED)!r}).read_bytes())\n"
        "with tempfile.NamedTemporaryFile() as file:\n"
        "    file.write(data); file.flush()\n"
        "    found = read_ledger(Path(file.name))\n"
        "print(len(found.entries) > 100, found.refused, 'jsonschema' in sys.modules)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split("\n")[0] == "True [] False"
