"""What the latency chart promises: JupyterLab can draw it, tooltips, words for those who cannot see it, and no measured
number in what a notebook stores."""

import json
from dataclasses import replace
from importlib.metadata import version

import pytest

from labs.charts import VEGA_LITE, latency_distribution


@pytest.fixture
def chart(part_1):
    """Return the chart of three options, with a target."""
    return latency_distribution(part_1, 0.003)


def inside(spec: object, key: str) -> list:
    """Return every value of a key, however deep."""
    if isinstance(spec, dict):
        found = [spec[key]] if key in spec else []
        return found + [one for name, value in spec.items() if name != "datasets" for one in inside(value, key)]
    return [one for value in spec for one in inside(value, key)] if isinstance(spec, list) else []


def test_jupyterlab_can_draw_it(chart):
    """Vega-Lite 5, which JupyterLab brings along; plain JSON, without data or scripts from elsewhere."""
    assert int(version("altair").split(".")[0]) < 6
    bundle, metadata = chart._repr_mimebundle_()
    assert "/v5" in bundle[VEGA_LITE]["$schema"]
    assert inside(bundle[VEGA_LITE], "url") == []
    json.dumps(bundle[VEGA_LITE], allow_nan=False)
    assert metadata[VEGA_LITE]["embed_options"]["renderer"] == "svg", "letters stay sharp when the page is zoomed"
    assert "text/html" not in bundle, "JupyterLab would choose the HTML"


def test_it_has_tooltips_a_description_a_table_and_text(chart):
    """Numbers under the pointer, a unit on the axis, and words for a screen reader."""
    fields = [one["field"] for tip in inside(chart.spec, "tooltip") for one in tip]
    assert {"latency", "percentile", "requests"} <= set(fields)
    assert not [field for field in fields if set(field) & set("'\"[].\\")], "an error in the browser"
    assert "latency in ms" in inside(chart.spec, "title")
    assert "int8: median 1.80 ms" in chart.spec["description"]
    assert '<th scope="col">' in chart.html
    for text in (chart.text, chart.html):
        assert "1.80 ms" in text
        assert "Measured on Test CPU × 2" in text
    assert not any(mark in repr(chart) for mark in (" ms", "%"))


def test_what_cannot_be_drawn_says_what_to_do(make_measurement):
    """A measurement that was cancelled leaves too little."""
    with pytest.raises(ValueError, match="measure the option"):
        latency_distribution([make_measurement(kind="accuracy", samples=(1.0,))])


def test_a_chart_stays_small(make_measurement):
    """Ten thousand samples do not bloat the notebook: a few hundred are drawn, all are counted."""
    many = make_measurement(samples=tuple(0.002 + 1e-7 * step for step in range(10_000)))
    chart = latency_distribution(many)
    assert len(json.dumps(chart.spec)) < 150_000
    drawn = [row["count"] for rows in chart.spec["datasets"].values() for row in rows if "count" in row]
    assert sum(drawn) >= 9_900


def test_two_machines_are_named(make_measurement):
    """Rows of different machines may stand together only with their names."""
    here = make_measurement()
    there = replace(here, machine=replace(here.machine, cpu_model="Other CPU"))
    assert "Test CPU × 2; Other CPU × 2" in latency_distribution([here, there]).text
