"""A picture that sliders redraw, with a line of text that states what it shows."""

import threading
from collections.abc import Callable
from html import escape

import ipywidgets

from labs.display import figures
from labs.display.shown import Shown
from labs.display.theme import card
from labs.widgets.controls import SPOKEN, controls

#: Draws on matplotlib axes with the sliders' values; returns its result as a sentence.
Draw = Callable[..., str]

#: Sliders are heard in threads of their own, and matplotlib draws in one thread at a time.
_DRAWING = threading.Lock()


class Explorer(Shown):
    """Sliders, a sentence and a picture; a page without a kernel shows the first picture."""

    def __init__(self, title: str, draw: Draw, sliders: dict[str, ipywidgets.Widget]) -> None:
        """Draw once, and again whenever a slider moves.

        Args:
            sliders: ipywidgets sliders with a ``description``, by the names of the arguments that
                ``draw`` takes.
        """
        self.title = title
        self.sliders = sliders
        self._draw = draw
        self.sentence = ipywidgets.HTML().add_class(SPOKEN)
        self.picture = ipywidgets.HTML()
        for slider in sliders.values():
            slider.style.description_width = "150px"
            slider.layout.width = "100%"
            slider.layout.max_width = "480px"
            slider.observe(self._redraw, names="value")
        rows = [*sliders.values(), self.sentence, self.picture]
        live = controls(rows, max_width="860px", padding="2px 0")
        super().__init__("", "", plain=title, live=live)
        self._redraw()

    @property
    def text(self) -> str:
        """The title, and the sentence of the present picture."""
        return f"{self.title}: {self._words}"

    @property
    def html(self) -> str:
        """The present picture with its sentence, and the sliders that a running notebook has."""
        names = ", ".join(slider.description for slider in self.sliders.values())
        body = f"<p>{escape(self._words)}</p>{self._still}"
        footer = f"In a running notebook, sliders change the picture: {names}."
        return card(self.title, body, footer=footer)

    def _redraw(self, _: object = None) -> None:
        from matplotlib.figure import Figure  # late: other widgets do without it

        with _DRAWING:
            # Not one of pyplot's figures, which the end of any cell shows and closes.
            figure = Figure()
            values = {name: slider.value for name, slider in self.sliders.items()}
            self._words = self._draw(figure.subplots(), **values)
            self._still = figures.for_page(figure, self.title)
            self.picture.value = figures.svg(figure, self.title)
            self.sentence.value = escape(self._words)


def explore(title: str, draw: Draw, **sliders: ipywidgets.Widget) -> Explorer:
    """Return a widget whose sliders redraw a picture.

    Args:
        title: What the picture is about; its name for readers who cannot see it.
        draw: Gets empty axes, and the sliders' values by name; returns a sentence.
        sliders: ipywidgets sliders, each with a ``description``.
    """
    return Explorer(title, draw, sliders)
