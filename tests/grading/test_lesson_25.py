"""Lesson 25's checkpoints. Told: the pruned file is smallest, 192 pixels are fastest within a point."""

from __future__ import annotations

import pytest

#: Pictures right of 1000, seconds of one photo, bytes.
OPTIONS = {
    "edge-fp32": (812, 0.012, 8_918_386),
    "edge-int8-s8s8": (808, 0.0060, 2_452_785),
    "edge-int8-pruned": (811, 0.0055, 1_946_330),
    "edge-int8-192px": (803, 0.0045, 2_452_785),
    "edge-int8-160px": (760, 0.0033, 2_452_785),
    "edge-int8-128px": (640, 0.0024, 2_452_785),
}


@pytest.fixture
def known(entries):
    """Return a ledger with every option measured."""
    for option, (right, seconds, size) in OPTIONS.items():
        entries.measured("size", option, [size])
        entries.measured("accuracy", option, [1] * right + [0] * (1000 - right), batch_size=32)
        entries.measured("latency", option, [seconds] * 5)
    return entries


PICKS = {"download": "edge-int8-pruned", "queue": "edge-int8-192px"}


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("e.smaller.picks", {**PICKS, "queue": "edge-int8-128px"}, "more than a point"),
        ("e.smaller.picks", {**PICKS, "queue": "edge-fp32"}, "static INT8 option"),
        ("e.smaller.picks", {**PICKS, "download": "edge-int8-s8s8"}, "fewer bytes"),
        ("e.smaller.picks", {**PICKS, "queue": "edge-int8-s8s8"}, "answers faster"),
    ],
)
def test_a_plausible_mistake_earns_nothing_and_is_named(known, judge, id, mistake, says):
    """The message says what went wrong, not only that it did."""
    verdict = judge(id, known.answered(id, mistake))
    assert not verdict.ok
    assert says in verdict.message


def test_the_answer_earns_the_points_and_the_stub_does_not(known, judge):
    """Nothing before, everything after."""
    assert judge("e.smaller.picks", known).message.startswith("Not answered yet")
    assert judge("e.smaller.picks", known.answered("e.smaller.picks", PICKS)).ok


def test_without_the_pruned_file_the_others_decide(entries, judge):
    """Part 1 may have been left out in part."""
    for option in set(OPTIONS) - {"edge-int8-pruned"}:
        right, seconds, size = OPTIONS[option]
        entries.measured("size", option, [size]).measured("latency", option, [seconds] * 5)
        entries.measured("accuracy", option, [1] * right + [0] * (1000 - right))
    assert judge("e.smaller.picks", entries.answered("e.smaller.picks", {**PICKS, "download": "edge-int8-s8s8"})).ok


def test_the_loss_is_predicted_in_time(entries, known, judge):
    """Before small pictures were shown."""
    from grading.checkpoints.edge.lesson_25 import loss_at_160

    assert (
        judge("e.smaller.loss_guess", type(entries)().predicted("e.smaller.loss_guess", 4)).state == "missing evidence"
    )
    assert not judge("e.smaller.loss_guess", known.predicted("e.smaller.loss_guess", 4)).ok
    assert loss_at_160(known.records) == pytest.approx(5.2)
