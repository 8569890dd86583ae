"""Tables in two forms from one set of cells: HTML with real headers, and aligned columns of text."""

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
        inside = (
            f'<span class="{self.kind}">{escape(self.text)}</span>'
            if self.kind
            else escape(self.text)
        )
        # A line of its own by the style sheet; the space is for where that is not applied, and for who copies the text.
        return inside + (f' <span class="msl-ci">{escape(self.below)}</span>' if self.below else "")

    def plain(self) -> str:
        """Return the cell as text on one line."""
        return f"{self.text} {self.below}".strip()


Row = Sequence[Cell]


def html_table(header: Sequence[str], rows: Sequence[Row], *, caption: str = "") -> str:
    """Return an HTML table whose first column heads its rows; its caption is for who cannot see where it stands."""
    parts = [f"<caption>{escape(caption)}</caption>"] if caption else []
    wordy = _columns_of_words(rows)
    heads = [
        f'<th scope="col"{" class=msl-text" if column in wordy else ""}>{escape(name)}</th>'
        for column, name in enumerate(header)
    ]
    parts.append(f"<thead><tr>{''.join(heads)}</tr></thead><tbody>")
    for row in rows:
        cells = [f'<th scope="row">{row[0].html()}</th>']
        cells += [
            f"<td{' class=msl-text' if cell.words else ''}>{cell.html()}</td>" for cell in row[1:]
        ]
        parts.append(f"<tr>{''.join(cells)}</tr>")
    return f'<table class="msl-table">{"".join(parts)}</tbody></table>'


def text_table(header: Sequence[str], rows: Sequence[Row]) -> str:
    """Return the same table as aligned lines of text."""
    lines = [list(header)] + [[cell.plain() for cell in row] for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    wordy = _columns_of_words(rows)

    def aligned(line: Sequence[str]) -> str:
        cells = [
            text.ljust(width) if column in wordy else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    written = [aligned(list(header)), "  ".join("-" * width for width in widths)]
    return "\n".join([*written, *map(aligned, lines[1:])])


def _columns_of_words(rows: Sequence[Row]) -> set[int]:
    """Return the columns that are read from the left: the first, and those that hold words."""
    return {0} | {column for row in rows for column, cell in enumerate(row) if cell.words}
