"""Outputs of cells: scoreboard, numbers, tables, charts and controls; a stop in mid-run loses no
record.
"""

import itertools
import json
import re
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
from labs.records.reference import published
from labs.widgets import Stopped, evaluate, scoreboard
from labs.widgets.controls import controls
from labs.widgets.progress import Progress
from labs.widgets.scoreboard import best_so_far, met, tiles
from tests.entries import Entries

#: Records of three options.
PART_1, HERE = Entries(), {"machine": {"cpu_model": "Test CPU"}}
PART_1.in_full("torch-eager", 0.012, 88, 130, 9.2e6, **HERE).in_full(
    "food11", 0.0027, 88, 340, 8.9e6, **HERE
)
PART_1.in_full("int8", 0.0018, 88, 1200, 2.4e6, **HERE)


#: Fields of machines, each with the targets that it may meet: those of its own processor or GPU, as
#: no rehearsal.
EPYC = {"cpu_model": "AMD EPYC 7763 64-Core Processor", "cpu_count": 256}
PI = {
    "cpu_model": "Cortex-A76, Raspberry Pi 5 Model B Rev 1.0",
    "architecture": "aarch64",
    "cpu_count": 4,
}
TACC, PLAYED = (
    {"site": "CHI@TACC", "node": "a-node"},
    {"site": "rehearsal", "node": "rehearsed machine"},
)


def gpu(name: str) -> dict:
    """Return a machine's field that lists one GPU."""
    card = {
        "name": name,
        "uuid": name,
        "memory_bytes": 1 << 35,
        "compute_capability": "8.0",
        "driver": "580",
    }
    return {"gpus": [card]}


XEON = {"cpu_model": "Intel Xeon"}
I7 = {"cpu_model": "Intel Core i7"}
M2 = {"cpu_model": "Apple M2", "architecture": "aarch64"}
PI_4 = PI | {"cpu_model": "Cortex-A72, Raspberry Pi 4 Model B"}
A3000 = gpu("NVIDIA RTX A3000 Laptop GPU")
A30 = gpu("NVIDIA A30")
A100 = gpu("NVIDIA A100-PCIE-40GB")
H100 = gpu("NVIDIA H100 PCIe")
MI100 = gpu("AMD Instinct MI100")
REHEARSED = {"testbed": PLAYED}
LEASED = {"testbed": TACC}
LEASED_AT_THE_EDGE = {"testbed": {"site": "CHI@Edge"}}

#: A machine's fields, and the targets whose own machine it is.
MACHINES = {
    "a laptop": (I7 | A3000, set()),
    "a laptop with ARM cores": (M2, set()),
    "a virtual machine elsewhere on the server's processor": (EPYC | {"cpu_count": 2}, set()),
    "a workstation with an A100": (XEON | A100, set()),
    "a laptop that plays the server": (EPYC | A30 | REHEARSED, set()),
    "a Pi that plays the server": (PI | REHEARSED, set()),
    "an emulated board": (PI | {"emulator": "qemu-aarch64"}, set()),
    "another board": (PI_4 | LEASED_AT_THE_EDGE, set()),
    "another leased server": (XEON | H100 | LEASED, set()),
    "the leased server": (EPYC | A100 | LEASED, {"server-cpu", "server-gpu"}),
    "the leased server with AMD's GPU": (EPYC | MI100 | LEASED, {"server-cpu", "server-gpu"}),
    "a leased server with an A30": (XEON | A30 | LEASED, {"server-gpu"}),
    "the board": (PI, {"device"}),
    "the board on a lease": (PI | LEASED_AT_THE_EDGE, {"device"}),
}


def measured_on(machine: dict, batch_fps: float = 9_000) -> Entries:
    """Return a ledger in which a machine keeps every limit, on its processor and on a GPU."""
    entries = Entries().in_full("torch-eager", 0.0009, 88, batch_fps, 2e6, machine=machine)
    nodes = {
        "providers_used": {"CUDAExecutionProvider": 50},
        "provider_requested": "CUDAExecutionProvider",
    }
    return entries.in_full("cuda", 0.0009, 88, batch_fps, 2e6, machine=machine, **nodes)


