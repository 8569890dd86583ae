"""Drawings in the JupyterLab that a student has: there without the internet, described, legible when enlarged."""

from __future__ import annotations

CHART = """
import numpy as np
from labs.charts import channel_ranges
channel_ranges(np.random.default_rng(0).normal(size=(24, 8, 3, 3)))
"""
GRAPH = """
import onnx
from onnx import TensorProto, helper
from labs.optimize.drawing import show_graph

ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3]) for name in ("input", "output")]
graph = helper.make_graph([helper.make_node("Relu", ["input"], ["output"], name="only")], "g", ends[:1], ends[1:])
onnx.save(helper.make_model(graph), "small.onnx")
show_graph("small.onnx")
"""


def test_charts_and_graphs_are_drawn_offline_and_described(open_cells):
    """JupyterLab's own Vega and Netron in its frame; no request leaves for another host, and nothing asks anything."""
    notebook = open_cells(CHART, GRAPH)
    notebook.use_theme("Dark")
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
    frame = page.frame_locator("iframe[title*='Netron']")
    frame.locator("#target text", has_text="Relu").first.wait_for()
    assert not frame.get_by_text("cookies").is_visible()
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
