"""What cells show: scoreboard, numbers, tables, charts and controls; and a stop in mid-run loses no record."""

import itertools
import json
from dataclasses import replace
from importlib.metadata import version
from xml.etree import ElementTree

import ipywidgets
import numpy as np
import pytest

from labs.charts import VEGA_LITE, latency_distribution
from labs.display import format as fmt
from labs.display.table import Cell, html_table, text_table
from labs.display.theme import SERIES
from labs.records.ledger import ledger
from labs.widgets import Stopped, evaluate, scoreboard
from labs.widgets.controls import controls
from labs.widgets.progress import Progress
from labs.widgets.scoreboard import best_so_far, tiles
from tests.entries import Entries

#: Records of three options.
PART_1, HERE = Entries(), {"machine": {"cpu_model": "Test CPU"}}
PART_1.in_full("torch-eager", 0.012, 88, 130, 9.2e6, **HERE).in_full("food11", 0.0027, 88, 340, 8.9e6, **HERE)
PART_1.in_full("int8", 0.0018, 88, 1200, 2.4e6, **HERE)


def test_scoreboard_tells_met_from_missed_and_names_the_option():
    """INT8 keeps the CPU server's and the device's limits here; no GPU option was measured."""
    shown = scoreboard(PART_1.records.measurements())
    assert "2 of 3 met here" in shown.text
    assert "Server, CPU (AMD EPYC 7763): met by int8" in shown.text
    assert "Server, GPU (NVIDIA A100 or A30): no result" in shown.text
    assert "Measured on Test CPU × 2." in shown.text
    assert shown.html.count("✓ met here") == 2
    assert "Server, CPU: for AMD EPYC 7763" in repr(shown)
    assert " ms" not in repr(shown)
    assert "Nothing measured yet" in scoreboard([]).text


def test_scoreboard_says_which_limit_is_missed():
    """Fast enough, and too few a second: the sentence says both."""
    shown = scoreboard(Entries().in_full("slow", 0.002, 88, 340, 8.9e6).records.measurements())
    assert "one photo, median 2.00 ms keeps < 3 ms, throughput 340 photos/s misses ≥ 1,000 photos/s" in shown.text


def test_a_target_shows_what_a_leased_machine_of_its_kind_measured():
    """A rehearsal stands in until then; a leased server is no device, however fast."""
    leased = {"testbed": {"site": "CHI@TACC"}, "architecture": "x86_64"}
    best = best_so_far([*Entries().in_full("food11", 0.0029, 88, 1100, 2e6, machine=leased).records, *PART_1.records])
    cpu, gpu, device = best.values()
    assert (cpu.option.p50_s.value, gpu, device.option.option) == (0.0029, None, "int8")
    shown = tiles(best, {True: "on a lease", False: "in rehearsal"})
    assert all(words in shown for words in ("✓ met on a lease", "no result", "✓ met in rehearsal"))


IMAGES, LABELS = np.zeros((4, 3, 224, 224), np.float32), np.array([3, 3, 3, 0])


def test_answers_and_bytes_are_a_row_and_two_records(fake_model):
    """One row an option; the ledger holds what it rests on."""
    table = evaluate({"fake": fake_model(itertools.repeat(0.01))}, IMAGES, LABELS)
    assert table.loc["fake", "right of 4"] == 3
    assert [entry.kind for entry in ledger()] == ["size", "accuracy"]


def test_a_stop_in_mid_run_keeps_what_was_finished(fake_model):
    """The first option stays, and nothing half-measured is recorded."""

    def interrupted():
        raise KeyboardInterrupt
        yield 0.0

    targets = {"one": fake_model(itertools.repeat(0.01)), "other": fake_model(interrupted())}
    with pytest.raises(Stopped, match="What was finished before is in the ledger"):
        evaluate(targets, IMAGES, LABELS)
    assert [(entry.option, entry.kind) for entry in ledger()] == [("one", "size"), ("one", "accuracy")]


