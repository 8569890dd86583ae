"""Lesson 11's questions, where the contract test of all questions does not look: batches, and own records."""

from __future__ import annotations

import pytest

from grading.checkpoints import all_checkpoints
from grading.checkpoints.model.lesson_11 import _own_interval, _own_samples, claim
from grading.checkpoints.model.lesson_11_batches import THREADS, _own_sweep, serial_share
from labs.records import Records


@pytest.mark.parametrize(
    ("sizes", "says"),
    [((), "append each record"), ((1, 4, 16, 64), "batches of 32"), ((1, 32), "Add sizes"), ((1, 8, 32, 64), "")],
)
def test_batches_need_both_ends_and_enough_between(entries, judge, sizes, says) -> None:
    """1 and 32 for the comparison, and two more to see the bend."""
    for size in sizes:
        entries.measured("throughput", "torch-eager", [0.01 * size], batch_size=size)
    verdict = judge("m.measure.batches", entries)
    assert verdict.ok is (says == "")
    assert says in verdict.message


def test_a_turn_in_a_comparison_is_not_the_latency_alone(entries) -> None:
    """The newest record that was measured alone is the one that percentiles are asked of."""
    entries.measured("latency", "torch-eager", [0.01, 0.02, 0.03])
    entries.measured("latency", "torch-eager", [0.5, 0.5], details={"comparison_id": "a", "block_calls": 1})
    ((samples, q),) = _own_samples(Records.from_json(entries))
    assert (samples.tolist(), q) == ([0.01, 0.02, 0.03], 50.0)


def test_predictions_are_compared_with_the_right_measurements(entries) -> None:
    """Half the latency is twice as fast, and measured minutes apart is not side by side."""
    asked = {id: all_checkpoints()[id].asks for id in ("m.measure.compile_guess", "m.measure.batch_guess")}
    for option, second in (("torch-eager", 0.02), ("torch-compiled", 0.01)):
        entries.measured("latency", option, [second] * 4)
    for size, second in ((1, 0.02), (32, 0.8)):
        entries.measured("throughput", "torch-eager", [second] * 3, batch_size=size)
    records = Records.from_json(entries)
    assert asked["m.measure.compile_guess"].measured(records) is None
    assert asked["m.measure.batch_guess"].measured(records) == pytest.approx(32 / 0.8 / (1 / 0.02))
    assert _own_interval(records) == []
    for option, second in (("torch-eager", 0.02), ("torch-compiled", 0.01)):
        details = {"comparison_id": "a", "block_calls": 1}
        entries.measured("latency", option, [second, second, second], details=details)
    records = Records.from_json(entries)
    assert asked["m.measure.compile_guess"].measured(records) == pytest.approx(2)
    assert [claim(*case) for case in _own_interval(records)] == ["faster"]


def test_the_sweep_gives_one_case_for_each_number_of_threads(entries) -> None:
    """One thread is the baseline of all others; a perfectly parallel run has no serial share."""
    for threads, second in ((1, 0.04), (2, 0.02), (4, 0.02)):
        settings = {"intra_op": threads, "inter_op": 0}
        entries.measured("latency", THREADS.format(threads), [second] * 3, threads=settings)
    cases = _own_sweep(Records.from_json(entries))
    assert [threads for _, _, threads in cases] == [2, 4]
    assert [serial_share(*case) for case in cases] == pytest.approx([0, 1 / 3])
