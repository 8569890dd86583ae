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
from labs.records.customers import customer

DESIGNS = [
    {"design": "cloud", "pixels": 224, "wait_s": 2.5, "usd_per_day": 2.4, "accuracy": 0.8},
    {"design": "device", "pixels": 160, "wait_s": 0.08, "usd_per_day": 4.8, "accuracy": 0.75},
]


@pytest.fixture
def everything(part_1):
    """Return one chart of each kind by its name."""
    (seen,) = traced(np.ones((4, 8)))
    seen[1] * 2
    layer = {"name": "conv 1", "group": "NCHW", "operations": 2e6, "bytes": 1e5, "seconds": 1e-4}
    return {
        "access_map": charts.access_map({"a": (seen, seen.log)}),
        "design_frontier": charts.design_frontier(DESIGNS, customer("canteens")),
        "latency_distribution": charts.latency_distribution(part_1, 0.003),
        "roofline": charts.roofline([layer], 1e11, 2e10),
    }


def inside(spec: object, key: str) -> list:
    """Return every value of a key, however deep."""
    if isinstance(spec, dict):
        found = [spec[key]] if key in spec else []
        return found + [one for name, value in spec.items() if name != "datasets" for one in inside(value, key)]
    return [one for value in spec for one in inside(value, key)] if isinstance(spec, list) else []


def test_the_contract_covers_every_chart(everything):
    """A new chart is held to it as soon as it is public."""
    assert set(everything) == set(charts.__all__) - {"Chart"}


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


def test_what_cannot_be_drawn_says_what_to_do(make_measurement):
    """A measurement that was cancelled leaves too little; each error names what is needed."""
    with pytest.raises(ValueError, match="measure the option"):
        charts.latency_distribution([make_measurement(kind="accuracy", samples=(1.0,))])
    with pytest.raises(ValueError, match="no design"):
        charts.design_frontier([], customer("canteens"))


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
