"""Lesson 01's checkpoints: the stub, plausible mistakes, and the answer."""

from __future__ import annotations

ID = "start.statuses"


def test_both_statuses_are_the_records(entries, judge):
    """Asked for before both leases, with the fault not armed, with the second one failed, misread, and right."""
    assert "Not answered yet" in judge(ID, entries).message
    entries.answered(ID, {"first": "error", "second": "ACTIVE"})
    assert "Both leases" in judge(ID, entries).message
    entries.observed("start.practice", {"outcome": "returns", "status": "ERROR"})
    entries.observed("start.recovered", {"status": "ACTIVE"})
    assert judge(ID, entries).ok
    assert "something else" in judge(ID, entries.answered(ID, {"first": "ACTIVE", "second": "ACTIVE"})).message
    assert "not active" in judge(ID, entries.observed("start.recovered", {"status": "PENDING"})).message
    assert "did not strike" in judge(ID, entries.observed("start.practice", {"status": "ACTIVE"})).message


def test_the_guess_is_one_of_the_words_and_comes_first(entries, judge):
    """Any of them earns the point in time."""
    question = "start.submit_guess"
    assert "Choose one" in judge(question, entries.predicted(question, "crashes")).message
    assert judge(question, entries.predicted(question, "raises an error")).state == "missing evidence"
    entries.clear()
    entries.observed("start.practice", {"outcome": "returns"}).predicted(question, "returns")
    assert "after the measurement" in judge(question, entries).message
