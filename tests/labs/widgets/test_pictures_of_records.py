"""Distribution, comparison, frontier and scoreboard say what the records hold, with their machine, and nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from labs.records import DifferentMachinesError
from labs.records.reference import reference_table
from labs.widgets import Points, comparison_table, frontier, latency_distribution, scoreboard


@pytest.fixture
def measured(make_measurement):
    """Return a builder of an option's four records with exact values."""

    def build(option: str, p50_s: float, accuracy: float, fps: float, size_bytes: float):
        right = round(accuracy * 100)
        return [
            make_measurement(option=option, kind="size", samples=(size_bytes,)),
            make_measurement(option=option, kind="accuracy", samples=(1.0,) * right + (0.0,) * (100 - right)),
            make_measurement(option=option, samples=(p50_s,) * 100),
            make_measurement(option=option, kind="throughput", samples=(32 / fps,) * 20, batch_size=32),
        ]

    return build


@pytest.fixture
def part_1(measured):
    """Return records of three options."""
    return [
        *measured("eager", 0.012, 0.88, 130, 9.2e6),
        *measured("all", 0.0027, 0.88, 340, 8.9e6),
        *measured("int8", 0.0018, 0.86, 1200, 2.4e6),
    ]


def svg_of(html: str) -> ElementTree.Element:
    """Return the picture inside a card."""
    return ElementTree.fromstring(re.search(r"<svg.*?</svg>", html, re.DOTALL)[0])


def test_distribution_draws_each_sample_and_marks_the_percentiles(make_measurement):
    """One dot a sample, a mark for each of p50, p95 and p99, the target as a line, and the machine's name."""
    record = make_measurement(samples=tuple(0.002 + 0.00001 * step for step in range(100)))
    shown = latency_distribution(record, target_s=0.0025)
    picture = svg_of(shown.html)
    assert len(picture.findall("circle")) == 100
    written = [text.text for text in picture.findall("text")]
    assert written.count("p50") == 2  # at the mark, and in the list of numbers
    assert "target: under 2.50 ms" in written
    assert "Measured on Test CPU × 2" in shown.html
    assert "2.50 ms" in shown.text
    assert "51.0 %" not in shown.text
    assert "50.0 %" in shown.text  # fifty of the hundred samples are below 2.50 ms


def test_distribution_counts_what_lies_beyond_its_edge(make_measurement):
    """An outlier does not squeeze the picture, and is not hidden either."""
    shown = latency_distribution(make_measurement(samples=(0.002,) * 999 + (0.5,)))
    assert "1 slower, up to 500 ms" in shown.html
    assert "500 ms" in shown.text


def test_distribution_without_latency_says_what_to_do(make_measurement):
    """A cancelled measurement leaves records but no latency: the error names that."""
    with pytest.raises(ValueError, match="measure the option first"):
        latency_distribution([make_measurement(kind="accuracy", samples=(1.0,))], target_s=0.003)


def test_distribution_of_two_machines_names_both(make_measurement):
    """Rows of different machines may stand together only with their names."""
    here = make_measurement()
    there = replace(here, machine=replace(here.machine, cpu_model="Other CPU"))
    shown = latency_distribution([here, there])
    assert "Test CPU × 2; Other CPU × 2" in shown.text
    assert {"Test CPU × 2", "Other CPU × 2"} <= {text.text for text in svg_of(shown.html).findall("text")}


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


def test_frontier_fills_the_optimal_and_names_who_beats_the_rest(part_1):
    """'eager' is beaten by 'all'; the other two are a choice."""
    shown = frontier(part_1)
    assert "On the frontier: all, int8." in shown.text
    assert "beaten by all" in shown.text
    dots = svg_of(shown.html).findall("circle")
    assert len(dots) == 6  # three options in two panels
    hollow = [dot for dot in dots if "fill:var(--msl-paper)" in dot.get("style")]
    assert [dot.find("title").text.split(":")[0] for dot in hollow] == ["eager", "eager"]


def test_frontier_names_what_was_not_measured_in_full(part_1, make_measurement):
    """An option with only a latency is mentioned and not drawn."""
    assert "Not measured in full: half" in frontier([*part_1, make_measurement(option="half")]).text


def test_frontier_and_scoreboard_refuse_a_mix_of_machines(part_1):
    """A frontier across machines would choose the machine and not the option."""
    mixed = [*part_1, replace(part_1[0], machine=replace(part_1[0].machine, cpu_model="Other CPU"))]
    for widget in (frontier, scoreboard):
        with pytest.raises(DifferentMachinesError):
            widget(mixed)


def test_frontier_of_nothing_says_what_to_do(make_measurement):
    """No option in full: the error names the measurements that are needed."""
    with pytest.raises(ValueError, match="accuracy, latency, throughput and size"):
        frontier([make_measurement()])


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
    """text/plain names targets and points only: a stored golden holds on every machine."""
    stored = repr(scoreboard(part_1, points=[Points("m.a", "First", 1, 1), Points("m.b", "Second", 0, 3)]))
    assert "Checkpoints: 1 of 4 points" in stored
    assert "ms" not in stored.replace("Checkpoints", "")


def test_scoreboard_works_before_anything_was_measured():
    """The course's first cell may show it empty."""
    assert "Nothing measured yet" in scoreboard([]).text
