"""Netron inside a notebook: it shows the graph at once, asks nothing, and its page talks to this machine only."""

from __future__ import annotations

import pytest

CELL = """
import onnx
from onnx import TensorProto, helper
from labs.optimize.drawing import show_graph

ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3]) for name in ("input", "output")]
graph = helper.make_graph([helper.make_node("Relu", ["input"], ["output"], name="only")], "g", ends[:1], ends[1:])
onnx.save(helper.make_model(graph), "small.onnx")
show_graph("small.onnx")
"""


@pytest.mark.browser
@pytest.mark.slow
def test_the_graph_is_there_without_a_question_and_without_the_internet(open_cells) -> None:
    """The operator is drawn in the frame, and no request left for another host."""
    notebook = open_cells(CELL)
    hosts: set[str] = set()
    notebook.page.on("request", lambda request: hosts.add(request.url.split("/")[2].split(":")[0]))
    notebook.run_all()
    frame = notebook.page.frame_locator("iframe[title*='Netron']")
    frame.locator("#target text", has_text="Relu").first.wait_for(timeout=60_000)
    assert not frame.get_by_text("cookies").is_visible()
    assert hosts == {"127.0.0.1"}
