"""Tables and pictures: what is drawn is what was given, escaped, in order, and readable without eyes."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from labs.widgets.plot import Axis, Drawing, padded
from labs.widgets.table import Cell, Group, html_table, text_table

ROWS = [Group("Here"), [Cell("a<b"), Cell("1.0", "0.9 – 1.1", "msl-best"), Cell("yes", words=True)]]


def test_html_table_has_real_headers_and_escapes():
    """Columns and rows have headers with a scope, groups span the table, and no cell can add HTML of its own."""
    table = ElementTree.fromstring(html_table(["what", "value", "word"], ROWS).replace("class=msl-text", ""))
    assert [cell.get("scope") for cell in table.iter("th")] == ["col", "col", "col", "rowgroup", "row"]
    assert "".join(table.find(".//th[@scope='row']").itertext()) == "a<b"


def test_text_table_is_aligned_and_holds_the_same_cells():
    """Numbers end in one column, words begin in one, and the interval stands beside its number."""
    lines = text_table(["what", "value", "word"], [*ROWS, [Cell("c"), Cell("12"), Cell("no", words=True)]]).splitlines()
    assert lines == [
        "what          value  word",
        "----  -------------  ----",
        "[Here]",
        "a<b   1.0 0.9 – 1.1  yes",
        "c                12  no",
    ]


@pytest.mark.parametrize(
    ("axis", "ticks"),
    [
        (Axis(0, 10, 0, 100), [0, 2, 4, 6, 8, 10]),
        (Axis(0.18, 0.42, 0, 100), [0.2, 0.25, 0.3, 0.35, 0.4]),
        (Axis(1.5, 30, 0, 100, logarithmic=True), [2, 5, 10, 20]),
        (Axis(1, 10_000, 0, 100, logarithmic=True), [1, 10, 100, 1000, 10_000]),
    ],
)
def test_ticks_are_round_and_inside(axis, ticks):
    """Ticks are 1, 2 or 5 times a power of ten, within the axis."""
    assert axis.ticks(5) == pytest.approx(ticks)


def test_axis_places_values_and_keeps_them_inside():
    """Linear in differences, logarithmic in ratios, upside down for a vertical axis, and never outside."""
    assert Axis(0, 10, 100, 200)(5) == 150
    assert Axis(1, 100, 0, 100, logarithmic=True)(10) == pytest.approx(50)
    assert Axis(0, 10, 300, 100)(10) == 100
    assert Axis(0, 10, 0, 100)(99) == 100


def test_padding_gives_a_range_without_width_some_room():
    """One single value can be drawn."""
    low, high = padded(3.0, 3.0)
    assert low < 3.0 < high


def test_a_drawing_is_well_formed_and_described():
    """The SVG parses, is an image with words for a screen reader, and escapes what it is given."""
    drawing = Drawing(100, 50, "A & B", "x < y")
    drawing.text(1, 2, "<script>")
    drawing.circle(1, 2, 3, style="fill:red", tip="2 < 3")
    root = ElementTree.fromstring(drawing.svg())
    assert (root.get("role"), root.get("aria-label")) == ("img", "A & B. x < y")
    assert root.find("text").text == "<script>"
    assert root.find("circle/title").text == "2 < 3"
