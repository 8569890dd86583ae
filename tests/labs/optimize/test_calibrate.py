"""Ranges are those of the real activations, and calibration can be watched and stopped."""

from __future__ import annotations

import json

import numpy as np
import pytest

from labs.optimize.calibrate import METHODS, Calibration, calibrate
from labs.optimize.tensors import layer_tensors
from labs.progress import Cancelled


def test_minmax_is_the_minimum_and_maximum_of_what_flows(prepared, images, calibration) -> None:
    """The range of each activation equals the extremes seen when the same pictures are run by hand."""
    layers = layer_tensors(prepared, images[:32])
    compared = 0
    for name, layer in layers.items():
        value = name if name in calibration.ranges else ""
        clip = name.replace(".0/Conv", ".2/Clip")
        value = clip if clip in calibration.ranges and clip != name else value
        if value:
            assert calibration.ranges[value] == pytest.approx((layer.low, layer.high), rel=1e-4, abs=1e-5)
            compared += 1
    assert compared >= len(layers) - 1


def test_activations_after_relu6_lie_between_0_and_6(calibration) -> None:
    """ReLU6 bounds what has to be represented, which is why unsigned bytes fit so well."""
    clips = [ends for name, ends in calibration.ranges.items() if name.endswith("/Clip")]
    assert clips
    assert all(low >= 0 and high <= 6 for low, high in clips)


@pytest.mark.parametrize("method", METHODS)
def test_each_method_gives_every_activation_a_usable_range(prepared, images, calibration, method) -> None:
    """All activations are covered, no range exceeds what was seen, and none is empty."""
    found = calibrate(prepared, images[:32], method=method)
    assert found.ranges.keys() == calibration.ranges.keys()
    for name, (low, high) in found.ranges.items():
        seen_low, seen_high = calibration.ranges[name]
        slack = 1e-3 * (seen_high - seen_low) + 1e-6
        assert seen_low - slack <= low < high <= seen_high + slack


def test_percentile_cuts_rare_values(prepared, images, calibration) -> None:
    """Leaving out five per cent of the values makes ranges narrower, and is written down."""
    narrow = calibrate(prepared, images[:32], method="percentile", percentile=95.0)
    assert narrow.percentile == 95.0
    width = {name: high - low for name, (low, high) in narrow.ranges.items()}
    wide = {name: high - low for name, (low, high) in calibration.ranges.items()}
    assert sum(width.values()) < 0.95 * sum(wide.values())


def test_json_round_trip(calibration) -> None:
    """A calibration can be kept beside the model."""
    assert Calibration.from_json(json.loads(json.dumps(calibration.to_json()))) == calibration


def test_progress_ends_at_one_and_cancelling_stops(prepared, images) -> None:
    """The listener hears rising fractions up to 1; raising from it ends the work at once."""
    heard: list[float] = []
    calibrate(prepared, images[:20], on_progress=lambda fraction, text: heard.append(fraction))
    assert heard == sorted(heard)
    assert heard[-1] == 1.0

    calls = []

    def stop(fraction: float, text: str) -> None:
        calls.append(fraction)
        raise Cancelled

    with pytest.raises(Cancelled):
        calibrate(prepared, images[:20], on_progress=stop)
    assert len(calls) == 1


def test_mistakes_are_named(prepared, images) -> None:
    """An unknown method, and no pictures."""
    with pytest.raises(ValueError, match="minmax, percentile, entropy"):
        calibrate(prepared, images, method="median")
    with pytest.raises(ValueError, match="needs pictures"):
        calibrate(prepared, np.empty((0, 3, 32, 32), np.float32))