@pytest.mark.parametrize("batch_fps", [9_000, 90])
@pytest.mark.parametrize("machine", MACHINES)
def test_only_a_targets_own_machine_gets_a_verdict(machine: str, batch_fps: float):
    """Any other figure has its machine's name, but no mark and no verdict's colour, on both
    boards.
    """
    fields, own = MACHINES[machine]
    records = measured_on(fields, batch_fps).records
    best = best_so_far(records)
    for target, judged in best.items():
        tile = tiles({target: judged})
        is_own = target.name in own
        verdict = re.search(r"✓|✗|\bmsl-good\b|\bmsl-bad\b|\b(met|keeps|misses)\b", tile)
        assert bool(verdict) == is_own
        assert bool(re.search("rehearsal<|another machine<", tile)) == (not is_own)
        assert judged.option.machine in tile
    count = sum(target.name in own and judged.meets for target, judged in best.items())
    assert met(best) == f"{count} of 3 met"
    shown = scoreboard(records)
    assert f"{count} of 3 met" in shown.text
    assert tiles(best) in shown.html


def test_the_scoreboard_names_limits_options_and_what_is_missing():
    """A verdict names each number beside its limit; a rehearsal names them without a verdict."""
    server = MACHINES["the leased server"][0]
    shown = scoreboard(Entries().in_full("slow", 0.002, 88, 340, 8.9e6, machine=server).records)
    assert (
        "one photo, median 2.00 ms keeps < 3 ms, throughput 340 photos/s misses ≥ 1,000 photos/s"
        in shown.text
    )
    assert "Server, GPU (NVIDIA A100 or A30): no result" in shown.text
    shown = scoreboard(PART_1.records)
    assert (
        "Server, CPU (AMD EPYC 7763): rehearsed by int8: one photo, median 1.80 ms against < 3 ms"
        in shown.text
    )
    assert "measured on Test CPU × 2" in shown.text
    assert "Server, CPU: for AMD EPYC 7763" in repr(shown)
    assert " ms" not in repr(shown)
    assert "Nothing measured yet" in scoreboard([]).text


def test_the_board_shows_no_published_figure():
    """Lessons ask to predict them, and the front page is seen before any lesson."""
    boards = [tiles(best_so_far(entries.records)) for entries in (Entries(), PART_1)]
    published_s = published()["p50_ms"].dropna() / 1000
    assert len(published_s) > 5
    assert [
        each for each in published_s for board in boards if fmt.milliseconds(each) in board
    ] == []


def test_scoreboard_prices_threads_and_says_when_a_price_is_unknown():
    """Twice the threads cost twice the price; a GPU outside the table is listed without a price."""
    lines = []
    for cpu_count in (2, 4):
        machine = {"cpu_model": "Test CPU", "cpu_count": cpu_count}
        shown = scoreboard(
            Entries()
            .in_full("int8", 0.0018, 88, 1200, 2.4e6, machine=machine)
            .records.measurements()
        )
        lines.append(
            re.search(r"1,000 photos a second: 2 machines, (\d+) dollars a month", shown.text)
        )
    assert int(lines[1][1]) == pytest.approx(2 * int(lines[0][1]), abs=1)
    of_card = {
        "provider_requested": "MIGraphXExecutionProvider",
        "machine": gpu("AMD Instinct MI100"),
    }
    shown = scoreboard(
        Entries().in_full("amd", 0.001, 88, 3000, 9e6, **of_card).records.measurements()
    )
    assert "1,000 photos a second: 1 machine, price unknown" in shown.text


def test_a_target_shows_its_own_machine_before_any_other():
    """Whichever was measured last: a rehearsal afterwards does not take the place of a lease's
    figure.
    """
    server = MACHINES["the leased server"][0]
    leased = Entries().in_full("food11", 0.0029, 88, 1100, 2e6, machine=server)
    cpu, gpu_option, device = best_so_far([*leased.records, *PART_1.records]).values()
    assert (cpu.option.p50_s.value, gpu_option, device.option.option) == (0.0029, None, "int8")


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
    assert [(entry.option, entry.kind) for entry in ledger()] == [
        ("one", "size"),
        ("one", "accuracy"),
    ]


