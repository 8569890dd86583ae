"""Summaries: the newest record counts, machines stay apart, and 'best' is claimed only where the run can tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from labs.records import Answer, DifferentMachinesError
from labs.records.options import Best, OptionSummary, best, summarize, told_apart
from labs.stats import Interval


@pytest.fixture
def race(make_measurement):
    """Return a maker of side-by-side records: each option's time in a call, with a little noise of its own."""

    def made(run: str = "run", kind: str = "latency", batch_size: int = 1, **times_s: float):
        rng = np.random.default_rng(len(run))
        details = {"comparison_id": run, "block_calls": 2}
        return [
            make_measurement(
                kind=kind,
                option=option,
                batch_size=batch_size,
                details=details,
                samples=tuple(time_s * (1 + 0.02 * rng.standard_normal(24))),
            )
            for option, time_s in times_s.items()
        ]

    return made


@pytest.fixture
def seen(make_measurement):
    """Return a maker of accuracy records on images with the labels 0, 1, 2, …; told which were wrong."""

    def made(option: str, wrong: range, images: int = 660, dataset: str = "evaluation"):
        right = tuple(float(image not in wrong) for image in range(images))
        details = {"labels": list(range(images)), "dataset": dataset}
        return make_measurement(kind="accuracy", option=option, samples=right, details=details)

    return made


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
    """Only a batch of one image says how long one person waits."""
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


def test_accuracy_is_compared_image_by_image(seen):
    """47 images lost and 7 gained of 660 is a difference, although both accuracies' own intervals overlap."""
    options = summarize([seen("fp32", range(124)), seen("int8", range(7, 171)), seen("twin", range(2, 124))])
    one, other, _ = options
    assert other.accuracy.high > one.accuracy.low
    assert told_apart(other, one, "accuracy") == "worse"
    assert best(options, "accuracy") == Best({"twin"}, {"fp32"}, set())


def test_accuracy_on_other_images_is_not_compared(seen):
    """Shares of right answers on two sets of images are no comparison, however far apart."""
    options = summarize([seen("a", range(10)), seen("b", range(300), images=600)])
    assert best(options, "accuracy") == Best({"a"}, set(), {"b"})


def test_times_are_compared_side_by_side(race):
    """The run in which both took turns decides what is slower and what cannot be told from the best."""
    options = summarize(race(a=0.002, b=0.00201, c=0.003))
    assert best(options, "p50_s") == Best({"a"}, {"b"}, set())


def test_runs_of_their_own_decide_nothing(make_measurement):
    """Two latencies that were measured one after the other are not compared, whatever their intervals say."""
    options = summarize([make_measurement(option=name, samples=(time_s,) * 30 + (time_s * 1.01,)) for name, time_s in
                         (("a", 0.002), ("b", 0.003))])  # fmt: skip
    assert best([replace(one, p50_s=Interval(one.p50_s.value, 0.0, 1.0)) for one in options], "p50_s") == Best(
        {"a"}, set(), {"b"}
    )


def test_a_run_side_by_side_overrules_figures_of_two_runs(race, make_measurement):
    """An option that was measured alone on a quiet machine is not best when it lost the run side by side."""
    alone = make_measurement(option="b", samples=(0.0015, 0.0016, 0.0017))
    options = summarize([*race(a=0.002, b=0.003), alone])
    assert best(options, "p50_s") == Best({"a"}, set(), set())


def test_throughput_counts_turns_of_the_same_batch(race):
    """The direction belongs to the number: less time a batch is more images a second."""
    options = summarize(race(kind="throughput", batch_size=32, a=0.1, b=0.2))
    assert best(options, "batch_fps") == Best({"a"}, set(), set())


def test_sizes_are_exact_and_tails_have_no_best(make_measurement):
    """The smaller file is smaller; a p95 has no run side by side to decide by."""
    records = [make_measurement(kind="size", option=name, samples=(size,)) for name, size in (("a", 2e6), ("b", 9e6))]
    options = summarize([*records, make_measurement(option="a"), make_measurement(option="b")])
    assert best(options, "size_bytes") == Best({"a"}, set(), set())
    assert best(options, "p95_s") == Best(set(), set(), set())


def test_nothing_is_best_where_nothing_was_measured():
    """An empty column marks nobody."""
    assert best([OptionSummary("a", "m", "i", p50_s=Interval(1, 1, 1))], "accuracy") == Best(set(), set(), set())
