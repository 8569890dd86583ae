"""The whole schema holds although long lists are not walked: the short cut refuses all that the
schema would refuse.
"""

import json
import random

import jsonschema
import pytest

from grading.grade.intake.ledger import read_entry
from labs.machine import fingerprint
from labs.records.ledger import SCHEMA_PATH, first_problem
from labs.records.strict import StrictJsonError
from tests.grading.recorded import WHOLE, recorded, written
from tests.honest import honest

ORACLE = jsonschema.Draft202012Validator(json.loads(SCHEMA_PATH.read_text(encoding="utf-8")))


@pytest.fixture
def latency() -> dict:
    return next(entry for entry in recorded(1) if entry.get("kind") == "latency")


def test_every_recorded_line_is_read_and_stays_as_it_was():
    """The short cut is for the check only."""
    entries = recorded(1)
    assert [read_entry(line.encode()) for line in written(entries).splitlines()] == entries


@pytest.mark.parametrize("odd", [-1, "0.1", None, True, [], {}])
@pytest.mark.parametrize("place", [0, 300, -1])
def test_one_odd_sample_anywhere_is_refused_as_the_schema_would(
    latency: dict, odd: object, place: int
):
    """In the middle of a thousand good ones too."""
    latency["samples"][place] = odd
    assert not ORACLE.is_valid(latency)
    with pytest.raises(StrictJsonError):
        read_entry(json.dumps(latency).encode())


@pytest.mark.parametrize(
    ("odd", "says"),
    [
        # The largest line that is read must not keep the grader for minutes.
        ({"details": {"labels": ["x"] * 100_000}}, "list of 100000 items"),
        # The rules that compare times see only dates that exist.
        ({"started_at": "2026-02-30T00:00:00+00:00"}, "no date and time"),
        ({"started_at": "0000-01-01T00:00:00+00:00"}, "no date and time"),
        ({"started_at": "２026-01-01T00:00:00+00:00"}, "no date and time"),
        ({"machine": fingerprint().to_json() | {"emulator": "qemu"}}, "emulated"),
    ],
)
def test_what_cannot_be_evidence_is_refused_in_one_sentence(latency: dict, odd: dict, says: str):
    """It costs its record, and nothing else."""
    with pytest.raises(StrictJsonError, match=says):
        read_entry(json.dumps(latency | odd).encode())


def spoiled(value: object, dice: random.Random) -> object:
    """Return a JSON value with one change somewhere: a key gone, a value of another kind, a word
    cut or made long.
    """
    if isinstance(value, dict) and value and dice.random() < 0.85:
        name = dice.choice(list(value))
        if dice.random() < 0.2:
            return {key: part for key, part in value.items() if key != name}
        return {**value, name: spoiled(value[name], dice)}
    if isinstance(value, list) and value and dice.random() < 0.6:
        place = dice.randrange(len(value))
        return [*value[:place], spoiled(value[place], dice), *value[place + 1 :]]
    odd = [
        None,
        True,
        -1,
        0,
        1.0,
        1.5,
        [],
        {},
        [None],
        {"a": 1},
        "",
        "x",
        "x" * 500,
        "x" * 30_000,
        "load",
    ]
    return dice.choice(odd)


def test_the_compiled_schema_refuses_what_the_schema_refuses():
    """A thousand recorded lines with one thing spoiled, with jsonschema as the oracle."""
    dice = random.Random(6)
    # Every type of entry, and load records with all that they hold.
    entries = [entry for part in WHOLE for entry in recorded(part)] + json.loads(
        json.dumps(honest().records.to_json())
    )
    entries = [entry for entry in entries if len(json.dumps(entry)) < 20_000]
    refused = 0
    for _ in range(1000):
        entry = spoiled(dice.choice(entries), dice)
        problem = first_problem(entry)
        assert ORACLE.is_valid(entry) == (not problem), entry
        refused += bool(problem)
    assert 150 < refused < 970
