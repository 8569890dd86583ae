"""One tensor before and after quantization: its values, what integers make of them, and what that loses."""

from __future__ import annotations

from dataclasses import dataclass

import altair as alt
import numpy as np

from labs import stats
from labs.charts.frame import WIDTH_PX, Chart, colours, data, ink, tips
from labs.display.format import percent
from labs.display.table import Cell
from labs.display.theme import SERIES
from labs.optimize.affine import Affine, Loss, choose_affine

_BINS = 160
_BEFORE, _AFTER = "the model's values", "after quantization"


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
        settings = {"bits": self.bits, "symmetric": self.symmetric, "per_channel": self.per_channel}
        return choose_affine(values, **settings, **clip)

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
) -> Chart:
    """Return a tensor's values above the line, the values that quantization makes of them below, and the loss.

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
    facts = _facts(affine, affine.loss(values), settings)
    number = f"{values.size:,}" + (f" of {sampled_from:,}" if sampled_from not in (None, values.size) else "")
    sentence = f"{name}, {number} values: {settings.words}"
    drawn = _values(values, affine)
    if channels and values.ndim > 1 and len(values) > 1:
        drawn = alt.vconcat(drawn, _spans(values, affine), spacing=16)
    return Chart(
        drawn,
        name,
        subtitle=f"{sentence.removeprefix(f'{name}, ')}. Shaded: what the integers can express. Heights grow with the "
        "square root of the count, so that the tails stay visible.",
        sentence=f"{sentence}. Signal to noise {facts['signal to noise']}, clipped {facts['clipped']}.",
        header=list(facts),
        rows=[[Cell(value) for value in facts.values()]],
        table_open=True,
    )


def _facts(affine: Affine, lost: Loss, settings: Settings) -> dict[str, str]:
    """Return the numbers as text by what they are."""
    scales, zeros = np.unique(affine.scale), np.unique(affine.zero_point).astype(int)
    kind = "int" if settings.symmetric else "uint"
    return {
        "scale (one step)": _ends(scales, ".3g"),
        "zero point": _ends(zeros, "d"),
        "integers": f"{kind}{settings.bits}: {affine.qmin} … {affine.qmax}",
        "signal to noise": f"{lost.snr_db:.1f} dB",
        "largest error": f"{lost.max_abs:.3g}",
        "clipped": "< 0.1 %" if 0 < lost.clipped < 0.001 else percent(lost.clipped),
    }


def _ends(values: np.ndarray, how: str) -> str:
    return " … ".join(sorted({format(values.min(), how), format(values.max(), how)}, key=float))


def _values(values: np.ndarray, affine: Affine) -> alt.LayerChart:
    """Return values upwards and what they become downwards, so that one can be read against the other."""
    low, high = float(min(values.min(), affine.low.min())), float(max(values.max(), affine.high.max()))
    room = (high - low) * 0.03 or 1.0
    edges = np.linspace(low - room, high + room, _BINS + 1)
    after = affine.dequantize(affine.quantize(values))
    levels, level_counts = np.unique(after, return_counts=True)
    few = len(levels) <= 2 * _BINS
    bars = _bars(edges, np.histogram(values, edges)[0], 1, _BEFORE)
    if not few:
        bars += _bars(edges, np.histogram(after, edges)[0], -1, _AFTER)
    scale = alt.Scale(domain=[edges[0], edges[-1]], nice=False)
    y = {"axis": None, "scale": alt.Scale(domain=[-1.02, 1.02])}
    colour = colours([_BEFORE, _AFTER], "what")
    shade = [{"from": float(affine.low.min()), "to": float(affine.high.max())}]
    x = alt.X("from:Q", scale=scale, title="value")
    drawn = alt.Chart(data(shade)).mark_rect(color="currentColor", opacity=0.07).encode(x=x, x2="to:Q")
    drawn += (
        alt.Chart(data(bars))
        .mark_rect(opacity=0.8, aria=False)
        .encode(
            x=x,
            x2="to:Q",
            y=alt.Y("height:Q", **y),
            y2="base:Q",
            color=colour,
            tooltip=tips("what", "values", "between"),
        )
    )
    if few:
        teeth = [
            {
                "at": float(level),
                "height": -float(height),
                "base": 0,
                "what": _AFTER,
                "value": f"{level:.4g}",
                "values": f"{count:,}",
            }
            for level, height, count in zip(levels, _heights(level_counts), level_counts, strict=True)
        ]
        drawn += alt.Chart(data(teeth)).mark_rule(strokeWidth=2.5 if len(levels) < 64 else 1.2, aria=False).encode(
            x=alt.X("at:Q", scale=scale), y=alt.Y("height:Q", **y), y2="base:Q", color=colour,
            tooltip=tips("what", "value", "values"),
        )  # fmt: skip
    drawn += ink("rule", alt.Chart(data([{"zero": 0}])), opacity=0.6).encode(y=alt.Y("zero:Q", **y))
    return drawn.properties(width=WIDTH_PX, height=220)


def _heights(counts: np.ndarray) -> np.ndarray:
    # Root heights: layers have a tall peak at 0, and the tails, which decide the scale, would vanish beside it.
    return np.sqrt(counts / max(counts.max(), 1))


def _bars(edges: np.ndarray, counts: np.ndarray, way: int, what: str) -> list[dict]:
    return [
        {"from": float(left), "to": float(right), "height": way * float(height), "base": 0, "what": what,
         "values": f"{count:,}", "between": f"{left:.3g} and {right:.3g}"}
        for left, right, height, count in zip(edges[:-1], edges[1:], _heights(counts), counts, strict=True) if count
    ]  # fmt: skip


def _spans(values: np.ndarray, affine: Affine) -> alt.LayerChart:
    """Return how many integers each channel has for its own values: what one scale for all costs the quiet ones."""
    integers = affine.quantize(values).reshape(len(values), -1)
    spans = integers.max(axis=1) - integers.min(axis=1) + 1
    whole = affine.qmax - affine.qmin + 1
    bars = [
        {"from": place - 0.5, "to": place + 0.5, "integers": int(spans[at]), "base": 0, "channel": str(int(at)),
         "spans": f"{spans[at]} of {whole} integers"}
        for place, at in enumerate(np.argsort(-spans), start=1)
    ]  # fmt: skip
    whole_scale = alt.Scale(domain=[0, int(whole)])
    heading = f"Integers that each channel spans, widest first: median {np.median(spans):.0f} of {whole}"
    return (
        alt.Chart(data(bars), title=alt.TitleParams(heading, anchor="start", fontSize=12, fontWeight=500))
        .mark_rect(color=SERIES[2], opacity=0.8, aria=False)
        .encode(
            x=alt.X("from:Q", title="channels", scale=alt.Scale(domain=[0.5, len(spans) + 0.5], nice=False)),
            x2="to:Q",
            y=alt.Y("integers:Q", title="integers", scale=whole_scale, axis=alt.Axis(tickCount=3)),
            y2="base:Q",
            tooltip=tips("channel", "spans"),
        )
        .properties(width=WIDTH_PX, height=76)
    )
