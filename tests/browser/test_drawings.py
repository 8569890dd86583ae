"""Drawings in the JupyterLab that a student has: there without the internet, described, legible when enlarged."""

CHART = """
import numpy as np
from labs import assets, bench
from labs.charts import latency_distribution
target = lambda images: images.sum(axis=(1, 2, 3))
bench.describe(target, backend="numpy", precision="fp32", model_path=assets.model())
latency_distribution(bench.latency(target, np.ones((1, 3, 224, 224), np.float32), option="one row", limit_s=1))
"""


def test_a_chart_is_drawn_offline_and_described(open_cells):
    """By JupyterLab's own Vega; no request leaves for another host, and nothing asks anything."""
    notebook = open_cells(CHART)
    notebook.use_theme("Dark")
    page, hosts, complaints = notebook.page, set(), []
    page.on("request", lambda request: hosts.add(request.url.split("/")[2].split(":")[0]))
    page.on("console", lambda message: complaints.append(message.text) if "ega" in message.text else None)
    notebook.run_all()
    drawing = page.locator(".vega-embed [role=graphics-document]")
    drawing.wait_for()
    assert "one row" in drawing.get_attribute("aria-label")
    assert page.locator(".vega-embed svg .mark-rect path").count() > 8
    label = page.locator(".vega-embed svg .role-axis-title text").first
    assert label.evaluate("at => getComputedStyle(at).fill") == label.evaluate("at => getComputedStyle(at).color")
    assert hosts == {"127.0.0.1"}
    assert complaints == []

    # What stands below it opens with the keyboard, and what is under the pointer is said.
    page.focus("summary:has-text('The same as a table')")
    page.keyboard.press("Enter")
    page.wait_for_selector("th >> visible=true")
    page.locator(".vega-embed svg .mark-rect path").nth(3).hover(force=True)
    page.wait_for_selector("#vg-tooltip-element.visible")

    # At 200 % the letters have grown with the page.
    before = label.bounding_box()["width"]
    page.evaluate("document.body.style.zoom = 2")
    assert label.bounding_box()["width"] > 1.8 * before