def test_live_widgets_sit_in_the_box():
    """One forgotten box would let a key cut a cell."""
    for live in (Progress("Count").live, controls([ipywidgets.Button()])):
        assert "msl-controls" in live._dom_classes
        assert "data-lm-suppress-shortcuts" in live.children[-1].value


def test_series_can_be_seen_on_light_and_dark_pages():
    """Each colour of data keeps a contrast of 3 against JupyterLab's white and its darkest grey (WCAG 1.4.11)."""
    for colour in SERIES:
        assert contrast(colour, "#ffffff") >= 3, colour
        assert contrast(colour, "#111111") >= 3, colour


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours. Source: WCAG 2.2, relative luminance."""
    darker, lighter = sorted(luminance(colour) for colour in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of '#rrggbb', 0 to 1."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


ROWS = [[Cell("a<b"), Cell("1.0", "0.9 – 1.1", "msl-best"), Cell("yes", words=True)]]


def test_html_table_has_real_headers_and_escapes():
    """Columns and rows have headers with a scope, and no cell can add HTML of its own."""
    table = ElementTree.fromstring(html_table(["what", "value", "word"], ROWS).replace("class=msl-text", ""))
    assert [cell.get("scope") for cell in table.iter("th")] == ["col", "col", "col", "row"]
    assert "".join(table.find(".//th[@scope='row']").itertext()) == "a<b"


def test_text_table_is_aligned_and_holds_the_same_cells():
    """Numbers end in one column, words begin in one, and the interval stands beside its number."""
    lines = text_table(["what", "value", "word"], [*ROWS, [Cell("c"), Cell("12"), Cell("no", words=True)]]).splitlines()
    assert lines == [
        "what          value  word",
        "----  -------------  ----",
        "a<b   1.0 0.9 – 1.1  yes",
        "c                12  no",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (fmt.milliseconds(0.00269), "2.69 ms"),
        (fmt.milliseconds(0.0604), "60.4 ms"),
        (fmt.milliseconds(1.5), "1,500 ms"),
        (fmt.duration(200), "3 min 20 s"),
        (fmt.duration(7500), "2 h 5 min"),
        (fmt.megabytes(2_431_504), "2.43 MB"),
        (fmt.percent(0.8859), "88.6 %"),
        (fmt.rate(868.4), "868 photos/s"),
    ],
)
def test_numbers_as_people_read_them(text, expected) -> None:
    """Seconds become milliseconds only here, with three significant digits."""
    assert text == expected


@pytest.fixture
def chart():
    """Return the chart of three options, with a target."""
    return latency_distribution(PART_1.records.measurements(), 0.003)


def inside(spec: object, key: str) -> list:
    """Return every value of a key, however deep."""
    if isinstance(spec, dict):
        values = [spec[key]] if key in spec else []
        return values + [inner for name, value in spec.items() if name != "datasets" for inner in inside(value, key)]
    return [inner for value in spec for inner in inside(value, key)] if isinstance(spec, list) else []


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


def test_two_machines_are_named_and_what_cannot_be_drawn_says_what_to_do(make_measurement):
    """Rows of two machines stand together with their names only; a measurement that was cancelled leaves too little."""
    here = make_measurement()
    there = replace(here, machine=replace(here.machine, cpu_model="Other CPU"))
    assert "Test CPU × 2; Other CPU × 2" in latency_distribution([here, there]).text
    with pytest.raises(ValueError, match="measure the option"):
        latency_distribution([make_measurement(kind="accuracy", samples=(1.0,))])


def test_a_chart_stays_small(make_measurement):
    """Ten thousand samples do not bloat the notebook: a few hundred are drawn, all are counted."""
    many = make_measurement(samples=tuple(0.002 + 1e-7 * step for step in range(10_000)))
    chart = latency_distribution(many)
    assert len(json.dumps(chart.spec)) < 150_000
    drawn = [row["count"] for rows in chart.spec["datasets"].values() for row in rows if "count" in row]
    assert sum(drawn) >= 9_900
