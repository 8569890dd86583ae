"""Scale and zero point: the arithmetic that maps real numbers to a few integers and back. Plain numpy.

``real ≈ scale × (integer − zero_point)``. The scale is the width of one step; the zero point is the integer that stands
for exactly 0, so that padding and ReLU lose nothing.

Source: Jacob et al. 2018, https://arxiv.org/abs/1712.05877; ONNX QuantizeLinear, opset 13.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Affine:
    """How reals and integers correspond, for a whole tensor or for each channel."""

    #: Width of one step in the tensor's own unit; float32, shape () or (channels,).
    scale: np.ndarray
    #: The integer that stands for 0; int64, the scale's shape.
    zero_point: np.ndarray
    #: Smallest and largest integer.
    qmin: int
    qmax: int
    #: Axis that the channels lie on; None when one scale serves the whole tensor.
    axis: int | None

    @property
    def low(self) -> np.ndarray:
        """Smallest real number that can be represented, one a channel."""
        return (self.scale * (self.qmin - self.zero_point)).astype(np.float32)

    @property
    def high(self) -> np.ndarray:
        """Largest real number that can be represented, one a channel."""
        return (self.scale * (self.qmax - self.zero_point)).astype(np.float32)


@dataclass(frozen=True)
class RoundingError:
    """What a tensor loses on the way to integers and back."""

    #: Largest absolute difference, in the tensor's unit.
    max_abs: float
    #: Root of the mean squared difference, in the tensor's unit.
    rms: float
    #: Signal-to-noise ratio in decibels; 6 dB is about one bit, infinite when nothing is lost.
    snr_db: float
    #: Share of values outside the range, which were cut to its ends, 0 to 1.
    clipped: float
    #: How many different integers are used.
    levels_used: int


def integer_range(bits: int = 8, *, signed: bool, narrow: bool = False) -> tuple[int, int]:
    """Return the smallest and largest integer of a type.

    Args:
        bits: Width, 2 to 16.
        signed: int8 style (-128…127) or uint8 style (0…255).
        narrow: Leave out the lowest integer (-127…127), so that the range is the same on both sides of 0.

    Raises:
        ValueError: The width is outside 2 to 16.
    """
    if not 2 <= bits <= 16:
        raise ValueError(f"bits is {bits}; between 2 and 16 can be shown")
    low = -(2 ** (bits - 1)) if signed else 0
    return low + int(narrow), low + 2**bits - 1


def choose_affine(
    values: np.ndarray,
    *,
    bits: int = 8,
    signed: bool = False,
    symmetric: bool = False,
    axis: int | None = None,
    low: float | None = None,
    high: float | None = None,
) -> Affine:
    """Return the scale and zero point that cover the values.

    Args:
        values: Reals to be represented, any shape.
        bits: Width of the integers.
        signed: Whether the integers are signed.
        symmetric: Give both sides of 0 the same reach: the zero point is then the middle of the integers. Weights are
            kept so, since it spares the hardware a subtraction; after a ReLU it would waste half the integers.
        axis: Give each index along this axis its own scale (weights of a convolution: 0).
        low: Take this as the smallest value instead of the tensor's own, to clip outliers. Per tensor only.
        high: The same at the upper end.

    Returns:
        The correspondence. 0 is always represented exactly, so the range is widened to hold it.

    Raises:
        ValueError: There are no values, they are not finite, ``low`` is above ``high``, or a clip is asked for together
            with ``axis``.
    """
    values = np.asarray(values, np.float64)
    if values.size == 0 or not np.isfinite(values).all():
        raise ValueError("quantization needs at least one value, all of them finite")
    if axis is not None and (low is not None or high is not None):
        raise ValueError("low and high clip a whole tensor: leave axis out, or clip each channel by itself")
    over = None if axis is None else tuple(i for i in range(values.ndim) if i != axis % values.ndim)
    least = np.minimum(values.min(axis=over) if low is None else np.float64(low), 0.0)
    most = np.maximum(values.max(axis=over) if high is None else np.float64(high), 0.0)
    if low is not None and high is not None and low > high:
        raise ValueError(f"low {low} is above high {high}")
    qmin, qmax = integer_range(bits, signed=signed, narrow=symmetric and signed)
    if symmetric:
        reach = np.maximum(-least, most)
        least, most = -reach, reach
    # A tensor of zeros needs a scale too; any will do.
    scale = np.where(most > least, (most - least) / (qmax - qmin), 1.0).astype(np.float32)
    middle = (qmin + qmax + 1) // 2
    zero_point = np.full(scale.shape, middle) if symmetric else np.clip(np.rint(qmin - least / scale), qmin, qmax)
    # numpy turns arrays without an axis into bare numbers on the way.
    return Affine(np.asarray(scale), np.asarray(zero_point, np.int64), qmin, qmax, axis)


def quantize(values: np.ndarray, affine: Affine) -> np.ndarray:
    """Return the integers for real values: divide, round half to even, shift, cut to the range.

    Args:
        values: Reals of any shape.
        affine: The correspondence.

    Returns:
        int64 array of the same shape, ``qmin`` to ``qmax``.
    """
    scale, zero_point = _aligned(affine, np.ndim(values))
    return np.clip(np.rint(np.asarray(values, np.float64) / scale) + zero_point, affine.qmin, affine.qmax).astype(
        np.int64
    )


def dequantize(integers: np.ndarray, affine: Affine) -> np.ndarray:
    """Return the reals that integers stand for, float32 of the same shape."""
    scale, zero_point = _aligned(affine, np.ndim(integers))
    return ((np.asarray(integers, np.int64) - zero_point) * scale).astype(np.float32)


def rounding_error(values: np.ndarray, affine: Affine) -> RoundingError:
    """Return what the values lose on the way to integers and back.

    Args:
        values: Reals of any shape.
        affine: The correspondence.
    """
    from labs.optimize.predict import signal_to_noise_db

    integers = quantize(values, affine)
    back = dequantize(integers, affine)
    difference = np.asarray(values, np.float64) - back
    scale, _ = _aligned(affine, np.ndim(values))
    # Half a step beyond the ends is still ordinary rounding.
    reach = 0.5000001 * scale
    low, high = (_spread(end, affine, np.ndim(values)) for end in (affine.low, affine.high))
    outside = (np.asarray(values) < low - reach) | (np.asarray(values) > high + reach)
    return RoundingError(
        max_abs=float(np.max(np.abs(difference))),
        rms=float(np.sqrt(np.mean(difference**2))),
        snr_db=signal_to_noise_db(values, back),
        clipped=float(np.mean(outside)),
        levels_used=int(np.unique(integers).size),
    )


def _aligned(affine: Affine, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    scale = affine.scale.astype(np.float64)
    return _spread(scale, affine, dimensions), _spread(affine.zero_point, affine, dimensions)


def _spread(per_channel: np.ndarray, affine: Affine, dimensions: int) -> np.ndarray:
    """Return one number a channel in a shape that broadcasts against the tensor."""
    if affine.axis is None:
        return per_channel
    shape = [1] * dimensions
    shape[affine.axis] = -1
    return per_channel.reshape(shape)
