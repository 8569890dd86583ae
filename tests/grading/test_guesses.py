"""Guesses against reality: the same words as ``reconcile``, all in one place."""

from __future__ import annotations

from grading.checkpoints import guesses, predict, reconcile
from grading.checkpoints.cards import Card, Table
from labs.charts import Chart
from labs.records import Records
from labs.workspace import ledger


def measured(entries) -> None:
    """Write the model's size into the ledger, after every prediction of a test."""
    for entry in Records.from_json(
        entries.measured("size", "torch-eager", [9e6], started_at="2099-01-01T00:00:00+00:00")
    ):
        ledger().append(entry)


def test_with_nothing_predicted_it_says_so_kindly():
    """No error and no empty chart: what will stand here, and that being wrong costs nothing."""
    found = guesses()
    assert isinstance(found, Card)
    assert "Nothing is predicted yet" in found._repr_html_()
    assert "costs nothing" in found._repr_html_()


def test_what_is_not_measured_yet_stands_in_a_table():
    """A guess that waits is a guess; there is nothing to draw."""
    predict("start.size_guess", 90)
    found = guesses()
    assert isinstance(found, Table)
    assert found.rows[0][1:3] == ("90 MB", "not measured yet")


def test_a_guess_stands_beside_what_was_measured_in_the_words_of_reconcile(entries):
    """A chart, and as its text the same guess, value and difference that the lesson has shown."""
    predict("start.size_guess", 90)
    predict("start.submit_guess", "returns")
    measured(entries)
    found = guesses()
    assert isinstance(found, Chart)
    (point,) = drawn(found)
    assert point["factor"] == 0.1
    for _, words in reconcile("start.size_guess").rows:
        assert words in found.text
    assert "returns" in found.text
    assert "1 it was less" in found.sentence


def test_a_part_shows_its_own():
    """The last lesson of a part looks back at that part."""
    predict("start.size_guess", 90)
    assert isinstance(guesses("model"), Card)
    assert isinstance(guesses("start"), Table)


def drawn(chart: Chart) -> list[dict]:
    """Return the rows that a chart draws, the line at 1 × apart."""
    return max(chart.spec["datasets"].values(), key=lambda rows: len(rows[0]))
