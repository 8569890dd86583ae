"""The box in which a prediction is made: a number with its unit, or words to choose from, and a button."""

from __future__ import annotations

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
        """Write down what the box holds, and say so."""
        given = self._given()
        if given is None:
            self._say("A number is asked for here, without its unit." if not self.checkpoint.asks.choices else _CHOOSE)
            return
        fault = self._write(given)
        self._show()
        if fault:
            self._say(fault)

    def _given(self) -> float | str | None:
        """Return what was typed or chosen, or None where it is neither number nor choice."""
        if self.checkpoint.asks.choices or self.field.value is None:
            return self.field.value
        text = self.field.value.strip().removesuffix(self.checkpoint.asks.unit or "\0").strip()
        # A decimal comma is how many write it.
        text = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
        try:
            return float(text)
        except ValueError:
            return None

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
            self.field.value = f"{made.value:g}" if isinstance(made.value, int | float) else str(made.value)
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


_CHOOSE = "Choose one of the words."
