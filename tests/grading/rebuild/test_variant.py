"""Changed records: they hang together as the measured ones did, and a number that was typed is wrong on them."""

from __future__ import annotations

import copy

import pytest

from grading.checkpoints import all_checkpoints
from grading.hidden.reruns import COMPUTED
from grading.rebuild import run, variant
from labs.records import Measurement
from tests.grading.machines.made_up import recorded


@pytest.fixture(scope="module", params=COMPUTED)
def part(request: pytest.FixtureRequest) -> int:
    """Return each part."""
    return request.param


def test_no_answer_of_the_recording_is_right_on_what_is_drawn(part: int):
    """Whoever typed the right numbers, or copied the whole ledger, has wrong ones here."""
    entries = recorded(part)
    answers = {entry["question"]: entry for entry in entries if entry["type"] == "answer"}
    asked = set(COMPUTED[part])
    records = run._changed(entries, "a test's secret", asked)
    right = {
        name
        for name in asked & set(answers)
        if all_checkpoints()[name].verdict(entries).ok and all_checkpoints()[name].verdict([*records, answers[name]]).ok
    }
    assert right == set()


def test_a_seed_draws_the_same_again_and_leaves_the_evidence_alone(part: int):
    """Students with the same evidence are judged alike, and the public checkpoints after it as before it."""
    entries = recorded(part)
    before = copy.deepcopy(entries)
    first, again, other = (variant.changed(entries, seed) for seed in ("a", "a", "b"))
    assert first == again
    assert first != other
    assert entries == before
    assert not [entry for entry in first if entry["type"] == "answer"]


def test_a_stretched_load_run_still_obeys_littles_law():
    """Rate times time is the number of requests inside, before and after."""
    record = next(entry for entry in recorded(3) if entry.get("kind") == "load")

    def inside(one: dict) -> float:
        return rate_rps(one) * sum(one["samples"]) / len(one["samples"])

    stretched = copy.deepcopy(record)
    variant.stretch(stretched, 1.7)
    assert inside(stretched) == pytest.approx(inside(record))
    assert rate_rps(stretched) == pytest.approx(rate_rps(record) / 1.7)


def rate_rps(record: dict) -> float:
    """Return good answers a second of a load record as plain JSON."""
    return Measurement.from_json(record).throughput_rps.value
