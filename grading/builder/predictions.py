"""Predictions on the site: each is a form, and the visitor's guess is shown in the tables that the
lesson compares guesses in. ``notebooks/site/static/predict.js`` keeps the guess in the browser.
"""

import re
from collections.abc import Iterator, Mapping
from html import escape

from bs4 import BeautifulSoup, Tag

from labs.course.question import Question

#: Lessons' headers of columns that compare a guess with the measurement.
_COMPARED = re.compile(r"\bpredicted\b")


def form(question: Question) -> str:
    """Return the HTML in which a visitor predicts; the script shows it."""
    rows = []
    for name, label in question.fields.items():
        id = f"{question.id}.{name}"
        field = (
            f'<input id="{escape(id)}" name="{escape(name)}" inputmode="decimal" required '
            'autocomplete="off">'
        )
        unit = escape(question.unit)
        rows.append(f'<p><label for="{escape(id)}">{escape(label)}</label> {field} {unit}</p>')
    return (
        f'<form class="msl-predict" data-question="{escape(question.id)}" hidden>'
        f"<p><b>{escape(question.title)}</b></p>{''.join(rows)}"
        '<button type="submit">Lock in my prediction</button> '
        '<span role="status">Your prediction stays in this browser.</span></form>'
    )


class Guesses:
    """The guesses of a solved run, found again in the tables that show them.

    Each guess of a run is found by its value; of equal ones, the first that was not found yet.
    """

    def __init__(self, question: Question, values: Mapping[str, float]) -> None:
        """Look for one question's guesses, by the names of its fields."""
        self._id = question.id
        self._values = dict(values)

    def marked(self, html: str) -> str:
        """Return a table's HTML with a mark around each of the guesses, which the script fills."""
        page = BeautifulSoup(html, "html.parser")
        cells = [cell for table in page.find_all("table") for cell in _compared(table)]
        for cell in cells:
            name = self._name_of(cell.get_text(strip=True))
            if name:
                mark = page.new_tag("span", attrs={"data-guess": f"{self._id}.{name}"})
                mark.string = "?"
                cell.clear()
                cell.append(mark)
        return str(page) if cells else html

    def _name_of(self, text: str) -> str:
        """Return the field whose guess a cell shows, and look for it no more."""
        try:
            shown = float(text.replace(",", ""))
        except ValueError:
            return ""
        decimals = len(text.partition(".")[2])
        for name, value in self._values.items():
            if round(value, decimals) == shown:
                del self._values[name]
                return name
        return ""


def _compared(table: Tag) -> Iterator[Tag]:
    """Yield the cells of a table below a heading that says 'predicted', or beside one."""
    rows = table.find_all("tr")
    places = set()
    for row in rows:
        cells = row.find_all(["td", "th"])
        for place, cell in enumerate(cells):
            is_heading = cell.name == "th" and _COMPARED.search(cell.get_text())
            if is_heading and len(cells) > 1 and row.find("td") and place == 0:
                yield from row.find_all("td")
            elif is_heading:
                places.add(place)
    for row in rows:
        for place, cell in enumerate(row.find_all(["td", "th"])):
            if cell.name == "td" and place in places:
                yield cell
