"""What every chart promises: JupyterLab can draw it, tooltips, axes with units, words for those who cannot see it, and
no measured number in what a notebook stores."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import pytest

from labs import charts
from labs.charts.frame import VEGA_LITE
from labs.optimize.traced import traced
from labs.records import Comparison, DifferentMachinesError, Threads
from labs.records.customers import customer

PROFILE = [
    {"cat": "Session", "name": "model_run", "ts": 0, "dur": 10},
    {"cat": "Node", "name": "a_kernel_time", "ts": 1, "dur": 9000, "args": {"op_name": "Conv"}},
    {"cat": "Session", "name": "model_run", "ts": 20, "dur": 10},
    {"cat": "Node", "name": "a_kernel_time", "ts": 21, "dur": 3000, "args": {"op_name": "Conv"}},
    {"cat": "Node", "name": "b_kernel_time", "ts": 25, "dur": 1000, "args": {"op_name": "Clip"}},
]
DESIGNS = [
    {"design": "cloud", "pixels": 224, "wait_s": 2.5, "usd_per_day": 2.4, "accuracy": 0.8},
    {"design": "device", "pixels": 160, "wait_s": 0.08, "usd_per_day": 4.8, "accuracy": 0.75},
]
WEIGHT = np.random.default_rng(0).normal(size=(8, 4, 3, 3)) * np.geomspace(1, 20, 8).reshape(-1, 1, 1, 1)


@pytest.fixture
def everything(part_1, make_measurement, make_load, busy, on_the_pi):
    """Return one chart of each kind by its name."""
    turns = {"comparison_id": "x", "block_calls": 5}
    raced = [
        make_measurement(
            option=name, samples=tuple(seconds * (1 + step % 7 / 100) for step in range(50)), details=turns
        )
        for name, seconds in (("all", 0.003), ("int8", 0.002))
    ]
    sweep = [make_measurement(threads=Threads(n, 1), samples=(0.01 / n,) * 9) for n in (1, 2)]
    open_runs = [make_load(rps=rps) for rps in (50.0, 100.0)]
    (seen,) = traced(np.ones((4, 8)))
    seen[1] * 2
    layer = {"name": "conv 1", "group": "NCHW", "operations": 2e6, "bytes": 1e5, "seconds": 1e-4}
    return {
        "access_map": charts.access_map({"a": (seen, seen.log)}),
        "accuracy_latency": charts.accuracy_latency(part_1),
        "batch_histogram": charts.batch_histogram(make_load()),
        "before_after": charts.before_after(make_load("plain"), make_load("batched", scale=0.5)),
        "channel_ranges": charts.channel_ranges(WEIGHT),
        "design_frontier": charts.design_frontier(DESIGNS, customer("canteens")),
        "endurance": charts.endurance(busy),
        "frontier_chart": charts.frontier_chart(part_1),
        "frontiers": charts.frontiers(on_the_pi),
        "latency_curve": charts.latency_curve(open_runs, theories={"flat": lambda _: 0.01}, objective_s=0.02),
        "latency_distribution": charts.latency_distribution(part_1, 0.003),
        "operator_profile": charts.operator_profile(PROFILE),
        "over_time": charts.over_time({"rate, 1/s": {"a": [(5.0, 1.5), (6.0, 2.0)]}}, events={"released": 5.5}),
        "quantized": charts.quantized("w", WEIGHT),
        "queue_compute": charts.queue_compute([make_load()]),
        "roofline": charts.roofline([layer], 1e11, 2e10),
        "side_by_side": charts.side_by_side(Comparison(tuple(raced)), "all"),
        "thread_sweep": charts.thread_sweep(sweep),
        "throughput_curve": charts.throughput_curve(part_1),
    }


def inside(spec: object, key: str) -> list:
    """Return every value of a key, however deep."""
    if isinstance(spec, dict):
        found = [spec[key]] if key in spec else []
        return found + [one for name, value in spec.items() if name != "datasets" for one in inside(value, key)]
    return [one for value in spec for one in inside(value, key)] if isinstance(spec, list) else []


def test_the_contract_covers_every_chart(everything):
    """A new chart is held to it as soon as it is public."""
    assert set(everything) == set(charts.__all__) - {"Chart", "Settings"}


def test_jupyterlab_can_draw_each(everything):
    """Vega-Lite 5, which JupyterLab brings along; without data or scripts from elsewhere."""
    assert int(version("altair").split(".")[0]) < 6
    for name, chart in everything.items():
        bundle, metadata = chart._repr_mimebundle_()
        spec = bundle[VEGA_LITE]
        assert "/v5" in spec["$schema"], name
        assert inside(spec, "url") == [], name
        assert metadata[VEGA_LITE]["embed_options"]["renderer"] == "svg", "letters stay sharp when the page is zoomed"
        assert "text/html" not in bundle, "JupyterLab would choose the HTML"


def test_each_has_tooltips_axis_titles_and_a_description(everything):
    """Numbers under the pointer, units on the axes, and words for a screen reader."""
    for name, chart in everything.items():
        spec = chart.spec
        assert inside(spec, "tooltip"), name
        titles = [title for title in inside(spec, "title") if isinstance(title, str)]
        assert titles, name
        assert spec["description"].endswith("."), name
        assert len(spec["description"]) > 30, name


def test_fields_with_tooltips_can_be_named_in_vega(everything):
    """A quote or a bracket in a field's name is an error in the browser, which no test of the specification sees."""
    for chart in everything.values():
        fields = [one["field"] for tip in inside(chart.spec, "tooltip") if isinstance(tip, list) for one in tip]
        assert not [field for field in fields if set(field) & set("'\"[].\\")]