def test_live_widgets_sit_in_the_box():
    """One forgotten box would let a key cut a cell."""
    for live in (Progress("Count").live, controls([ipywidgets.Button()])):
        assert "msl-controls" in live._dom_classes
        assert "data-lm-suppress-shortcuts" in live.children[-1].value


def test_series_can_be_seen_on_light_and_dark_pages():
    """Each colour of data keeps a contrast of 3 against JupyterLab's white and its darkest grey
    (WCAG 1.4.11).
    """
    for colour in SERIES:
        assert contrast(colour, "#ffffff") >= 3, colour
        assert contrast(colour, "#111111") >= 3, colour


def contrast(foreground: str, background: str) -> float:
    """Return the contrast ratio of two colours. Source: WCAG 2.2, relative luminance."""
    darker, lighter = sorted(luminance(colour) for colour in (foreground, background))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of '#rrggbb', 0 to 1."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


ROWS = [[Cell("a<b"), Cell("1.0", "0.9 – 1.1", "msl-best"), Cell("yes", words=True)]]


def test_html_table_has_real_headers_and_escapes():
    """Columns and rows have headers with a scope, and cells cannot add HTML."""
    table = ElementTree.fromstring(
        html_table(["what", "value", "word"], ROWS).replace("class=msl-text", "")
    )
    assert [cell.get("scope") for cell in table.iter("th")] == ["col", "col", "col", "row"]
    assert "".join(table.find(".//th[@scope='row']").itertext()) == "a<b"


def test_text_table_is_aligned_and_holds_the_same_cells():
    """Numbers end in one column, words begin in one, and the interval is beside its number."""
    lines = text_table(
        ["what", "value", "word"], [*ROWS, [Cell("c"), Cell("12"), Cell("no", words=True)]]
    ).splitlines()
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
        return values + [
            inner
            for name, value in spec.items()
            if name != "datasets"
            for inner in inside(value, key)
        ]
    return (
        [inner for value in spec for inner in inside(value, key)] if isinstance(spec, list) else []
    )


def test_jupyterlab_can_draw_it(chart):
    """Vega-Lite 5, which JupyterLab includes; plain JSON, without external data or scripts."""
    assert int(version("altair").split(".")[0]) < 6
    bundle, metadata = chart._repr_mimebundle_()
    assert "/v5" in bundle[VEGA_LITE]["$schema"]
    assert inside(bundle[VEGA_LITE], "url") == []
    json.dumps(bundle[VEGA_LITE], allow_nan=False)
    assert metadata[VEGA_LITE]["embed_options"]["renderer"] == "svg", (
        "letters stay sharp when the page is zoomed"
    )
    assert "text/html" not in bundle, "JupyterLab would choose the HTML"


def test_it_has_tooltips_a_description_a_table_and_text(chart):
    """Numbers under the pointer, a unit on the axis, and words for a screen reader."""
    fields = [entry["field"] for tip in inside(chart.spec, "tooltip") for entry in tip]
    assert {"latency", "percentile", "requests"} <= set(fields)
    assert not [field for field in fields if set(field) & set("'\"[].\\")], (
        "an error in the browser"
    )
    assert "latency in ms" in inside(chart.spec, "title")
    assert "int8: median 1.80 ms" in chart.spec["description"]
    assert '<th scope="col">' in chart.html
    for text in (chart.text, chart.html):
        assert "1.80 ms" in text
        assert "Measured on Test CPU × 2" in text
    assert not any(mark in repr(chart) for mark in (" ms", "%"))


def test_two_machines_are_named_and_what_cannot_be_drawn_says_what_to_do(make_measurement):
    """Rows of two machines stand together with their names only; a measurement that was cancelled
    leaves too little.
    """
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
    drawn = [
        row["count"] for rows in chart.spec["datasets"].values() for row in rows if "count" in row
    ]
    assert sum(drawn) >= 9_900
