"""Lesson 10's checkpoints: the stub, plausible mistakes with a message that helps, and the answer."""

from __future__ import annotations

import pytest

from grading.checkpoints.model.lesson_10 import right_of_100

SIZE_BYTES, PARAMETERS = 9_118_140, 2_237_963


@pytest.fixture
def known(entries):
    """Return a ledger with the model's size, and accuracy on four pictures: Bread half right, Soup all right."""
    entries.measured("size", "torch-eager", [SIZE_BYTES])
    details = {"labels": [0, 0, 9, 9], "predicted": [0, 9, 9, 9]}
    return entries.measured("accuracy", "torch-eager", [1, 0, 1, 1], details=details)


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("m.meet.hardest_class", "Soup", "right most often"),
        ("m.meet.hardest_class", "bread", "spelled as in the table"),
        ("m.meet.parameters", 158, "counts tensors"),
        ("m.meet.parameters", 2.2, "counts tensors"),
        ("m.meet.parameters", 4 * PARAMETERS, "These are bytes"),
        ("m.meet.parameters", 3_500_000, "does not fit the file's size"),
        ("m.meet.parameters", "2 million", "A number is asked for"),
        ("m.meet.bits", 32, "too large for the device"),
        ("m.meet.bits", 8, "a wider format does too"),
        ("m.meet.bits", 2, "Choose 32, 16, 8 or 4"),
        (
            "m.meet.complaints",
            {"spinner": "throughput", "overnight": "latency", "download": "size", "dessert": "accuracy"},
            "spinner, overnight",
        ),
        (
            "m.meet.complaints",
            {"spinner": "latency", "overnight": "latency", "download": "size", "dessert": "accuracy"},
            "needed once",
        ),
        ("m.meet.complaints", "latency", "does not have the form"),
        ("m.meet.one_by_one", {"frames_per_second": 3, "times_short": 333}, "latency in milliseconds"),
        ("m.meet.one_by_one", {"frames_per_second": 300, "times_short": 3.3}, "not right yet"),
        ("m.meet.one_by_one", {"frames_per_second": 333.3, "times_short": 0.333}, "Turned around"),
        ("m.meet.one_by_one", {"frames_per_second": 333.3, "times_short": 5}, "must they be multiplied"),
        ("m.meet.one_by_one", {"frames_per_second": 333.3}, "does not have the form"),
    ],
)
def test_a_plausible_mistake_earns_nothing_and_is_named(known, judge, id, mistake, says):
    """The message says what went wrong, not only that it did."""
    verdict = judge(id, known.answered(id, mistake))
    assert not verdict.ok
    assert says in verdict.message


@pytest.mark.parametrize(
    ("id", "right"),
    [
        ("m.meet.hardest_class", "Bread"),
        ("m.meet.parameters", PARAMETERS),
        ("m.meet.bits", 16),
        (
            "m.meet.complaints",
            {"spinner": "latency", "overnight": "throughput", "download": "size", "dessert": "accuracy"},
        ),
        ("m.meet.one_by_one", {"frames_per_second": 333.3, "times_short": 3}),
    ],
)
def test_the_answer_earns_the_points_and_the_stub_does_not(known, judge, id, right):
    """Nothing before, everything after."""
    assert judge(id, known).message.startswith("Not answered yet")
    assert judge(id, known.answered(id, right)).ok


@pytest.mark.parametrize("id", ["m.meet.hardest_class", "m.meet.parameters", "m.meet.bits"])
def test_an_answer_without_its_measurement_earns_nothing(entries, judge, id):
    """An answer copied from a neighbour has no record behind it."""
    assert "run the cell that measures it" in judge(id, entries.answered(id, 16)).message


def test_classes_that_are_equally_hard_are_both_right(entries, judge):
    """A tie is nobody's mistake."""
    details = {"labels": [0, 9], "predicted": [9, 0]}
    entries.measured("accuracy", "torch-eager", [0, 0], details=details)
    for name in ("Bread", "Soup"):
        assert judge("m.meet.hardest_class", entries.answered("m.meet.hardest_class", name)).ok


def test_the_accuracy_is_predicted_as_a_count_out_of_100(entries, judge):
    """850 of 100 is a slip; 30 may turn out wrong, and earns the point."""
    assert "unit" in judge("m.meet.accuracy_guess", entries.predicted("m.meet.accuracy_guess", 850)).message
    entries.predicted("m.meet.accuracy_guess", 30).measured("accuracy", "torch-eager", [1, 1, 0, 1])
    assert judge("m.meet.accuracy_guess", entries).ok
    assert right_of_100(entries) == 75
