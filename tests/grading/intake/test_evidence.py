"""The schema is kept whole although long lists are not walked: what it would refuse, the short cut refuses too."""

import json
import random

import jsonschema
import pytest

from grading.grade.intake.ledger import read_entry
from labs.records.ledger import SCHEMA_PATH, first_problem
from labs.records.strict import StrictJsonError
from tests.grading.recorded import WHOLE, recorded, written
from tests.honest import honest

ORACLE = jsonschema.Draft202012Validator(json.loads(SCHEMA_PATH.read_text(encoding="utf-8")))


@pytest.fixture
def latency() -> dict:
    """Return a record with many samples."""
    return next(entry for entry in recorded(1) if entry.get("kind") == "latency")


def test_every_recorded_line_is_read_and_stays_as_it_was():
    """The short cut is for the check only."""
    entries = recorded(1)
    assert [read_entry(line.encode()) for line in written(entries).splitlines()] == entries


@pytest.mark.parametrize("odd", [-1, "0.1", None, True, [], {}])
@pytest.mark.parametrize("place", [0, 300, -1])
def test_one_odd_sample_anywhere_is_refused_as_the_schema_would(latency: dict, odd: object, place: int):
    """In the middle of a thousand good ones too."""
    latency["samples"][place] = odd
    assert not ORACLE.is_valid(latency)
    with pytest.raises(StrictJsonError):
        read_entry(json.dumps(latency).encode())


def test_a_line_full_of_odd_things_is_refused_in_one_sentence(latency: dict):
    """The largest line that is read must not keep the grader for minutes."""
    latency["details"]["labels"] = ["x"] * 100_000
    with pytest.raises(StrictJsonError, match="list of 100000 items"):
        read_entry(json.dumps(latency).encode())


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
    return dice.choice(odd)


def test_the_compiled_schema_refuses_what_the_schema_refuses():
    """A thousand recorded lines with one thing spoiled, with jsonschema as the oracle."""
    dice = random.Random(6)
    # Every type of entry, and load records with all that they hold.
    entries = [entry for part in WHOLE for entry in recorded(part)] + json.loads(json.dumps(honest().records.to_json()))
    entries = [entry for entry in entries if len(json.dumps(entry)) < 20_000]
    refused = 0
    for _ in range(1000):
        entry = spoiled(dice.choice(entries), dice)
        found = first_problem(entry)
        assert ORACLE.is_valid(entry) == (not found), entry
        refused += bool(found)
    assert 150 < refused < 970
