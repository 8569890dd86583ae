"""The explorer shows what ``labs.optimize.affine`` computes for the knobs as they stand, and nothing of its own."""

from __future__ import annotations

import numpy as np
import pytest

from labs.optimize.affine import choose_affine, rounding_error
from labs.widgets import Settings, quantization_explorer, quantized

WEIGHT = (
    np.random.default_rng(0).laplace(0, 0.05, (16, 8, 3, 3)) * np.geomspace(1, 20, 16).reshape(-1, 1, 1, 1)
).astype(np.float32)
ACTIVATION = np.maximum(np.random.default_rng(1).normal(0.2, 1, (2, 8, 14, 14)), 0).astype(np.float32)


@pytest.fixture
def explorer():
    """Return an explorer of one weight and one activation."""
    return quantization_explorer({"conv.weight": WEIGHT}, {"conv output": ACTIVATION})


def test_numbers_are_those_of_the_arithmetic(explorer):
    """Scale, zero point, noise and error equal what choose_affine and rounding_error say."""
    affine = choose_affine(WEIGHT, bits=8, signed=True, symmetric=True)
    lost = rounding_error(WEIGHT, affine)
    assert f"scale (one step): {float(affine.scale):.3g}" in explorer.text
    assert f"signal to noise: {lost.snr_db:.1f} dB" in explorer.text
    assert f"largest error: {lost.max_abs:.3g}" in explorer.text


def test_each_knob_redraws(explorer):
    """Bits, range, channels, clipping and tensor change text and picture at once."""
    seen = [explorer.picture.value]
    for turn in (
        lambda: setattr(explorer.bits, "value", 4),
        lambda: setattr(explorer.range, "value", False),
        lambda: setattr(explorer.keep, "value", 99.0),
        lambda: setattr(explorer.channels, "value", True),
        lambda: setattr(explorer.tensor, "value", "conv output"),
    ):
        turn()
        assert explorer.picture.value not in seen
        assert explorer.picture.value == explorer.html
        seen.append(explorer.picture.value)


def test_a_scale_for_each_channel_helps_the_quiet_ones(explorer):
    """The widest channel no longer sets the step for all: the noise falls by decibels."""
    before = quantized("w", WEIGHT, Settings()).text
    explorer.channels.value = True
    assert _snr_db(explorer.text) > _snr_db(before) + 5


def test_clipping_cuts_the_share_that_it_says():
    """Holding 95 % of the values cuts the others to the range's ends."""
    text = quantized("w", WEIGHT, Settings(symmetric=False, keep_percent=95.0)).text
    assert 4.0 < float(text.split("clipped: ")[1].split(" %")[0]) < 5.1


def test_knobs_that_do_not_combine_are_greyed(explorer):
    """Clipping stands for one scale for all; activations have no scale for each channel."""
    explorer.channels.value = True
    assert explorer.keep.disabled
    explorer.tensor.value = "conv output"
    assert explorer.channels.disabled
    assert not explorer.keep.disabled
    assert not explorer.settings.per_channel


def test_after_a_relu_the_asymmetric_range_wins(explorer):
    """Half of the symmetric integers stand for negative values that never come."""
    explorer.tensor.value = "conv output"
    symmetric = _snr_db(explorer.text)
    explorer.range.value = False
    assert _snr_db(explorer.text) > symmetric + 5


def test_a_large_activation_is_sampled_with_its_extremes():
    """Millions of values answer as fast as 200,000, the range is still the true one, and the sample is admitted."""
    large = np.random.default_rng(2).normal(size=300_000).astype(np.float32)
    large[123] = 99.0
    shown = quantization_explorer({}, {"big": large}, Settings(symmetric=False))
    assert "200,000 of 300,000 values" in shown.text
    assert f"{(99.0 - large.min()) / 255:.3g}" in shown.text


def test_every_knob_has_words(explorer):
    """A screen reader finds a description or a tooltip on each knob."""
    knobs = (explorer.tensor, explorer.bits, explorer.range, explorer.channels, explorer.keep)
    assert all(knob.description or getattr(knob, "tooltips", None) for knob in knobs)


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
    return float(text.split("signal to noise: ")[1].split(" dB")[0])
