"""Tables in two forms from one set of cells: HTML with real headers, and columns of text."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Cell:
    """One cell."""

    text: str
    #: A second, smaller line, such as the interval behind a number.
    below: str = ""
    #: Class of the style sheet: 'msl-best', 'msl-good', 'msl-bad', 'msl-soft' or nothing.
    kind: str = ""
    #: Whether it holds words (left) rather than a number (right).
    words: bool = False

    def html(self) -> str:
        """Return the cell's inside."""
        inside = escape(self.text)
        if self.kind:
            inside = f'<span class="{self.kind}">{inside}</span>'
        if self.below:
            # The style sheet makes it a line by itself; the space is for where that is not applied,
            # and for who copies the text.
            inside += f' <span class="msl-ci">{escape(self.below)}</span>'
        return inside

    def plain(self) -> str:
        """Return the cell as text on one line."""
        return f"{self.text} {self.below}".strip()


Row = Sequence[Cell]


def html_table(header: Sequence[str], rows: Sequence[Row], *, caption: str = "") -> str:
    """Return an HTML table whose first column heads its rows.

    Its caption is for a reader who cannot see where it stands.
    """
    parts = [f"<caption>{escape(caption)}</caption>"] if caption else []
    wordy = _columns_of_words(rows)
    heads = []
    for column, name in enumerate(header):
        side = _side(column in wordy)
        heads.append(f'<th scope="col"{side}>{escape(name)}</th>')
    parts.append(f"<thead><tr>{''.join(heads)}</tr></thead><tbody>")
    for row in rows:
        cells = [f'<th scope="row">{row[0].html()}</th>']
        cells += [f"<td{_side(cell.words)}>{cell.html()}</td>" for cell in row[1:]]
        parts.append(f"<tr>{''.join(cells)}</tr>")
    return f'<table class="msl-table">{"".join(parts)}</tbody></table>'


def _side(words: bool) -> str:
    """Return the attribute of a cell that holds words, or of one that holds a number."""
    return " class=msl-text" if words else ""


def text_table(header: Sequence[str], rows: Sequence[Row]) -> str:
    """Return the same table as aligned lines of text."""
    lines = [list(header)]
    lines += [[cell.plain() for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    wordy = _columns_of_words(rows)

    def aligned(line: Sequence[str]) -> str:
        cells = []
        for column, (text, width) in enumerate(zip(line, widths, strict=True)):
            cells.append(text.ljust(width) if column in wordy else text.rjust(width))
        return "  ".join(cells).rstrip()

    head, *body = map(aligned, lines)
    rule = "  ".join("-" * width for width in widths)
    return "\n".join([head, rule, *body])


def _columns_of_words(rows: Sequence[Row]) -> set[int]:
    """Return the columns that are aligned left: the first, and all that contain words."""
    columns = {0}
    for row in rows:
        columns.update(column for column, cell in enumerate(row) if cell.words)
    return columns
