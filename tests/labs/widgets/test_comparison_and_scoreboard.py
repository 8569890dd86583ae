"""Comparison and scoreboard say what the records hold, with their machine, and nothing else."""

from __future__ import annotations

from labs.records.reference import reference_table
from labs.widgets import comparison_table, scoreboard


def test_comparison_marks_the_best_and_those_near_it(part_1):
    """A star for the best, '≈' where the intervals overlap, nothing else."""
    lines = {line.split()[0]: line for line in comparison_table(part_1).text.splitlines() if line}
    assert "1.80 ms ★" in lines["int8"]
    assert "88.0 % ★" in lines["eager"]
    assert "86.0 % ≈" in lines["int8"]
    assert "340 frames/s ★" not in lines["all"]


def test_comparison_keeps_published_results_apart(part_1):
    """Published rows stand under their machine's name, are never marked best, and leave ours unchanged."""
    shown = comparison_table(part_1, reference=reference_table("torch-eager"))
    before, _, after = shown.text.partition("[Published, not measured here: AMD EPYC 7763]")
    assert "60.2 ms" in after
    assert "★" not in after.rpartition("★ best of its machine")[0]
    assert "60.2 ms" not in before
    assert "Published, not measured here: AMD EPYC 7763" in shown.html


def test_comparison_never_crowns_an_option_that_is_alone(measured):
    """The only option of a machine is not the best of anything."""
    assert "★ best" in comparison_table(measured("all", 0.0027, 0.88, 340, 8.9e6)).text.splitlines()[-1]
    assert "ms ★" not in comparison_table(measured("all", 0.0027, 0.88, 340, 8.9e6)).text


def test_comparison_shows_a_missing_measurement_as_a_dash(make_measurement):
    """Nothing is invented for what was not measured."""
    row = comparison_table([make_measurement()]).text.splitlines()[4]
    assert row.split().count("–") >= 3


def test_scoreboard_tells_met_from_missed_and_names_the_option(part_1):
    """INT8 keeps the CPU server's and the device's limits here; no GPU option was measured."""
    shown = scoreboard(part_1)
    assert "2 of 3 met here" in shown.text
    assert "Server, CPU (AMD EPYC 7763): met by int8" in shown.text
    assert "Server, GPU (NVIDIA A100 or A30): no result" in shown.text
    assert "Measured on Test CPU × 2." in shown.text
    assert shown.html.count("✓ met here") == 2


def test_scoreboard_says_which_limit_is_missed(measured):
    """Fast enough, and too few a second: the sentence says both."""
    shown = scoreboard(measured("slow", 0.002, 0.88, 340, 8.9e6))
    assert "median latency 2.00 ms keeps < 3 ms, throughput 340 frames/s misses ≥ 1,000 frames/s" in shown.text


def test_scoreboard_stores_no_measured_number(part_1):
    """text/plain names targets only: a stored golden holds on every machine."""
    stored = repr(scoreboard(part_1))
    assert "Server, CPU: for AMD EPYC 7763" in stored
    assert " ms" not in stored


def test_scoreboard_works_before_anything_was_measured():
    """The course's first cell may show it empty."""
    assert "Nothing measured yet" in scoreboard([]).text
