"""Charts in the JupyterLab that a student has: drawn without the internet, described, legible when enlarged."""

from __future__ import annotations

CELL = """
import numpy as np
from labs.charts import channel_ranges
channel_ranges(np.random.default_rng(0).normal(size=(24, 8, 3, 3)))
"""


def test_a_chart_is_drawn_offline_and_described(open_cells):
    """JupyterLab's own Vega draws it, as SVG in the colour of the text; no request leaves for another host."""
    notebook = open_cells(CELL)
    notebook.use_dark_theme()
    page, hosts, complaints = notebook.page, set(), []
    page.on("request", lambda request: hosts.add(request.url.split("/")[2].split(":")[0]))
    page.on("console", lambda message: complaints.append(message.text) if "ega" in message.text else None)
    notebook.run_all()
    drawing = page.locator(".vega-embed [role=graphics-document]")
    drawing.wait_for()
    assert "24 channels" in drawing.get_attribute("aria-label")
    assert page.locator(".vega-embed svg .mark-rule line").count() > 24
    label = page.locator(".vega-embed svg .role-axis-title text").first
    assert label.evaluate("at => getComputedStyle(at).fill") == label.evaluate("at => getComputedStyle(at).color")
    assert hosts == {"127.0.0.1"}
    assert complaints == []

    # What stands below it opens with the keyboard, and what is under the pointer is said.
    page.focus("summary:has-text('The same as a table')")
    page.keyboard.press("Enter")
    page.wait_for_selector("th:has-text('channel') >> visible=true")
    page.locator(".vega-embed svg .mark-rule.role-mark line").nth(3).hover(force=True)
    page.wait_for_selector("#vg-tooltip-element.visible")

    # At 200 % the letters have grown with the page.
    before = label.bounding_box()["width"]
    page.evaluate("document.body.style.zoom = 2")
    assert label.bounding_box()["width"] > 1.8 * before
