"""The box in which a prediction is made: a number with its unit, or words to choose from, and a button."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

from grading.checkpoints.cards import marked
from grading.checkpoints.registry import Checkpoint
from labs.records import Records


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
        try:
            import ipywidgets
        except ImportError:
            return
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
