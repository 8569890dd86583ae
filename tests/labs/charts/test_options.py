"""Latency, throughput, frontier and ratios say what the records hold, and claim nothing inside the noise."""

from __future__ import annotations

import numpy as np
import pytest

from labs import charts
from labs.records import Comparison, Threads


def rows_with(chart, field: str) -> list[dict]:
    """Return the drawn rows that have a field."""
    return [row for rows in chart.spec["datasets"].values() for row in rows if field in row]


def test_distribution_draws_each_sample_and_marks_the_percentiles(make_measurement):
    """One dot a sample, a line for each of p50, p95 and p99, the target, and the machine's name."""
    record = make_measurement(samples=tuple(0.002 + 0.00001 * step for step in range(100)))
    chart = charts.latency_distribution(record, target_s=0.0025)
    assert len(rows_with(chart, "place")) == 100
    assert [row["percentile"] for row in rows_with(chart, "percentile")] == ["p50", "p95", "p99"]
    assert "target: under 2.50 ms" in [row["words"] for row in rows_with(chart, "words")]
    assert "50.0 %" in chart.text  # fifty of the hundred samples are below 2.50 ms
    assert "Measured on Test CPU × 2" in chart.html


def test_distribution_counts_what_lies_beyond_its_edge(make_measurement):
    """An outlier does not squeeze the drawing, and is not hidden either."""
    chart = charts.latency_distribution(make_measurement(samples=(0.002,) * 999 + (0.5,)))
    assert max(row["ms"] for row in rows_with(chart, "place")) < 3
    assert "1 slower than the axis, up to 500 ms" in str(chart.spec)
    assert "500 ms" in chart.text


def test_throughput_curve_has_a_point_a_batch_size_with_its_interval(part_1, make_measurement):
    """The newest record counts, and its interval surrounds the point."""
    newer = make_measurement(option="all", kind="throughput", batch_size=32, samples=(0.1,) * 20)
    chart = charts.throughput_curve([*part_1, newer])
    (point,) = [row for row in rows_with(chart, "fps") if row["option"] == "all"]
    assert point["fps"] == pytest.approx(320)
    assert point["low"] <= point["fps"] <= point["high"]


def test_thread_sweep_is_drawn_beside_its_ideal(make_measurement):
    """Four threads that take half as long reach half of the ideal."""
    runs = [make_measurement(threads=Threads(n, 1), samples=(s,) * 9) for n, s in ((4, 0.004), (1, 0.008))]
    chart = charts.thread_sweep(runs)
    assert [(row["threads"], row["share of the ideal"]) for row in rows_with(chart, "ideal_ms")] == [
        ("1", "100.0 %"),
        ("4", "50.0 %"),
    ]


def test_frontier_fills_the_optimal_and_names_who_beats_the_rest(part_1, make_measurement):
    """'eager' is beaten by 'all'; the other two are a choice; what was measured in part only is named."""
    chart = charts.frontier_chart([*part_1, make_measurement(option="half")])
    assert "On the frontier: all, int8." in chart.text
    assert "beaten by all" in chart.text
    assert "Not measured in full: half" in chart.text
    standing = {row["option"]: row["on the frontier"] for row in rows_with(chart, "on the frontier")}
    assert standing == {"eager": "no", "all": "yes", "int8": "yes"}


def test_accuracy_and_latency_have_a_frontier_of_their_own(part_1):
    """'eager' is no more accurate than 'all', and slower; the other two are a choice."""
    chart = charts.accuracy_latency(part_1)
    assert "On the frontier of the two: all, int8." in chart.text


def test_each_machine_has_its_own_frontier(part_1, on_the_pi):
    """The slower device is not beaten by the server: nobody can put the server into the till."""
    chart = charts.frontiers([*part_1, *on_the_pi])
    assert chart.text.count("On the frontier:") == 2
    assert "beaten by int8" not in chart.text.split("On Cortex-A76")[1]
    assert repr(chart) == "2 charts"


def test_a_ratio_inside_the_noise_is_refused(make_measurement):
    """Of one run: twice as fast is better, one in a thousand cannot be told."""
    turns = {"comparison_id": "x", "block_calls": 5}

    def taking(option: str, seconds: float):
        noise = 1 + np.random.default_rng(ord(option)).normal(0, 0.02, 50)
        return make_measurement(option=option, samples=tuple(seconds * one for one in noise), details=turns)

    chart = charts.side_by_side(Comparison((taking("a", 0.002), taking("b", 0.001), taking("c", 0.002))), "a")
    verdicts = {row["name"]: row["verdict"] for row in rows_with(chart, "verdict")}
    assert verdicts["b"] == "better"
    assert verdicts["c"] == "cannot tell"
