"""Move a customer's frontier: another uplink, more photos, a looser limit, and every design is drawn anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import ipywidgets

from labs.charts.designs import design_frontier
from labs.display.shown import Shown
from labs.records.customers import Customer
from labs.widgets.controls import controls
from labs.widgets.quantization import draw, live_chart

#: Where the knobs may stand, beside the customers' own figures.
_UPLINKS_MBIT_S = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_PHOTOS_TIMES = (0.1, 0.3, 1, 3, 10)
_LOSSES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 1.0)


def design_explorer(customers: Sequence[Customer], designs: Callable[[Customer], Sequence[Mapping]]) -> DesignExplorer:
    """Return knobs beside a chart of one customer's designs.

    Args:
        customers: To choose from; the first is shown first.
        designs: Returns a customer's designs, as ``labs.charts.design_frontier`` takes them. It is called at each turn
            of a knob, with a customer that has the knobs' figures.
    """
    return DesignExplorer(customers, designs)


class DesignExplorer(Shown):
    """The knobs and the chart; ``view`` is the chart as it stands."""

    def __init__(self, customers: Sequence[Customer], designs: Callable[[Customer], Sequence[Mapping]]) -> None:
        """Build the knobs in the order in which the Tab key visits them: customer, uplink, photos, accuracy."""
        self._designs = designs
        wide = ipywidgets.Layout(width="100%")
        look = {"layout": wide, "style": {"description_width": "72px"}}
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
        self.chart, self.table = live_chart(400), ipywidgets.HTML(layout=wide)
        self._set(customers[0])
        knobs = ipywidgets.VBox(
            (self.customer, self.uplink, self.photos, self.loss),
            layout=ipywidgets.Layout(flex="0 0 280px", padding="8px 4px 0 0"),
        )
        shown = ipywidgets.VBox(
            [self.chart, self.table], layout=ipywidgets.Layout(flex="1 1 700px", min_width="320px", margin="0")
        )
        row = ipywidgets.HBox([knobs, shown], layout=ipywidgets.Layout(flex_flow="row wrap", max_width="1180px"))
        super().__init__("", "", plain="design explorer", live=controls([row]))
        self.customer.observe(lambda change: self._set(change["new"]), names="value")
        for knob in (self.customer, self.uplink, self.photos, self.loss):
            knob.observe(self._turned, names="value")
        self._turned()

    def _set(self, one: Customer) -> None:
        """Put the knobs where a customer's own figures are."""
        self.uplink.value, self.photos.value, self.loss.value = one.upload_mbit_s, 1, one.may_lose

    def _turned(self, _: object = None) -> None:
        """Draw anew after a knob was turned."""
        one = self.customer.value
        now = replace(
            one,
            photos_per_h=tuple(round(self.photos.value * count) for count in one.photos_per_h),
            upload_mbit_s=self.uplink.value,
            may_lose=self.loss.value,
        )
        self.view = design_frontier(self._designs(now), now)
        self.html, self.text = self.view.html, self.view.text
        self.table.value = self.view.html
        draw(self.chart, self.view.spec, self.view.sentence)
