"""Lesson 00's checkpoints: the stub, a plausible mistake, and the answer."""

from __future__ import annotations

ID = "start.processors"


def test_the_number_of_processors_is_the_records(entries, judge):
    """The record says 2."""
    entries.measured("size", "torch-eager", [9e6])
    assert not judge(ID, entries).ok
    assert "something else" in judge(ID, entries.answered(ID, 8)).message
    assert "how many" in judge(ID, entries.answered(ID, "AMD EPYC")).message
    assert judge(ID, entries.answered(ID, 2)).ok


def test_without_a_record_there_is_nothing_to_read(entries, judge):
    """The way out is named."""
    assert "run the cell that measures it" in judge(ID, entries.answered(ID, 2)).message


def test_the_size_is_predicted_before_it_is_measured(entries, judge):
    """Late, it earns nothing; nonsense earns nothing; a wrong guess in time does."""
    assert "No prediction yet" in judge("start.size_guess", entries).message
    assert not judge("start.size_guess", entries.predicted("start.size_guess", -3)).ok
    assert judge("start.size_guess", entries.predicted("start.size_guess", 300)).ok
    entries.clear()
    entries.measured("size", "torch-eager", [9e6]).predicted("start.size_guess", 9)
    assert "after the measurement" in judge("start.size_guess", entries).message
