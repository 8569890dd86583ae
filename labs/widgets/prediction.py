"""A prediction card: say what you expect, lock it in, then measure. The card and a line of code do the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

import ipywidgets

from labs.widgets.shown import Shown
from labs.widgets.theme import STYLE, card

#: Stores a value and returns nothing; it may raise ValueError with a sentence for the person.
OnLock = Callable[[float | str], object]


def prediction_card(
    question: str,
    ask: str,
    on_lock: OnLock,
    *,
    choices: Sequence[str] = (),
    unit: str = "",
    scale: float = 1.0,
    locked: float | str | None = None,
) -> PredictionCard:
    """Return a card that asks for a number or a choice and stores it once.

    Args:
        question: Identifier of the question, such as 'm.predict.eager_latency'.
        ask: The question in words.
        on_lock: Stores the value, such as ``lambda value: predict(question, value)``.
        choices: Words to choose from; a number is asked for when empty.
        unit: Unit in which the number is typed, such as 'ms'.
        scale: What one of that unit is in the stored unit, such as 0.001 for milliseconds stored as seconds.
        locked: A prediction made earlier, in the stored unit; the card then only shows it.
    """
    return PredictionCard(question, ask, on_lock, tuple(choices), unit, scale, locked)


class PredictionCard(Shown):
    """The card; ``lock`` is what its button does."""

    def __init__(
        self,
        question: str,
        ask: str,
        on_lock: OnLock,
        choices: tuple[str, ...],
        unit: str,
        scale: float,
        locked: float | str | None,
    ) -> None:
        """Build the controls in the order in which the Tab key visits them: the value, then the button."""
        self.question, self.ask, self.value = question, ask, locked
        self._on_lock, self._choices, self._unit, self._scale = on_lock, choices, unit, scale
        self._heading, self._message = ipywidgets.HTML(), ipywidgets.HTML()
        self.input = self._make_input()
        self.button = ipywidgets.Button(
            description="Lock in", button_style="primary", tooltip=f"Store this prediction: {ask}"
        )
        self.button.on_click(lambda _: self.lock(self.input.value))
        self._heading.value = f'{STYLE}<div class="msl"><p class="msl-title">{escape(ask)}</p></div>'
        flow = "column nowrap" if choices else "row wrap"
        controls = ipywidgets.Box([self.input, self.button], layout=ipywidgets.Layout(flex_flow=flow, margin="8px 0"))
        live = ipywidgets.VBox([self._heading, controls, self._message]).add_class("msl").add_class("msl-card")
        super().__init__("", "", plain="", live=live)
        self._show()

    def lock(self, value: float | str) -> None:
        """Store a prediction, typed or chosen; once stored it stays.

        Args:
            value: A number in the card's unit, or one of the choices.
        """
        if self.value is not None:
            return
        if isinstance(value, str) and not self._choices:
            try:
                value = float(value.strip().replace(",", "."))
            except ValueError:
                self._say("✗ Type a number, such as 4.2.", "msl-bad")
                return
        if self._choices and value not in self._choices:
            self._say("✗ Choose one of the answers first.", "msl-bad")
            return
        stored = value if self._choices else float(value) * self._scale
        try:
            self._on_lock(stored)
        except ValueError as error:
            self._say(f"✗ {error}", "msl-bad")
            return
        self.value = stored
        self._show()

    def _make_input(self) -> ipywidgets.Widget:
        words = {"description": "", "tooltip": self.ask}
        if self._choices:
            return ipywidgets.RadioButtons(options=self._choices, value=None, layout={"width": "max-content"}, **words)
        words |= {"description": f"in {self._unit}" if self._unit else "number", "placeholder": "your guess"}
        # A text field and not a number field: an empty one must not read as a prediction of 0.
        return ipywidgets.Text(layout={"width": "220px"}, style={"description_width": "initial"}, **words)

    def _show(self) -> None:
        """Bring every form of the card up to date."""
        if self.value is not None:
            self.input.disabled = self.button.disabled = True
            self.button.description = "Locked in"
            self._say(f"✓ You predicted {self._written()}. It is compared after you have measured.", "msl-good")
        else:
            self._say(f"Or in code: {self._code()}", "msl-soft")
        state = f"predicted: {self._written()}" if self.value is not None else f"not predicted yet; {self._code()}"
        offered = f" ({', '.join(self._choices)})" if self._choices else f" (in {self._unit})" if self._unit else ""
        self.text = f"{self.ask}{offered}\n{state}"
        self.html = card(self.ask, escape(state))
        # What was typed stays out of the stored text: it differs from student to student.
        self._plain = f"{self.ask}{offered}"

    def _written(self) -> str:
        if isinstance(self.value, str):
            return self.value
        return f"{self.value / self._scale:g} {self._unit}".strip()

    def _code(self) -> str:
        example = repr(self._choices[0]) if self._choices else "…"
        if self._scale != 1:
            example += f" * {self._scale:g}" if self._scale > 1 else f" / {1 / self._scale:g}"
        return f'predict("{self.question}", {example})'

    def _say(self, words: str, kind: str) -> None:
        self._message.value = f'<div class="msl {kind}" role="status">{escape(words)}</div>'
