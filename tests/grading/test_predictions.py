"""Predictions earn their points for being made before the measurement, by the ledger's order and by the clock."""

from __future__ import annotations

import pytest

from grading.checkpoints import Registry, State, prediction
from grading.checkpoints.predictions import reconciled

QUESTION = "t.guess.speed"


@pytest.fixture
def guess():
    """Return a checkpoint that asks for the median latency of option 'x' in seconds."""
    registry = Registry()

    @prediction(
        QUESTION,
        about={"kind": "latency", "option": "x"},
        title="How fast",
        between=(1e-5, 10),
        show=lambda seconds: f"{seconds * 1e3:g} ms",
        registry=registry,
    )
    def measured(records):
        record = records.latest(option="x")
        return None if record is None else record.samples[0]

    return registry[QUESTION]


def test_a_wrong_prediction_in_time_earns_the_points(guess, entries):
    """Being wrong is the point of predicting."""
    entries.predicted(QUESTION, 0.5).measured("latency", "x", [0.001])
    assert guess.verdict(entries).ok


def test_a_prediction_after_the_measurement_earns_nothing(guess, entries):
    """It would have been copied from the result."""
    entries.measured("latency", "x", [0.001]).predicted(QUESTION, 0.001)
    verdict = guess.verdict(entries)
    assert not verdict.ok
    assert "after the measurement" in verdict.message


def test_a_line_moved_up_in_the_ledger_is_found_out_by_its_time(guess, entries):
    """Order and clock must agree."""
    entries.measured("latency", "x", [0.001]).predicted(QUESTION, 0.001)
    entries.reverse()
    assert not guess.verdict(entries).ok


def test_measurements_of_other_things_do_not_count(guess, entries):
    """Another option's latency says nothing about this one."""
    entries.measured("latency", "y", [0.002]).measured("size", "x", [5.0]).predicted(QUESTION, 0.5)
    assert guess.verdict(entries).state is State.MISSING_EVIDENCE
    assert guess.verdict(entries.measured("latency", "x", [0.4])).ok


def test_the_last_word_before_the_measurement_counts(guess, entries):
    """A prediction may be changed until then, and not after."""
    entries.predicted(QUESTION, 0.5).predicted(QUESTION, 0.25).measured("latency", "x", [0.5]).predicted(QUESTION, 0.5)
    assert guess.verdict(entries).yours == "250 ms"
    assert reconciled(guess, entries.records) == ("250 ms", "500 ms", "2.0 times the prediction")


def test_a_slip_of_the_unit_is_named(guess, entries):
    """25 for 25 ms, where seconds are asked for."""
    verdict = guess.verdict(entries.predicted(QUESTION, 25))
    assert not verdict.ok
    assert "unit" in verdict.message


def test_a_text_where_a_number_is_asked_for_is_refused(guess, entries):
    """'25 ms' cannot be compared."""
    verdict = guess.verdict(entries.predicted(QUESTION, "25 ms"))
    assert not verdict.ok
    assert "without its unit" in verdict.message


def test_reconciling_says_what_is_missing(guess, entries):
    """Before anything happened, both sides are open."""
    assert reconciled(guess, entries.records) == ("nothing predicted", "not measured yet", "")
    assert reconciled(guess, entries.predicted(QUESTION, 0.5).records) == ("500 ms", "not measured yet", "")


def test_a_close_prediction_is_called_close(guess, entries):
    """Within ten per cent nobody asks for more."""
    entries.predicted(QUESTION, 0.5).measured("latency", "x", [0.52])
    assert reconciled(guess, entries.records)[2] == "within 10 % of the prediction"


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        (0.6, "20 % more than predicted"),
        (0.4, "20 % less than predicted"),
        (0.1, "the prediction was 5.0 times as much"),
    ],
)
def test_the_distance_is_said_in_words(guess, entries, measured, words):
    """A percentage while it is near, a factor when it is not."""
    entries.predicted(QUESTION, 0.5).measured("latency", "x", [measured])
    assert reconciled(guess, entries.records)[2] == words


def test_a_late_prediction_is_shown_as_late(guess, entries):
    """Beside the measurement it must not look like foresight."""
    entries.measured("latency", "x", [0.5]).predicted(QUESTION, 0.5)
    assert "predicted after the measurement" in reconciled(guess, entries.records)[2]


def test_choices_are_words_offered(entries):
    """A free text cannot be judged."""
    registry = Registry()
    prediction("t.guess.side", about={"option": "x"}, title="Which", choices=("same", "less"), registry=registry)(
        lambda entries: "less"
    )
    assert not registry["t.guess.side"].verdict(entries.predicted("t.guess.side", "more")).ok
    entries.predicted("t.guess.side", "same").measured("latency", "x", [1])
    assert registry["t.guess.side"].verdict(entries).ok
    assert reconciled(registry["t.guess.side"], entries.records)[2] == "a surprise"
