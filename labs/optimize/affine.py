"""Scale and zero point: the arithmetic that maps real numbers to a few integers and back.

``real ≈ scale × (integer − zero_point)``. The scale is the width of one step; the zero point is the integer that stands
for exactly 0, so that padding and ReLU lose nothing. Everything broadcasts: one scale for a whole tensor, or an array
of them, shape (channels, 1, 1, 1), for one scale a channel.

Source: Jacob et al. 2018, https://arxiv.org/abs/1712.05877; ONNX QuantizeLinear, opset 13.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labs.optimize.predict import signal_to_noise_db


def scale_and_zero_point(xmin, xmax, qmin=0, qmax=255):
    """Return the scale and the zero point that let the integers qmin to qmax cover the reals xmin to xmax.

    0 is always covered, exactly; a range of nothing but 0 gets scale 1.
    """
    xmin, xmax = np.minimum(xmin, 0.0), np.maximum(xmax, 0.0)
    scale = np.where(xmax > xmin, (xmax - xmin) / (qmax - qmin), 1.0)
    zero_point = np.clip(np.rint(qmin - xmin / scale), qmin, qmax)
    return scale, zero_point


def quantize(x, scale, zero_point, qmin=0, qmax=255):
    """Return the integers for real numbers: divide, round, shift, and cut off what lies outside qmin to qmax."""
    return np.clip(np.rint(x / scale) + zero_point, qmin, qmax)


def dequantize(q, scale, zero_point):
    """Return the real numbers that integers stand for."""
    return scale * (q - zero_point)


@dataclass(frozen=True)
class Affine:
    """How reals and integers correspond, for a whole tensor or for each channel."""

    #: Width of one step in the tensor's own unit; a number, or one a channel along the tensor's first axis.
    scale: np.ndarray
    #: The integer that stands for 0, in the scale's shape.
    zero_point: np.ndarray
    #: Smallest and largest integer.
    qmin: int
    qmax: int

    @property
    def low(self) -> np.ndarray:
        """Smallest real number that can be represented, one a channel."""
        return dequantize(self.qmin, self.scale, self.zero_point)

    @property
    def high(self) -> np.ndarray:
        """Largest real number that can be represented, one a channel."""
        return dequantize(self.qmax, self.scale, self.zero_point)

    @property
    def per_channel(self) -> bool:
        """Whether each channel has a scale of its own."""
        return np.ndim(self.scale) > 0

    def quantize(self, values: np.ndarray) -> np.ndarray:
        """Return the integers for real values, int64 of the same shape."""
        return quantize(np.asarray(values, np.float64), self.scale, self.zero_point, self.qmin, self.qmax).astype(int)

    def dequantize(self, integers: np.ndarray) -> np.ndarray:
        """Return the reals that integers stand for, float32 of the same shape."""
        return dequantize(np.asarray(integers), self.scale, self.zero_point).astype(np.float32)

    def loss(self, values: np.ndarray) -> Loss:
        """Return what the values lose on the way to integers and back."""
        back, half = self.dequantize(self.quantize(values)), 0.5000001 * self.scale
        # Half a step beyond the ends is still ordinary rounding.
        outside = (values < self.low - half) | (values > self.high + half)
        error = np.abs(np.asarray(values, np.float64) - back)
        return Loss(float(error.max()), signal_to_noise_db(values, back), float(np.mean(outside)))


@dataclass(frozen=True)
class Loss:
    """What a tensor loses on the way to integers and back."""

    #: Largest absolute difference, in the tensor's unit.
    max_abs: float
    #: Signal-to-noise ratio in decibels; 6 dB is about one bit, infinite when nothing is lost.
    snr_db: float
    #: Share of values outside the range, which were cut to its ends, 0 to 1.
    clipped: float


def choose_affine(
    values: np.ndarray,
    *,
    bits: int = 8,
    symmetric: bool = False,
    per_channel: bool = False,
    low: float | None = None,
    high: float | None = None,
) -> Affine:
    """Return the scale and zero point that cover some values.

    Args:
        values: Reals, any shape; the first axis counts channels where ``per_channel`` is set.
        bits: Width of the integers.
        symmetric: The same reach on both sides of 0, in signed integers (-127 to 127), as weights are kept: the zero
            point is 0. Otherwise the values' own range, in unsigned ones (0 to 255): it fits activations after a ReLU.
        per_channel: Give each channel its own scale.
        low: Smallest real to cover instead of the smallest value, to clip outliers. Per tensor only.
        high: The same at the upper end.

    Raises:
        ValueError: There are no values, or they are not finite.
    """
    values = np.asarray(values, np.float64)
    if values.size == 0 or not np.isfinite(values).all():
        raise ValueError("quantization needs at least one value, all of them finite")
    within = {"axis": tuple(range(1, values.ndim)), "keepdims": True} if per_channel else {}
    xmin = values.min(**within) if low is None else low
    xmax = values.max(**within) if high is None else high
    if symmetric:
        xmax = np.maximum(-xmin, xmax)
        xmin = -xmax
    qmax = 2 ** (bits - 1) - 1 if symmetric else 2**bits - 1
    qmin = -qmax if symmetric else 0
    return Affine(*scale_and_zero_point(xmin, xmax, qmin, qmax), qmin, qmax)
