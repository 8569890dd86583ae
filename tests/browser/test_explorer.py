"""A live widget answers to mouse and keyboard, in the order in which it is read."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from .conftest import opening
from .jupyterlab import Notebook

EXPLORER = """
import numpy as np
from labs.widgets import quantization_explorer
weight = np.random.default_rng(0).laplace(0, 0.05, (32, 16, 3, 3)).astype(np.float32)
quantization_explorer({"features.1.weight": weight}, {"features.1 output": np.abs(weight)})
"""


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    """Yield a notebook that shows the widget; the tests use it one after the other, as one person would."""
    with opening(tmp_path_factory.mktemp("explorer")) as open_cells:
        notebook = open_cells(EXPLORER)
        notebook.run_all()
        yield notebook


def test_every_control_has_a_name_before_it_is_visited(explorer):
    """Sliders and groups of choices too, which ipywidgets leave without one."""
    page = explorer.page
    page.wait_for_selector(".noUi-handle[aria-label]")
    snapshot = page.locator(".msl-controls").aria_snapshot()
    for role, name in (("combobox", "Tensor"), ("slider", "Bits"), ("slider", "Range holds"), ("radiogroup", "Range"),
                       ("radio", "symmetric around 0"), ("checkbox", "a scale for each channel")):  # fmt: skip
        assert f'{role} "{name}"' in snapshot, snapshot


def test_moving_a_slider_draws_the_tensor_anew(explorer):
    """One step left on 'Bits' with the arrow key shows 7 bits, fewer integers and more noise."""
    page = explorer.page
    page.wait_for_selector("text=int8: -127 … 127")
    page.focus(".widget-slider .noUi-handle >> nth=0")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("text=int7: -63 … 63")
    assert (
        page.locator(".vega-embed [role=graphics-document]").get_attribute("aria-label").startswith("features.1.weight")
    )


def test_tab_key_visits_the_knobs_in_reading_order(explorer):
    """Tensor, bits, range, channels, clipping: top to bottom, nothing skipped."""
    page = explorer.page
    page.focus(".widget-dropdown select")
    middles = []
    for _ in range(6):
        box = page.evaluate("(({top, bottom}) => [top, bottom])(document.activeElement.getBoundingClientRect())")
        middles.append(round(sum(box) / 2))
        page.keyboard.press("Tab")
    # A slider and its number stand in one row and differ by a few pixels.
    assert all(after >= before - 5 for before, after in itertools.pairwise(middles))
    assert middles[-1] > middles[0] + 60
