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


def note(asked: Question, values: Mapping[str, object]) -> None:
    """Write a prediction into the ledger; a ``ValueError`` with one sentence when it cannot stand there."""
    numbers = fitted(values, dict.fromkeys(asked.fields, "number"))
    if not all(asked.between[0] <= value <= asked.between[1] for value in numbers.values()):
        raise ValueError("This number is out of range: look at the unit that the question asks for.")
    records = ledger().read()
    if records.first_about(asked.about) is not None and records.predictions(asked.id):
        raise ValueError("It is measured already: the prediction stays as it was.")
    ledger().append(Prediction(asked.id, numbers, now()))


def noted(asked: Question, records: Records) -> Mapping | None:
    """Return the numbers that were predicted, by name: the last ones in time, or else the first."""
    prediction = records.prediction_in_time(asked.id, asked.about) or next(iter(records.predictions(asked.id)), None)
    return prediction.value if prediction else None


def now() -> str:
    """Return the time as the ledger writes it."""
    return datetime.now(UTC).isoformat()


class PredictionBox(Shown):
    """A live box; where no widgets run, its text says how the same is done in code."""

    def __init__(self, asked: Question) -> None:
        """Show a question that asks for a prediction, and what is predicted already."""
        self.asked = asked
        self.fields = {name: self._field(label) for name, label in asked.fields.items()}
        self.button = ipywidgets.Button(
            description="Lock in my prediction",
            tooltip=f"Write down my prediction: {asked.title}",
            button_style="primary",
            layout=ipywidgets.Layout(width="auto", align_self="flex-start"),
        )
        self.said = ipywidgets.HTML()
        self.button.on_click(lambda _: self.lock())
        frame = {"border": "1px solid var(--jp-border-color2, #d0d0d0)", "padding": "8px 14px", "max_width": "46em"}
        title = f"<strong>{marked(asked.title)}</strong>"
        rows = [ipywidgets.HTML(title), *self.fields.values(), self.button, self.said]
        in_code = f"predict({asked.id!r}, {', '.join(f'{name}=…' for name in asked.fields)})"
        super().__init__(
            f"<p>{title}<br>Without widgets: <code>{escape(in_code)}</code> with numbers in place of the dots.</p>",
            f"{asked.title}: {in_code}",
            live=ipywidgets.VBox(rows, layout=ipywidgets.Layout(**frame)),
        )
        self._show()

    def _field(self, label: str) -> ipywidgets.Text:
        field = ipywidgets.Text(
            description=f"{label}{f' in {self.asked.unit}' * bool(self.asked.unit)}",
            placeholder="a number",
            style={"description_width": "initial"},
            layout=ipywidgets.Layout(width="420px"),
        )
        # Enter in the field is what most people try first; the browser's half sends it as a message.
        field.on_msg(lambda _, content, __: self.lock() if content.get("event") == "submit" else None)
        return field

    def lock(self) -> None:
        """Write down what the box holds, and say so; or say what is wrong, and leave what is typed to be mended."""
        try:
            note(self.asked, {name: number(field.value, self.asked.unit) for name, field in self.fields.items()})
        except ValueError as error:
            self._say(str(error))
        else:
            self._show()

    def _show(self) -> None:
        """Show what is written down, and whether it may still be changed."""
        records = ledger().read()
        values, over = noted(self.asked, records), records.first_about(self.asked.about) is not None
        if not isinstance(values, Mapping):
            self._say("Not predicted yet. It may be changed until it is measured.")
            return
        for name, field in self.fields.items():
            value = values.get(name)
            field.value = f"{value:.12g}" if isinstance(value, int | float) else value
            field.disabled = over
        self.button.disabled, self.button.description = over, "Change my prediction"
        end = "It is measured now, so it stays." if over else "It may be changed until it is measured."
        self._say(f"✓ Noted. {end}")

    def _say(self, text: str) -> None:
        self.said.value = f'<span role="status">{escape(text)}</span>'


def number(typed: str, unit: str = "") -> float:
    """Return the number that somebody typed; its unit may follow it.

    A comma, a space or an underscore parts thousands and nothing else, for `1,000` is a thousand to one half of the
    world and one to the other: what is no group of three digits is refused and never guessed.

    Raises:
        ValueError: It is no number; the message says what to write.
    """
    text = typed.strip().removesuffix(unit or "\0").strip()
    if _PLAIN.fullmatch(text):
        return float(text)
    if _GROUPED.fullmatch(text):
        return float(re.sub(r"[^-+.\d]", "", text))
    if _DECIMAL_COMMA.fullmatch(text):
        raise ValueError(f"A comma parts thousands here: write {text.replace(',', '.')} with a point.")
    raise ValueError("A number is asked for here, without its unit: 1500, 1,500 or 1.5, for example.")


_PLAIN = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,3})?", re.IGNORECASE | re.ASCII)
# One sign for all groups; among the spaces are the narrow ones that typographers use.
_GROUPED = re.compile(r"[-+]?[1-9]\d{0,2}(?P<sign>[,_ \u00a0\u2009\u202f])\d{3}((?P=sign)\d{3})*(\.\d*)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+(e[-+]?\d{1,3})?", re.IGNORECASE | re.ASCII)
