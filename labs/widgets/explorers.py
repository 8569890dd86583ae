"""Knobs beside a chart of one customer's designs, which is drawn anew at each turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import ipywidgets

from labs.charts.designs import design_frontier
from labs.charts.frame import METADATA, VEGA_LITE, Chart
from labs.display.shown import Shown
from labs.records.customers import Customer
from labs.widgets.controls import controls

#: One pixel, sent beside a chart that is soon replaced: JupyterLab makes an image of each chart that comes without one.
_NO_IMAGE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="

#: Where the knobs may stand, beside the customers' own figures.
_UPLINKS_MBIT_S = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_PHOTOS_TIMES = (0.1, 0.3, 1, 3, 10)
_LOSSES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 1.0)


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


class Explorer(Shown):
    """Knobs and a chart; ``view`` is the chart as it stands, which ``drawn`` of a subclass makes from the knobs."""

    def __init__(self, name: str, knobs: Sequence[ipywidgets.Widget], height_px: int) -> None:
        """Put the knobs beside the chart, and draw.

        Args:
            name: What a notebook stores as text/plain.
            knobs: In the order in which the Tab key visits them.
            height_px: Of the chart.
        """
        self.chart, self.table = live_chart(height_px), ipywidgets.HTML(layout=ipywidgets.Layout(width="100%"))
        left = ipywidgets.VBox(knobs, layout=ipywidgets.Layout(flex="0 0 280px", padding="8px 4px 0 0"))
        shown = ipywidgets.VBox(
            [self.chart, self.table], layout=ipywidgets.Layout(flex="1 1 700px", min_width="320px", margin="0")
        )
        row = ipywidgets.HBox([left, shown], layout=ipywidgets.Layout(flex_flow="row wrap", max_width="1180px"))
        super().__init__("", "", plain=name, live=controls([row]))
        for knob in knobs:
            knob.observe(self._turned, names="value")
        self._turned()

    def drawn(self) -> Chart:
        """Return the chart of the knobs as they stand."""
        raise NotImplementedError

    def _turned(self, _: object = None) -> None:
        self.view = self.drawn()
        self.html, self.text = self.view.html, self.view.text
        self.table.value = self.view.html
        draw(self.chart, self.view.spec, self.view.sentence)


def design_explorer(customers: Sequence[Customer], designs: Callable[[Customer], Sequence[Mapping]]) -> DesignExplorer:
    """Return knobs beside a chart of one customer's designs.

    Args:
        customers: To choose from; the first is shown first.
        designs: Returns a customer's designs, as ``labs.charts.design_frontier`` takes them. It is called at each turn
            of a knob, with a customer that has the knobs' figures.
    """
    return DesignExplorer(customers, designs)


class DesignExplorer(Explorer):
    """Knobs for a customer's figures."""

    def __init__(self, customers: Sequence[Customer], designs: Callable[[Customer], Sequence[Mapping]]) -> None:
        """Build the knobs: customer, uplink, photos, accuracy."""
        self._designs, look = designs, _look(72)
        uplinks = sorted({*_UPLINKS_MBIT_S, *(one.upload_mbit_s for one in customers)})
        losses = sorted({*_LOSSES, *(one.may_lose for one in customers)})
        names = [(one.title.partition(",")[0], one) for one in customers]
        self.customer = ipywidgets.Dropdown(options=names, description="Customer", tooltip="Whose designs", **look)
        self.uplink = ipywidgets.SelectionSlider(
            options=[(f"{one:g} Mbit/s", one) for one in uplinks], description="Uplink", **look
        )
        self.photos = ipywidgets.SelectionSlider(
            options=[(f"{one:g} ×", one) for one in _PHOTOS_TIMES], value=1, description="Photos", **look
        )
        self.loss = ipywidgets.SelectionSlider(
            options=[(f"{100 * one:g} points", one) for one in losses], description="May lose", **look
        )
        self._set(customers[0])
        # Before the chart is drawn anew: the knobs stand where another customer's own figures are.
        self.customer.observe(lambda change: self._set(change["new"]), names="value")
        super().__init__("design explorer", (self.customer, self.uplink, self.photos, self.loss), 400)

    def _set(self, one: Customer) -> None:
        self.uplink.value, self.photos.value, self.loss.value = one.upload_mbit_s, 1, one.may_lose

    def drawn(self) -> Chart:
        """Return the customer's frontier."""
        one = self.customer.value
        now = replace(
            one,
            photos_per_h=tuple(round(self.photos.value * count) for count in one.photos_per_h),
            upload_mbit_s=self.uplink.value,
            may_lose=self.loss.value,
        )
        return design_frontier(self._designs(now), now)


def _look(label_px: int) -> dict:
    """Return how a knob looks: as wide as there is room, with a label of so many pixels."""
    return {"layout": ipywidgets.Layout(width="100%"), "style": {"description_width": f"{label_px}px"}}
