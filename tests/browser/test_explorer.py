"""The live widgets answer to mouse and keyboard, in the order in which they are read, in both themes."""

from __future__ import annotations

import itertools

import pytest

EXPLORER = """
import numpy as np
from labs.widgets import quantization_explorer
weight = np.random.default_rng(0).laplace(0, 0.05, (32, 16, 3, 3)).astype(np.float32)
quantization_explorer({"features.1.weight": weight}, {"features.1 output": np.abs(weight)})
"""


def test_moving_a_slider_draws_the_tensor_anew(open_cells):
    """One step left on 'Bits' with the arrow key shows 7 bits, fewer integers and more noise."""
    notebook = open_cells(EXPLORER)
    notebook.run_all()
    page = notebook.page
    page.wait_for_selector("text=int8: -127 … 127")
    page.focus(".widget-slider .noUi-handle >> nth=0")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("text=int7: -63 … 63")
    assert page.locator(".msl svg[role=img]").get_attribute("aria-label").startswith("features.1.weight")


def test_tab_key_visits_the_knobs_in_reading_order(open_cells):
    """Tensor, bits, range, channels, clipping: top to bottom, nothing skipped."""
    notebook = open_cells(EXPLORER)
    notebook.run_all()
    page = notebook.page
    page.focus(".widget-dropdown select")
    middles = []
    for _ in range(6):
        box = page.evaluate("(({top, bottom}) => [top, bottom])(document.activeElement.getBoundingClientRect())")
        middles.append(round(sum(box) / 2))
        page.keyboard.press("Tab")
    # A slider and its number stand in one row and differ by a few pixels.
    assert all(after >= before - 5 for before, after in itertools.pairwise(middles))
    assert middles[-1] > middles[0] + 60


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_can_be_read_in_both_themes(open_cells, tmp_path, dark):
    """Title and small print stand out from the card's paper by the contrast that WCAG AA asks of text (4.5)."""
    notebook = open_cells(EXPLORER, dark=dark)
    notebook.run_all()
    for part in (".msl-title", ".msl-sub", ".msl-foot"):
        assert contrast(notebook.page, f".msl-card {part}") >= 4.5, part
    assert notebook.screenshot(tmp_path / "explorer.png").stat().st_size > 10_000


def contrast(page, selector: str) -> float:
    """Return the contrast ratio of an element's text against its card. Source: WCAG 2.2, relative luminance."""
    text, paper = page.evaluate(
        """selector => { const text = document.querySelector(selector), card = text.closest('.msl-card');
                         return [getComputedStyle(text).color, getComputedStyle(card).backgroundColor]; }""",
        selector,
    )
    lighter, darker = sorted((luminance(text), luminance(paper)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of 'rgb(r, g, b)', 0 to 1."""
    numbers = colour[colour.index("(") + 1 : colour.index(")")].split(",")
    linear = [
        (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4) for c in (float(n) / 255 for n in numbers[:3])
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
