"""Comparison and scoreboard say what the records hold, with their machine, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labs.records import DifferentMachinesError
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


def answers(make_measurement, option: str, wrong: set[int]):
    """Return an accuracy record of a hundred images."""
    samples = tuple(float(image not in wrong) for image in range(100))
    details = {"labels": [3] * 100}
    return make_measurement(option=option, kind="accuracy", samples=samples, details=details)


def test_accuracy_is_compared_on_the_same_images(make_measurement):
    """Ten images lost and none gained is a loss although the two intervals overlap; one for one cannot be told (B3)."""
    records = [
        answers(make_measurement, "float", set(range(12))),
        answers(make_measurement, "worse", set(range(22))),
        answers(make_measurement, "other", {*range(11), 98, 99}),
    ]
    lines = {line.split()[0]: line for line in comparison_table(records).text.splitlines() if line}
    assert "★" in lines["float"]
    assert "≈" not in lines["worse"]
    assert "≈" in lines["other"]


def test_accuracy_on_other_images_is_not_compared(make_measurement):
    """Without the same images there is no pair, and so no claim."""
    one = answers(make_measurement, "one", {1, 2})
    other = replace(answers(make_measurement, "other", {1, 2, 3}), details={"labels": [4] * 100})
    assert "≈ cannot" in comparison_table([one, other]).text
    assert "97.0 % ≈" not in comparison_table([one, other]).text


def test_a_scoreboard_of_two_machines_is_refused(part_1):
    """Each machine has a scoreboard of its own."""
    mixed = [*part_1, replace(part_1[0], machine=replace(part_1[0].machine, cpu_model="Other CPU"))]
    with pytest.raises(DifferentMachinesError):
        scoreboard(mixed)
