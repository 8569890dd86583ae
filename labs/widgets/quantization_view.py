"""One tensor before and after quantization: a still picture, the numbers behind it, and the same in words."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np

from labs import stats
from labs.optimize.affine import Affine, RoundingError, choose_affine, dequantize, quantize, rounding_error
from labs.records.format import percent
from labs.widgets.plot import Axis, Drawing, padded
from labs.widgets.shown import Shown
from labs.widgets.theme import SERIES, card

_WIDTH_PX, _BINS = 800, 160
_HILL_PX, _TOP_PX = 118, 4
_MIDDLE_PX = _TOP_PX + _HILL_PX
_STRIP_PX = 76
_LEGEND = (
    "Shaded: the range that the integers can express, with a tooth at each of their values while there is room. "
    "Heights grow with the square root of the count, so that the tails stay visible."
)


@dataclass(frozen=True)
class Settings:
    """How a tensor is quantized."""

    #: Width of the integers.
    bits: int = 8
    #: Same reach on both sides of 0 (signed integers), or the tensor's own range (unsigned ones).
    symmetric: bool = True
    #: One scale for each output channel, or one for the whole tensor.
    per_channel: bool = False
    #: Share of the values that the range is made to hold, in percent; the rest is cut to its ends.
    keep_percent: float = 100.0

    def affine(self, values: np.ndarray) -> Affine:
        """Return scale and zero point for the values; clipping applies to one scale for the whole tensor only."""
        clip = {}
        if self.keep_percent < 100 and not self.per_channel:
            tail = (100 - self.keep_percent) / 2
            clip = {"low": stats.percentile(values.ravel(), tail), "high": stats.percentile(values.ravel(), 100 - tail)}
        axis = 0 if self.per_channel else None
        return choose_affine(values, bits=self.bits, signed=self.symmetric, symmetric=self.symmetric, axis=axis, **clip)

    @property
    def words(self) -> str:
        """The settings in a few words."""
        shape = "symmetric" if self.symmetric else "asymmetric"
        kept = f", holding {self.keep_percent:g} % of the values" if self.keep_percent < 100 else ""
        return f"{self.bits} bits, {shape}, {'per channel' if self.per_channel else 'per tensor'}{kept}"


def quantized(
    name: str,
    values: np.ndarray,
    settings: Settings | None = None,
    *,
    channels: bool = True,
    sampled_from: int | None = None,
) -> Shown:
    """Return a picture of a tensor's values, of the values that quantization makes of them, and of the loss.

    Args:
        name: What the tensor is called.
        values: float array; the first axis counts output channels where ``channels`` is set.
        settings: How it is quantized; 8 bits, symmetric, per tensor when None.
        channels: Whether the first axis means channels, as in a weight; False for activations.
        sampled_from: How many values there were, if ``values`` is a sample of them.
    """
    settings = settings or Settings()
    values = np.asarray(values, np.float32)
    affine = settings.affine(values)
    lost = rounding_error(values, affine)
    facts = _facts(affine, lost, settings)
    number = f"{values.size:,}" + (f" of {sampled_from:,}" if sampled_from not in (None, values.size) else "")
    sentence = f"{name}, {number} values: {settings.words}"
    by_channel = channels and values.ndim > 1 and len(values) > 1
    drawing = Drawing(_WIDTH_PX, _MIDDLE_PX + _HILL_PX + 40 + (_STRIP_PX + 52) * by_channel, name, sentence)
    _draw_values(drawing, values, affine)
    if by_channel:
        _draw_channels(drawing, values, affine, settings)
    tiles = "".join(
        f'<div class="msl-fact"><div class="msl-soft">{escape(what)}</div>'
        f'<div class="msl-figure">{escape(value)}</div></div>'
        for what, value in facts.items()
    )
    body = f'<div class="msl-facts">{tiles}</div>{drawing.svg()}'
    html = card(name, body, subtitle=sentence.removeprefix(f"{name}, "), footer=_LEGEND)
    return Shown(html, "\n".join([sentence, *(f"  {what}: {value}" for what, value in facts.items())]), plain=name)


def _facts(affine: Affine, lost: RoundingError, settings: Settings) -> dict[str, str]:
    """Return the numbers as text by what they are."""
    scales, zeros = np.unique(affine.scale), np.unique(affine.zero_point)
    kind = "int" if settings.symmetric else "uint"
    return {
        "scale (one step)": _span(scales, ".3g"),
        "zero point": _span(zeros, "d"),
        "integers": f"{kind}{settings.bits}: {affine.qmin} … {affine.qmax}",
        "signal to noise": f"{lost.snr_db:.1f} dB",
        "largest error": f"{lost.max_abs:.3g}",
        "clipped": "< 0.1 %" if 0 < lost.clipped < 0.001 else percent(lost.clipped),
    }


def _span(values: np.ndarray, how: str) -> str:
    ends = sorted({format(values.min(), how), format(values.max(), how)}, key=float)
    return " … ".join(ends)


def _draw_values(drawing: Drawing, values: np.ndarray, affine: Affine) -> None:
    """Draw the values upwards and what they become downwards, so that one can be read against the other."""
    low, high = min(values.min(), affine.low.min()), max(values.max(), affine.high.max())
    axis = Axis(*padded(float(low), float(high), 0.03), 8, _WIDTH_PX - 8)
    edges = np.linspace(axis.low, axis.high, _BINS + 1)
    before, _ = np.histogram(values, edges)
    begin, end = axis(float(affine.low.min())), axis(float(affine.high.max()))
    drawing.rectangle(begin, _MIDDLE_PX - _HILL_PX, end - begin, 2 * _HILL_PX, style="fill:var(--msl-faint);opacity:.6")
    # Root heights: layers have a tall peak at 0, and the tails, which decide the scale, would vanish beside it.
    _draw_bars(drawing, axis, edges, np.sqrt(before / before.max()), -1, SERIES[0])
    after = dequantize(quantize(values, affine), affine)
    levels, counts = np.unique(after, return_counts=True)
    if len(levels) <= 2 * _BINS:
        heights = np.sqrt(counts / counts.max())
        width = 2.5 if len(levels) < 64 else 1.2
        for level, height in zip(levels, heights, strict=True):
            x = axis(float(level))
            drawing.line(
                x,
                _MIDDLE_PX,
                x,
                _MIDDLE_PX + max(height * _HILL_PX, 1.5),
                style=f"stroke:{SERIES[1]};stroke-width:{width}",
            )
    else:
        counted, _ = np.histogram(after, edges)
        _draw_bars(drawing, axis, edges, np.sqrt(counted / counted.max()), 1, SERIES[1])
    _draw_grid_of_levels(drawing, axis, affine)
    # The right end is the emptiest: weights pile up in the middle, and activations at the left.
    right = _WIDTH_PX - 14
    drawing.text(right, _TOP_PX + 12, "the model's values", anchor="end", kind="msl-tick msl-halo")
    drawing.text(right, _MIDDLE_PX + _HILL_PX - 6, "after quantization", anchor="end", kind="msl-tick msl-halo")
    for tick in axis.ticks(9):
        drawing.text(axis(tick), _MIDDLE_PX + _HILL_PX + 18, f"{tick:.6g}", anchor="middle", kind="msl-tick")


def _draw_grid_of_levels(drawing: Drawing, axis: Axis, affine: Affine) -> None:
    """Draw the middle line, with a tooth at each value that an integer stands for while they can be told apart."""
    drawing.line(axis.begin_px, _MIDDLE_PX, axis.end_px, _MIDDLE_PX, kind="msl-axis")
    count = affine.qmax - affine.qmin + 1
    if affine.axis is None and (axis(float(affine.high)) - axis(float(affine.low))) / count >= 4:
        for level in range(affine.qmin, affine.qmax + 1):
            x = axis(float(affine.scale * (level - affine.zero_point)))
            drawing.line(x, _MIDDLE_PX - 4, x, _MIDDLE_PX + 4, kind="msl-axis")


def _draw_bars(drawing: Drawing, axis: Axis, edges: np.ndarray, heights: np.ndarray, way: int, colour: str) -> None:
    points = [(axis(edges[0]), _MIDDLE_PX)]
    for left, right, height in zip(edges[:-1], edges[1:], heights, strict=True):
        y = _MIDDLE_PX + way * height * _HILL_PX
        points += [(axis(left), y), (axis(right), y)]
    drawing.path([*points, (axis(edges[-1]), _MIDDLE_PX)], style=f"fill:{colour};opacity:.75", closed=True)


def _draw_channels(drawing: Drawing, values: np.ndarray, affine: Affine, settings: Settings) -> None:
    """Draw how many integers each channel has for its own values: what one scale for all costs the quiet ones."""
    integers = quantize(values, affine).reshape(len(values), -1)
    spans = np.sort(integers.max(axis=1) - integers.min(axis=1) + 1)[::-1]
    all_levels = affine.qmax - affine.qmin + 1
    bottom = drawing.height_px - 18
    drawing.text(8, bottom - _STRIP_PX - 12, "integers that each channel spans, widest first", kind="msl-tick")
    median = f"median {np.median(spans):.0f} of {all_levels}"
    drawing.text(_WIDTH_PX - 8, bottom - _STRIP_PX - 12, median, anchor="end", kind="msl-tick msl-strong")
    drawing.line(8, bottom - _STRIP_PX, _WIDTH_PX - 8, bottom - _STRIP_PX, kind="msl-grid")
    width = (_WIDTH_PX - 16) / len(spans)
    points = [(8.0, bottom)]
    for index, span in enumerate(spans):
        y = bottom - _STRIP_PX * span / all_levels
        points += [(8 + index * width, y), (8 + (index + 1) * width, y)]
    drawing.path([*points, (_WIDTH_PX - 8.0, bottom)], style=f"fill:{SERIES[2]};opacity:.75", closed=True)
    drawing.line(8, bottom, _WIDTH_PX - 8, bottom, kind="msl-axis")
