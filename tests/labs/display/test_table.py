"""Tables: what is shown is what was given, escaped, in order, and readable without eyes."""

from xml.etree import ElementTree

from labs.display.table import Cell, Group, html_table, text_table

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
