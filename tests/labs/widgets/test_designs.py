"""The explorer asks for a customer's designs with the knobs' figures, and says which of them keep the limits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labs.charts import design_frontier
from labs.charts.frame import VEGA_LITE
from labs.records.customers import CUSTOMERS, Customer, customer
from labs.widgets import design_explorer


def designs(one: Customer) -> list[dict]:
    """Return a cloud whose wait is the uplink's, a device, and one that the device beats."""
    sent_s = 8 * one.photo_mb / one.upload_mbit_s
    made = [("cloud", sent_s, sum(one.photos_per_h) / 1e4, 0.8), ("device", 0.1, 5.0, 0.8), ("old", 0.1, 9.0, 0.75)]
    return [
        {"design": name, "pixels": 224, "wait_s": wait_s, "usd_per_day": usd, "accuracy": accuracy}
        for name, wait_s, usd, accuracy in made
    ]


@pytest.fixture
def explorer():
    """Return an explorer that shows the canteens."""
    made = design_explorer(CUSTOMERS, designs)
    made.customer.value = customer("canteens")
    return made


def row_of(text: str, name: str) -> str:
    """Return a design's line of the text."""
    return next(line for line in text.splitlines() if line.startswith(name))


def test_knobs_stand_at_the_customers_own_figures(explorer):
    """And move there when another one is chosen."""
    assert (explorer.uplink.value, explorer.loss.value) == (2.0, 0.02)
    explorer.photos.value = 10
    explorer.customer.value = customer("guide")
    assert (explorer.uplink.value, explorer.photos.value) == (10.0, 1)
    assert "Table Talk" in explorer.text


def test_a_figure_between_two_steps_is_a_step_of_its_own():
    """A customer of one's own is shown as it is."""
    own = replace(customer("canteens"), upload_mbit_s=3.5, may_lose=0.033)
    made = design_explorer([own], designs)
    assert (made.uplink.value, made.loss.value) == (3.5, 0.033)


def test_each_knob_draws_anew(explorer):
    """A faster uplink brings the cloud within its limit, photos cost, and a looser limit lets in what was too bad."""
    assert "too late" in row_of(explorer.text, "cloud")
    explorer.uplink.value = 100
    assert "kept" in row_of(explorer.text, "cloud")
    before = row_of(explorer.text, "cloud")
    explorer.photos.value = 10
    assert row_of(explorer.text, "cloud") != before
    assert "too inaccurate" in row_of(explorer.text, "old")
    explorer.loss.value = 0.1
    assert "kept" in row_of(explorer.text, "old")
    assert explorer.table.value == explorer.html
    bundle = explorer.chart.outputs[0]["data"]
    assert bundle[VEGA_LITE] == explorer.view.spec
    assert bundle["text/plain"] == explorer.view.sentence


def test_what_is_beaten_is_said_and_drawn(explorer):
    """As cheap and as soon, and less accurate, is beaten; equal twins are not."""
    assert "beaten by device, 224 px" in row_of(explorer.text, "old")
    one = customer("canteens")
    twins = [designs(one)[1], designs(one)[1] | {"design": "twin"}]
    assert "beaten" not in design_frontier(twins, one).text
