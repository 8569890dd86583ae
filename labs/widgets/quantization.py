"""The quantization explorer: turn the knobs on the model's own weights and activations and watch what is lost."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets
import numpy as np

from labs.charts.frame import METADATA, VEGA_LITE
from labs.charts.quantization import Settings, quantized
from labs.display.shown import Shown
from labs.widgets.controls import controls

#: Activations of a whole batch run to tens of millions of values; this many show the same shape and answer at once.
_MOST_ACTIVATIONS = 200_000

#: One pixel, sent beside a chart that is soon replaced: JupyterLab makes an image of each chart that comes without one.
_NO_IMAGE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="


def live_chart(height_px: int, width: str = "100%") -> ipywidgets.Output:
    """Return a place for a chart that changes, of a fixed height: the page does not jump when it is drawn anew."""
    return ipywidgets.Output(layout=ipywidgets.Layout(height=f"{height_px}px", width=width, overflow="hidden auto"))


def draw(place: ipywidgets.Output, spec: dict, words: str) -> None:
    """Draw a chart into a place that ``live_chart`` made.

    Args:
        place: Where.
        spec: Vega-Lite.
        words: The same in words.
    """
    bundle = {VEGA_LITE: spec, "text/plain": words, "image/png": _NO_IMAGE}
    place.outputs = ({"output_type": "display_data", "data": bundle, "metadata": METADATA},)


def quantization_explorer(
    weights: Mapping[str, np.ndarray],
    activations: Mapping[str, np.ndarray] | None = None,
    settings: Settings | None = None,
) -> QuantizationExplorer:
    """Return knobs for bits, symmetry, channels and clipping beside a chart of the chosen tensor.

    Args:
        weights: Arrays by name; the first axis counts output channels.
        activations: Arrays by name; they have one scale for the whole tensor, as quantizers give them.
        settings: Where the knobs stand at first; 8 bits, symmetric, per tensor when None.

    Raises:
        ValueError: There is no tensor to look at.
    """
    return QuantizationExplorer(dict(weights), dict(activations or {}), settings or Settings())


class QuantizationExplorer(Shown):
    """The knobs and the chart; ``view`` is the chart as it stands."""

    def __init__(self, weights: dict[str, np.ndarray], activations: dict[str, np.ndarray], settings: Settings) -> None:
        """Build the knobs in the order in which the Tab key visits them: tensor, bits, range, channels, clipping."""
        self._tensors = {name: np.asarray(values) for name, values in weights.items()}
        self._tensors |= {name: _sample(np.asarray(values)) for name, values in activations.items()}
        self._sizes = {name: np.size(values) for name, values in (weights | activations).items()}
        self._with_channels = {name for name, values in weights.items() if np.ndim(values) > 1}
        if not self._tensors:
            raise ValueError("no tensor to look at: give at least one array by name")
        wide = ipywidgets.Layout(width="100%")
        look = {"layout": wide, "style": {"description_width": "88px"}}
        self.tensor = ipywidgets.Dropdown(
            options=list(self._tensors), description="Tensor", tooltip="Tensor to quantize", **look
        )
        self.bits = ipywidgets.IntSlider(
            settings.bits, 2, 8, description="Bits", tooltip="Width of the integers", **look
        )
        self.range = ipywidgets.RadioButtons(
            options=[("symmetric around 0", True), ("the tensor's own", False)],
            value=settings.symmetric,
            description="Range",
            **look,
        )
        self.channels = ipywidgets.Checkbox(
            settings.per_channel, description="a scale for each channel", indent=False, layout=wide
        )
        self.keep = ipywidgets.SelectionSlider(
            options=[(f"{kept:g} %", kept) for kept in (95.0, 98.0, 99.0, 99.5, 99.9, 99.99, 100.0)],
            value=settings.keep_percent,
            description="Range holds",
            tooltip="Share of the values inside the range; the rest is clipped",
            **look,
        )
        self.chart, self.table = live_chart(480), ipywidgets.HTML(layout=ipywidgets.Layout(width="100%"))
        self._knobs = (self.tensor, self.bits, self.range, self.channels, self.keep)
        knobs = ipywidgets.VBox(self._knobs, layout=ipywidgets.Layout(flex="0 0 280px", padding="8px 4px 0 0"))
        shown = ipywidgets.VBox(
            [self.chart, self.table], layout=ipywidgets.Layout(flex="1 1 700px", min_width="320px", margin="0")
        )
        row = ipywidgets.HBox([knobs, shown], layout=ipywidgets.Layout(flex_flow="row wrap", max_width="1180px"))
        for knob in self._knobs:
            knob.observe(self._turned, names="value")
        super().__init__("", "", plain="quantization explorer", live=controls([row]))
        self._turned()

    @property
    def settings(self) -> Settings:
        """Where the knobs stand."""
        per_channel = self.channels.value and self.tensor.value in self._with_channels
        keep = 100.0 if per_channel else self.keep.value
        return Settings(self.bits.value, self.range.value, per_channel, keep)

    def _turned(self, _: object = None) -> None:
        """Draw anew after a knob was turned."""
        name = self.tensor.value
        with_channels = name in self._with_channels
        # A greyed knob says what cannot be combined; a silently ignored one would teach something wrong.
        self.channels.disabled = not with_channels
        self.keep.disabled = self.channels.value and with_channels
        self.view = quantized(
            name, self._tensors[name], self.settings, channels=with_channels, sampled_from=self._sizes[name]
        )
        self.html, self.text = self.view.html, self.view.text
        self.table.value = self.view.html
        draw(self.chart, self.view.spec, self.view.sentence)


def _sample(values: np.ndarray) -> np.ndarray:
    """Return the values, or so many of them that each turn of a knob answers at once; the extremes always stay."""
    flat = values.ravel()
    if flat.size <= _MOST_ACTIVATIONS:
        return flat
    chosen = np.random.default_rng(0).choice(flat, _MOST_ACTIVATIONS - 2, replace=False)
    return np.concatenate([chosen, [flat.min(), flat.max()]])
