"""Predictions, judged for being made in time and in earnest, never for being right.

``PredictionBox`` is where one is made: a field for each number, and a button.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape

import ipywidgets

from labs.checkpoints.cards import marked
from labs.course.question import Question
from labs.course.rules import fitted
from labs.display.shown import Shown
from labs.records import Prediction, Records
from labs.records.ledger import ledger


def note(
    asked: Question, values: Mapping[str, object], names: Mapping[str, str] | None = None
) -> dict[str, float]:
    """Write a prediction into the ledger, and return its numbers by field.

    Args:
        values: A number for each field, or the text that a student typed there.
        names: The name of each field in messages; its name in code when left out.

    Raises:
        ValueError: It cannot be noted; the message names the field and says what to type.
    """
    numbers = {}
    for field, value in values.items():
        name = names[field] if names else f"`{field}`"
        try:
            numbers[field] = number(value, asked.unit) if isinstance(value, str) else value
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    numbers = fitted(numbers, dict.fromkeys(asked.fields, "number"))
    low, high = asked.between
    unit = f" ({asked.unit})" if asked.unit else ""
    for field, value in numbers.items():
        if not low <= value <= high:
            name = names[field] if names else f"`{field}`"
            raise ValueError(
                f"{name}: {value:.12g} is not between {low:.12g} and {high:.12g}{unit}. Is it in "
                "another unit? Type it in the unit that the question asks for."
            )
    records = ledger().read()
    if records.first_about(asked.about) is not None and records.predictions(asked.id):
        raise ValueError("It is measured already: the prediction stays as it was.")
    ledger().append(Prediction(asked.id, numbers, now()))
    return numbers


def noted(asked: Question, records: Records) -> Mapping | None:
    """Return the predicted numbers by name: the last ones that came in time, or the first ones."""
    prediction = records.prediction_in_time(asked.id, asked.about) or next(
        iter(records.predictions(asked.id)), None
    )
    return prediction.value if prediction else None


def now() -> str:
    """Return the time as the ledger writes it."""
    return datetime.now(UTC).isoformat()


class PredictionBox(Shown):
    """A live box; where no widgets run, its text says how the same is done in code."""

    def __init__(self, asked: Question) -> None:
        """Show a prediction's question, with the stored prediction."""
        self.asked = asked
        self.fields = {name: self._field(label) for name, label in asked.fields.items()}
        self.button = ipywidgets.Button(
            description="Lock in my prediction",
            tooltip=f"Write down my prediction: {asked.title}",
            button_style="primary",
            layout=ipywidgets.Layout(width="auto", align_self="flex-start"),
        )
        self.status = ipywidgets.HTML()
        self.button.on_click(lambda _: self.lock())
        frame = {
            "border": "1px solid var(--jp-border-color2, #d0d0d0)",
            "padding": "8px 14px",
            "max_width": "46em",
        }
        title = f"<strong>{marked(asked.title)}</strong>"
        rows = [ipywidgets.HTML(title), *self.fields.values(), self.button, self.status]
        arguments = ", ".join(f"{name}=…" for name in asked.fields)
        in_code = f"predict({asked.id!r}, {arguments})"
        in_html = (
            f"<p>{title}<br>Without widgets: <code>{escape(in_code)}</code> with numbers in "
            "place of the dots.</p>"
        )
        box = ipywidgets.VBox(rows, layout=ipywidgets.Layout(**frame))
        super().__init__(in_html, f"{asked.title}: {in_code}", live=box)
        self._show()

    def _field(self, label: str) -> ipywidgets.Text:
        unit = f" in {self.asked.unit}" if self.asked.unit else ""
        field = ipywidgets.Text(
            description=f"{label}{unit}",
            placeholder="a number",
            style={"description_width": "initial"},
            layout=ipywidgets.Layout(width="420px"),
        )

        def on_message(_: object, content: dict, __: object) -> None:
            # Most people first press Enter in the field; the browser's half sends it as a message.
            if content.get("event") == "submit":
                self.lock()

        field.on_msg(on_message)
        return field

    def lock(self) -> None:
        """Record the box's numbers and confirm it. If a number is wrong, show the reason, and leave
        the input for the student to correct.
        """
        typed = {name: field.value for name, field in self.fields.items()}
        quoted_labels = {name: f"“{label}”" for name, label in self.asked.fields.items()}
        try:
            note(self.asked, typed, quoted_labels)
        except ValueError as error:
            self._say(str(error))
        else:
            self._show()

    def _show(self) -> None:
        """Show what is written down, and whether it may still be changed."""
        records = ledger().read()
        values = noted(self.asked, records)
        over = records.first_about(self.asked.about) is not None
        if not isinstance(values, Mapping):
            self._say("Not predicted yet. It may be changed until it is measured.")
            return
        for name, field in self.fields.items():
            value = values.get(name)
            field.value = f"{value:.12g}" if isinstance(value, int | float) else value
            field.disabled = over
        self.button.disabled, self.button.description = over, "Change my prediction"
        end = (
            "It is measured now, so it stays."
            if over
            else "It may be changed until it is measured."
        )
        self._say(f"✓ Noted. {end}")

    def _say(self, text: str) -> None:
        self.status.value = f'<span role="status">{escape(text)}</span>'


def number(typed: str, unit: str = "") -> float:
    """Return the number that a student typed, in the question's unit.

    The unit may follow the number. A factor may be typed as ``2``, ``2x`` or ``2×``, and also as
    ``200 %``. A comma before exactly three digits separates thousands, as in ``1,000``, unless only
    0 precedes it. Every other comma is a decimal comma, as in ``0,5`` or ``1,25``. Spaces and
    underscores separate thousands.

    Raises:
        ValueError: It is no number; the message says what to type.
    """
    text = typed.strip()
    if not text:
        raise ValueError("nothing is typed here. Type a number, such as 2 or 1.5.")
    marks = _MARKS.get(unit, {unit: 1.0} if unit else _MARKS[""])
    mark = next((mark for mark in marks if text.casefold().endswith(mark.casefold())), "")
    digits = text[: len(text) - len(mark)].rstrip()
    if _GROUPED.fullmatch(digits):
        digits = re.sub(r"[^-+.\d]", "", digits)
    elif _DECIMAL_COMMA.fullmatch(digits):
        digits = digits.replace(",", ".")
    if not _PLAIN.fullmatch(digits):
        asked = f" in {unit}" if unit else ""
        raise ValueError(
            f"'{text}' is not a number{asked}. Type the number alone, such as 2 or 1.5."
        )
    return float(digits) / (marks[mark] if mark else 1.0)


#: Units that may follow a number, by the question's unit, with the divisor of the number.
_MARKS = {
    "×": {"×": 1.0, "x": 1.0, "times": 1.0, "%": 100.0},
    "of 100": {"of 100": 1.0, "%": 1.0},
    "points": {"points": 1.0, "%": 1.0},
    # Without a unit it is a count, a factor or a percentage, and the label says which.
    "": {"×": 1.0, "x": 1.0, "times": 1.0, "%": 1.0},
}
_PLAIN = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,3})?", re.IGNORECASE | re.ASCII)
# One sign for all groups; among the spaces are the narrow ones that typographers use.
_GROUPED = re.compile(
    r"[-+]?[1-9]\d{0,2}(?P<sign>[,_ \u00a0\u2009\u202f])\d{3}((?P=sign)\d{3})*(\.\d*)?", re.ASCII
)
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+(e[-+]?\d{1,3})?", re.IGNORECASE | re.ASCII)
