"""The explorer shows what ``labs.optimize.affine`` computes for the knobs as they stand, and nothing of its own."""

from __future__ import annotations

import re

import ipywidgets
import numpy as np
import pytest

from labs.charts import Settings, quantized
from labs.charts.frame import VEGA_LITE
from labs.optimize.affine import choose_affine
from labs.widgets import quantization_explorer

WEIGHT = (
    np.random.default_rng(0).laplace(0, 0.05, (16, 8, 3, 3)) * np.geomspace(1, 20, 16).reshape(-1, 1, 1, 1)
).astype(np.float32)
ACTIVATION = np.maximum(np.random.default_rng(1).normal(0.2, 1, (2, 8, 14, 14)), 0).astype(np.float32)


@pytest.fixture
def explorer():
    """Return an explorer of one weight and one activation."""
    return quantization_explorer({"conv.weight": WEIGHT}, {"conv output": ACTIVATION})


def test_numbers_are_those_of_the_arithmetic(explorer):
    """Scale, zero point, noise and error equal what choose_affine and its loss say."""
    affine = choose_affine(WEIGHT, bits=8, symmetric=True)
    lost = affine.loss(WEIGHT)
    facts = facts_of(explorer.text)
    assert facts["scale (one step)"] == f"{float(affine.scale):.3g}"
    assert facts["signal to noise"] == f"{lost.snr_db:.1f} dB"
    assert facts["largest error"] == f"{lost.max_abs:.3g}"


def test_each_knob_redraws(explorer):
    """Bits, range, channels, clipping and tensor change text and chart at once."""
    seen = [drawn(explorer)]
    for turn in (
        lambda: setattr(explorer.bits, "value", 4),
        lambda: setattr(explorer.range, "value", False),
        lambda: setattr(explorer.keep, "value", 99.0),
        lambda: setattr(explorer.channels, "value", True),
        lambda: setattr(explorer.tensor, "value", "conv output"),
    ):
        turn()
        assert drawn(explorer) not in seen
        assert explorer.table.value == explorer.html
        seen.append(drawn(explorer))


def test_clipping_cuts_the_share_that_it_says():
    """Holding 95 % of the values cuts the others to the range's ends."""
    text = quantized("w", WEIGHT, Settings(symmetric=False, keep_percent=95.0)).text
    assert 4.0 < float(facts_of(text)["clipped"].split()[0]) < 5.1


def test_knobs_that_do_not_combine_are_greyed(explorer):
    """Clipping stands for one scale for all; activations have no scale for each channel."""
    explorer.channels.value = True
    assert explorer.keep.disabled
    explorer.tensor.value = "conv output"
    assert explorer.channels.disabled
    assert not explorer.keep.disabled
    assert not explorer.settings.per_channel


def test_a_large_activation_is_sampled_with_its_extremes():
    """Millions of values answer as fast as 200,000, the range is still the true one, and the sample is admitted."""
    large = np.random.default_rng(2).normal(size=300_000).astype(np.float32)
    large[123] = 99.0
    shown = quantization_explorer({}, {"big": large}, Settings(symmetric=False))
    assert "200,000 of 300,000 values" in shown.text
    assert f"{(99.0 - large.min()) / 255:.3g}" in shown.text


def test_every_knob_has_a_label(explorer):
    """A screen reader finds a description on each knob, and what is chosen is a real choice and no painted button."""
    assert all(knob.description for knob in explorer._knobs)
    assert isinstance(explorer.range, ipywidgets.RadioButtons)


def test_no_tensor_is_said_at_once():
    """An empty dictionary is a slip, not an empty picture."""
    with pytest.raises(ValueError, match="at least one array"):
        quantization_explorer({})


def test_live_view_and_still_picture_are_both_offered(explorer):
    """A front-end with widgets takes the view, any other the HTML or the text."""
    bundle = explorer._repr_mimebundle_()
    assert {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"} <= set(bundle)
    assert bundle["text/plain"] == "quantization explorer"


def _snr_db(text: str) -> float:
    return float(facts_of(text)["signal to noise"].split()[0])


def facts_of(text: str) -> dict[str, str]:
    """Return the numbers below a chart by their names."""
    *_, names, _, values = text.splitlines()
    return dict(zip(*(re.split(r"  +", line.strip()) for line in (names, values)), strict=True))


def drawn(explorer) -> dict:
    """Return the chart that is on screen."""
    return explorer.chart.outputs[0]["data"][VEGA_LITE]
