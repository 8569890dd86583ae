"""Controls of every live widget sit in a box that keeps their keys and names them; tests/browser presses the keys."""

import ipywidgets

from labs.display.theme import SERIES
from labs.widgets.controls import controls
from labs.widgets.progress import Progress


def test_live_widgets_sit_in_the_box():
    """One forgotten box would let a key cut a cell."""
    for live in (Progress("Count").live, controls([ipywidgets.Button()])):
        assert "msl-controls" in live._dom_classes
        assert "data-lm-suppress-shortcuts" in live.children[-1].value


def test_series_can_be_seen_on_light_and_dark_pages():
    """Each colour of data keeps a contrast of 3 against JupyterLab's white and its darkest grey (WCAG 1.4.11)."""
    for colour in SERIES:
        assert contrast(colour, "#ffffff") >= 3, colour
        assert contrast(colour, "#111111") >= 3, colour


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours. Source: WCAG 2.2, relative luminance."""
    darker, lighter = sorted(luminance(colour) for colour in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of '#rrggbb', 0 to 1."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
