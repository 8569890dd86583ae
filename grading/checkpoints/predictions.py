"""Checkpoints on predictions: judged for being made in time and in earnest, never for being right.

``PredictionBox`` is where one is made: a number with its unit, or words to choose from, and a button.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from grading.checkpoints.cards import marked
from grading.checkpoints.registry import REGISTRY, Checkpoint, State, Verdict, failed, missing, passed
from labs.records import Prediction as Made
from labs.records import Records
from labs.records.collection import began

Measured = Callable[[Records], float | str | None]


@dataclass(frozen=True)
class Prediction:
    """What a checkpoint on a prediction knows about its question."""

    #: Fields of the measurements that it concerns, such as ``{"kind": "latency", "option": "torch-compiled"}``.
    about: Mapping
    #: The value that the records give, or None while they are not there.
    measured: Measured
    #: How a value of this question is shown.
    show: Callable[[float | str], str]
    #: Unit of the number; empty for a pure number, and for words.
    unit: str = ""
    #: Words to choose from; a number is expected when empty.
    choices: tuple[str, ...] = ()
    #: Numbers outside are taken for slips of the unit.
    between: tuple[float, float] = (0.0, float("inf"))
    #: How the page of questions calls it.
    kind: str = "prediction"

    def open(self, id: str, records: Records) -> Verdict | None:
        """Return the verdict while nothing is predicted."""
        if records.predictions(id):
            return None
        return Verdict(State.UNANSWERED, "No prediction yet: fill in the box above and press its button.")

    def made(self, id: str, records: Records) -> Made | None:
        """Return the prediction that counts: the last in time, else the first, which came too late."""
        return records.prediction_in_time(id, self.about) or next(iter(records.predictions(id)), None)

    def fault(self, value: object) -> str:
        """Return what is wrong with the form of a prediction, in a sentence; an empty text when nothing is."""
        if self.choices:
            return "" if value in self.choices else f"Choose one of these: {', '.join(self.choices)}."
        if isinstance(value, bool) or not isinstance(value, int | float):
            return "A number is asked for here, without its unit."
        if not (math.isfinite(value) and self.between[0] <= value <= self.between[1]):
            return "This number cannot be meant: look at the unit that the question asks for."
        return ""

    def is_measured(self, records: Records) -> bool:
        """Return whether what it is about is there already."""
        return records.first_about(self.about) is not None


def prediction(
    id: str,
    *,
    about: Mapping,
    title: str,
    unit: str = "",
    choices: Sequence[str] = (),
    between: tuple[float, float] = (0.0, float("inf")),
    show: Callable[[float | str], str] | None = None,
    gate: Sequence[str] = (),
    registry=REGISTRY,
) -> Callable[[Measured], Measured]:
    """Register a question whose answer is predicted before it is measured.

    The decorated function returns the measured value from the records, or None while it is not there; it is what
    ``reconcile`` shows beside the prediction.

    Args:
        id: Checkpoint id.
        about: Fields of the measurements that the prediction concerns; it must precede the first of them. For
            observations: ``{"subject": …}``.
        title: The question in a few words.
        unit: Of the number that is typed, and of what the decorated function returns.
        choices: Allowed texts; a number is expected when empty.
        between: Numbers outside this range are taken for slips of the unit.
        show: Turns a value into text for the screen; the number with its unit when None.
        gate: Capabilities without which a machine cannot earn it.
        registry: Where it is registered.
    """

    def register(measured: Measured) -> Measured:
        asked = Prediction(about, measured, show or _shows(unit), unit, tuple(choices), between)

        def judge(records: Records) -> Verdict:
            made = records.prediction_in_time(id, about)
            if made is None:
                return failed(
                    "This prediction came after the measurement it is about, so it predicts nothing. No harm done: "
                    "read on, and predict first next time."
                )
            if fault := asked.fault(made.value):
                return failed(fault, yours=str(made.value))
            # What was never measured was not predicted either.
            return passed(_IN_TIME, yours=asked.show(made.value)) if asked.is_measured(records) else missing(_NOTED)

        registry.register(
            measured,
            id,
            judge,
            title=title,
            asks=asked,
            gate=tuple(gate),
        )
        return measured

    return register


_IN_TIME = "Predicted before measuring."
_NOTED = "Your prediction is noted. It counts as soon as what it is about is measured: run the cells that follow."


def _shows(unit: str) -> Callable[[float | str], str]:
    return lambda value: value if isinstance(value, str) else f"{value:.4g} {unit}".strip()


def reconciled(checkpoint: Checkpoint, records: Records) -> tuple[str, str, str]:
    """Return prediction, measured value and their difference as text for the screen.

    Raises:
        ValueError: The checkpoint does not ask for a prediction.
    """
    asked = checkpoint.asks
    if not isinstance(asked, Prediction):
        raise ValueError(f"{checkpoint.id} asks for no prediction: use check({checkpoint.id!r})")
    made, found = asked.made(checkpoint.id, records), asked.measured(records)
    predicted = "nothing predicted" if made is None else asked.show(made.value)
    measured = "not measured yet" if found is None else asked.show(found)
    if made is None or found is None:
        return predicted, measured, ""
    first = records.first_about(asked.about)
    late = first is not None and datetime.fromisoformat(made.made_at) > began(first)
    return predicted, measured, _difference(made, found) + (" (predicted after the measurement)" if late else "")


def guessed(checkpoints: Iterable[Checkpoint], records: Records) -> list[tuple[Checkpoint, str, str, str]]:
    """Return each question that was predicted, with prediction, measured value and their difference as text."""
    asked = [one for one in checkpoints if one.kind == "prediction" and records.predictions(one.id)]
    return [(one, *reconciled(one, records)) for one in asked]


def _difference(made: Made, found: float | str) -> str:
    if isinstance(found, str) or isinstance(made.value, str):
        return "as predicted" if made.value == found else "a surprise"
    if not made.value or not found:
        return f"{found - made.value:+g}"
    return _factor_in_words(found / made.value)


def _factor_in_words(factor: float) -> str:
    if abs(factor - 1) <= 0.1:
        return "within 10 % of the prediction"
    if factor >= 2:
        return f"{factor:.1f} times the prediction"
    if 0 < factor <= 0.5:
        return f"the prediction was {1 / factor:.1f} times as much"
    return f"{abs(factor - 1):.0%} {'more' if factor > 1 else 'less'} than predicted".replace("%", " %")


class PredictionBox:
    """A live box; where no widgets run, its text says how the same is done in code."""

    def __init__(self, checkpoint: Checkpoint, read: Callable[[], Records], write: Callable[[object], str]) -> None:
        """Show a question.

        Args:
            checkpoint: Asks for a prediction.
            read: Returns the records as they are now.
            write: Writes a prediction down and returns '', or why it did not.
        """
        self.checkpoint, self._read, self._write = checkpoint, read, write
        self.live = None
        self._build()

    def _build(self) -> None:
        import ipywidgets

        asked = self.checkpoint.asks
        wide = {"description_width": "initial"}
        if asked.choices:
            self.field = ipywidgets.RadioButtons(
                options=list(asked.choices),
                value=None,
                description="My prediction",
                style=wide,
                layout=ipywidgets.Layout(width="auto"),
            )
        else:
            unit = f" in {asked.unit}" if asked.unit else ""
            self.field = ipywidgets.Text(
                description=f"My prediction{unit}",
                placeholder="a number",
                style=wide,
                layout=ipywidgets.Layout(width="320px"),
            )
            # Enter in the field is what most people try first; the browser's half sends it as a message.
            self.field.on_msg(lambda _, content, __: self.lock() if content.get("event") == "submit" else None)
        self.button = ipywidgets.Button(
            description="Lock in my prediction",
            tooltip=f"Write down my prediction: {self.checkpoint.title}",
            button_style="primary",
            layout=ipywidgets.Layout(width="auto", align_self="flex-start"),
        )
        self.said = ipywidgets.HTML()
        self.button.on_click(lambda _: self.lock())
        question = ipywidgets.HTML(f"<strong>{marked(self.checkpoint.title)}</strong>")
        self.live = ipywidgets.VBox(
            [question, self.field, self.button, self.said],
            layout=ipywidgets.Layout(
                border="1px solid var(--jp-border-color2, #d0d0d0)", padding="8px 14px", max_width="46em"
            ),
        )
        self._show()

    def lock(self) -> None:
        """Write down what the box holds, and say so; or say what is wrong with it."""
        typed = self.field.value
        if self.checkpoint.asks.choices:
            fault, value = ("" if typed else "Choose one of the words."), typed
        else:
            try:
                fault, value = "", number(typed, self.checkpoint.asks.unit)
            except ValueError as error:
                fault, value = str(error), None
        fault = fault or self._write(value)
        self._show()
        if fault:
            if not self.field.disabled:
                self.field.value = typed  # to be mended
            self._say(fault)

    def _show(self) -> None:
        """Show what is written down, and whether it may still be changed."""
        asked, records = self.checkpoint.asks, self._read()
        made = asked.made(self.checkpoint.id, records)
        if made is None:
            self._say("Not predicted yet. It may be changed until it is measured.")
            return
        over = asked.is_measured(records)
        if asked.choices:
            self.field.value = made.value if made.value in asked.choices else None
        else:
            self.field.value = f"{made.value:.12g}" if isinstance(made.value, int | float) else str(made.value)
        self.field.disabled = self.button.disabled = over
        self.button.description = "Change my prediction"
        end = "It is measured now, so it stays." if over else "It may be changed until it is measured."
        self._say(f"✓ Noted: {asked.show(made.value)}. {end}")

    def _say(self, text: str) -> None:
        self.said.value = f'<span role="status">{escape(text)}</span>'

    def __repr__(self) -> str:
        return f"{self.checkpoint.id}: a box for your prediction"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """Return the live box, and in words how to predict where no widgets run."""
        asked = self.checkpoint.asks
        what = (
            f"one of {', '.join(asked.choices)}"
            if asked.choices
            else f"a number{f' in {asked.unit}' * bool(asked.unit)}"
        )
        bundle: dict[str, object] = {
            "text/plain": repr(self),
            "text/html": f"<p><strong>{marked(self.checkpoint.title)}</strong><br>Without widgets: <code>predict("
            f"{escape(repr(self.checkpoint.id))}, …)</code> with {escape(what)} in place of the dots.</p>",
        }
        if self.live is not None:
            view = self.live._repr_mimebundle_()
            bundle |= {
                name: part for name, part in (view if isinstance(view, dict) else view[0]).items() if name not in bundle
            }
        return bundle


def number(typed: str, unit: str = "") -> float:
    """Return the number that somebody typed; its unit may follow it.

    A comma, a space or an underscore parts thousands and nothing else, for `1,000` is a thousand to one half of the
    world and one to the other: what is no group of three digits is refused and never guessed.

    Args:
        typed: Such as '1,000', '1 000', '1_000', '9.5 MB' or '2e6'.
        unit: The question's; empty for a pure number.

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
