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


MEASURED, SOON, LATE = ("measured", "x"), ("predicted", 0.5), ("predicted", 0.001)


@pytest.mark.parametrize(
    ("steps", "state", "says"),
    [
        # Being wrong is the point of predicting; what would have been copied from the result predicts nothing.
        ([SOON, MEASURED], State.PASSED, ""),
        ([MEASURED, LATE], State.FAILED, "after the measurement"),
        ([SOON], State.MISSING_EVIDENCE, "noted"),
        ([SOON, ("measured", "y")], State.MISSING_EVIDENCE, "noted"),
        ([("predicted", 25), MEASURED], State.FAILED, "unit"),
        ([("predicted", "25 ms"), MEASURED], State.FAILED, "without its unit"),
    ],
)
def test_a_prediction_counts_when_it_comes_first_and_has_its_form(guess, entries, steps, state, says):
    """Another option's latency says nothing about this one; 25 is a slip of the unit where seconds are asked for."""
    for kind, value in steps:
        entries.predicted(QUESTION, value) if kind == "predicted" else entries.measured("latency", value, [0.001])
    verdict = guess.verdict(entries)
    assert (verdict.state, says in verdict.message) == (state, True), verdict.message


def test_a_line_moved_up_in_the_ledger_is_found_out_by_its_time(guess, entries):
    """Order and clock must agree."""
    entries.measured("latency", "x", [0.001]).predicted(QUESTION, 0.001)
    entries.reverse()
    assert not guess.verdict(entries).ok


def test_the_last_word_before_the_measurement_counts(guess, entries):
    """A prediction may be changed until then, and not after."""
    entries.predicted(QUESTION, 0.5).predicted(QUESTION, 0.25).measured("latency", "x", [0.5]).predicted(QUESTION, 0.5)
    assert guess.verdict(entries).yours == "250 ms"
    assert reconciled(guess, entries.records) == ("250 ms", "500 ms", "2.0 times the prediction")


def test_reconciling_says_what_is_missing(guess, entries):
    """Before anything happened, both sides are open."""
    assert reconciled(guess, entries.records) == ("nothing predicted", "not measured yet", "")
    assert reconciled(guess, entries.predicted(QUESTION, 0.5).records) == ("500 ms", "not measured yet", "")


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        (0.52, "within 10 % of the prediction"),
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
