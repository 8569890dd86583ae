"""Summaries: the newest record counts, machines stay apart, and 'best' is claimed only where the run can tell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labs.records import Answer, DifferentMachinesError
from labs.records.options import OptionSummary, best, summarize
from labs.stats import Interval


def with_p50(name: str, low: float, value: float, high: float) -> OptionSummary:
    """Return a summary of which only the median latency is known."""
    return OptionSummary(name, "Test CPU × 2", "id", p50_s=Interval(value, low, high))


def test_a_summary_gathers_all_kinds_of_one_option(make_measurement):
    """Latency, accuracy, throughput and size of an option end up in one row."""
    records = [
        make_measurement(kind="size", samples=(9e6,), providers_used={}, provider_requested="", precision=""),
        make_measurement(kind="accuracy", samples=(1.0, 1.0, 1.0, 0.0)),
        make_measurement(samples=(0.001, 0.002, 0.003)),
        make_measurement(kind="throughput", samples=(0.1,) * 5, batch_size=32),
        make_measurement(kind="throughput", samples=(0.01,) * 5, batch_size=4),
    ]
    (one,) = summarize(records)
    assert one.size_bytes.value == 9e6
    assert one.accuracy.value == 0.75
    assert one.p50_s.value == 0.002
    assert (one.batch_size, one.batch_fps.value) == (32, pytest.approx(320))
    assert (one.provider, one.precision) == ("CPUExecutionProvider", "fp32")


def test_the_newest_record_counts(make_measurement):
    """A repeated measurement replaces the earlier one; nothing is averaged over runs."""
    (one,) = summarize([make_measurement(samples=(0.009,) * 3), make_measurement(samples=(0.002,) * 3)])
    assert one.p50_s.value == 0.002


def test_latency_of_a_batch_is_not_single_sample_latency(make_measurement):
    """Only a batch of one picture says how long one person waits."""
    (one,) = summarize([make_measurement(batch_size=8)])
    assert one.p50_s is None


def test_other_ledger_entries_are_passed_over(make_measurement):
    """A whole ledger, answers included, can be handed in."""
    assert len(summarize([make_measurement(), Answer("q", "yes", "2026-01-01T00:00:00+00:00")])) == 1


def test_records_of_two_machines_are_refused_unless_asked_for(make_measurement):
    """Milliseconds of two machines never stand in one ranking by accident."""
    here = make_measurement()
    there = replace(here, machine=replace(here.machine, cpu_model="Other CPU"))
    with pytest.raises(DifferentMachinesError):
        summarize([here, there])
    assert [one.machine for one in summarize([here, there], across_machines=True)] == ["Test CPU × 2", "Other CPU × 2"]


def test_best_is_alone_where_intervals_are_apart():
    """2 ms ± 0.1 beats 3 ms ± 0.1, and nothing else is near."""
    assert best([with_p50("a", 1.9, 2, 2.1), with_p50("b", 2.9, 3, 3.1)], "p50_s") == ({"a"}, set())


def test_best_names_those_it_cannot_be_told_from():
    """Where intervals overlap, the other one is named as near."""
    assert best([with_p50("a", 1.9, 2, 2.3), with_p50("b", 2.2, 2.4, 2.6)], "p50_s") == ({"a"}, {"b"})


def test_larger_is_better_for_accuracy():
    """The direction belongs to the number."""
    low, high = (OptionSummary(n, "m", "i", accuracy=Interval(v, v, v)) for n, v in (("low", 0.5), ("high", 0.9)))
    assert best([low, high], "accuracy") == ({"high"}, set())


def test_nothing_is_best_where_nothing_was_measured():
    """An empty column marks nobody."""
    assert best([with_p50("a", 1, 1, 1)], "accuracy") == (set(), set())