def test_each_says_the_same_as_a_table_and_as_text(everything):
    """Title and table in both; the table has real headers."""
    for name, chart in everything.items():
        assert '<th scope="col">' in chart.html, name
        assert chart.text.splitlines()[0] in chart.spec["description"], name
        assert str(chart) == chart.text


def test_what_a_notebook_stores_as_text_is_the_same_in_each_run(everything):
    """text/plain holds no measured number."""
    for name, chart in everything.items():
        stored = chart._repr_mimebundle_()[0]["text/plain"]
        assert stored == repr(chart)
        assert not any(mark in stored for mark in (" ms", "%", "req/s")), name


def test_specifications_are_plain_json(everything):
    """No number of numpy's, no infinity and no NaN, which a notebook's file cannot hold."""
    for chart in everything.values():
        json.dumps(chart.spec, allow_nan=False)


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda make, load: charts.latency_distribution([make(kind="accuracy", samples=(1.0,))]), "measure the option"),
        (lambda make, load: charts.throughput_curve([make()]), "measure an option in batches"),
        (lambda make, load: charts.thread_sweep([make()]), "at least two numbers of threads"),
        (lambda make, load: charts.frontier_chart([make()]), "accuracy, latency, throughput and size"),
        (lambda make, load: charts.frontiers([make()]), "on any machine"),
        (lambda make, load: charts.side_by_side(Comparison((make(option="a"),)), "a"), "ran alone"),
        (lambda make, load: charts.queue_compute([make()]), "run a closed or an open loop first"),
        (lambda make, load: charts.latency_curve([load()]), "a closed loop has no rate"),
        (lambda make, load: charts.batch_histogram(load(server=None)), "no batch was counted"),
        (lambda make, load: charts.operator_profile([]), "run the session before"),
        (lambda make, load: charts.channel_ranges(np.ones(4)), "output channels"),
        (lambda make, load: charts.design_frontier([], customer("canteens")), "no design"),
    ],
)
def test_what_cannot_be_drawn_says_what_to_do(draw, says, make_measurement, make_load):
    """A measurement that was cancelled leaves too little; each error names what is needed."""
    with pytest.raises(ValueError, match=says):
        draw(make_measurement, make_load)


@pytest.mark.parametrize("draw", [charts.frontier_chart, charts.accuracy_latency, charts.before_after])
def test_two_machines_are_not_compared(draw, make_load, part_1):
    """A frontier would choose the machine and not the option, and a change be that of the machine."""
    pair = [make_load(), make_load()] if draw is charts.before_after else part_1
    elsewhere = replace(pair[0], machine=replace(pair[0].machine, cpu_model="Other CPU"))
    with pytest.raises(DifferentMachinesError):
        draw(*(pair[1], elsewhere) if draw is charts.before_after else ([*pair, elsewhere],))


def test_a_chart_stays_small(everything, make_measurement):
    """Ten thousand samples do not bloat the notebook: a few hundred are drawn, all are counted."""
    many = make_measurement(samples=tuple(0.002 + 1e-7 * step for step in range(10_000)))
    chart = charts.latency_distribution(many)
    assert len(json.dumps(chart.spec)) < 150_000
    drawn = [row["count"] for rows in chart.spec["datasets"].values() for row in rows if "count" in row]
    assert sum(drawn) >= 9_900


def test_two_machines_are_named(make_measurement):
    """Rows of different machines may stand together only with their names."""
    here = make_measurement()
    there = replace(here, machine=replace(here.machine, cpu_model="Other CPU"))
    chart = charts.latency_distribution([here, there])
    assert "Test CPU × 2; Other CPU × 2" in chart.text
    assert "Other CPU × 2" in json.dumps(chart.spec, ensure_ascii=False)
