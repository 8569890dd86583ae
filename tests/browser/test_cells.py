"""Cells in the JupyterLab that a student has: stopped while they run, predictions by keyboard,
drawings offline.
"""

import json

#: The answers of two models, the second of which gives none before the file `go` is there.
SLOW = """
import time
import numpy as np
from labs import bench
from labs.widgets import evaluate
from labs.workspace import models_dir

def quick(images):
    return np.zeros((len(images), 11), np.float32)

def slow(images):
    while not (models_dir() / "go").exists():
        time.sleep(0.05)
    return quick(images)

path = models_dir() / "slow.onnx"
path.write_bytes(b"model")
for model in (quick, slow):
    bench.describe(model, model_path=path, backend="fake", precision="fp32")
images, labels = np.zeros((64, 3, 224, 224), np.float32), np.zeros(64, int)
"""
MEASURE = 'evaluate({"quick": quick, "slow": slow}, images, labels); finished = True'
AFTER = "print('finished' in globals())"


def test_a_running_cell_is_stopped_and_keeps_what_was_finished(open_cells, workspace):
    """By the kernel's own interrupt, or by the course's button, which answers at once though the
    cell is busy.
    """
    notebook = open_cells(SLOW, MEASURE, AFTER)
    page = notebook.page
    for button in ("toolbar", "course"):
        notebook.run_all(wait_s=None)
        page.wait_for_selector("text=quick: 64 of 64 images", timeout=120_000)
        if button == "course":
            page.click("button:has-text('Cancel')")
            page.wait_for_selector("button:has-text('Stopping')")
            assert notebook.waiting_cells()
            (workspace / "models" / "go").touch()
        else:
            page.click(".jp-NotebookPanel-toolbar [data-jp-item-name='interrupt'] jp-button")
        notebook.wait_idle(180)
        shown = notebook.output_text(1)
        assert "What was finished before is in the ledger." in shown
        assert "Traceback" not in shown
        kinds = [
            json.loads(line)["kind"]
            for line in (workspace / "ledger.jsonl").read_text().splitlines()
        ]
        assert kinds == ["size", "accuracy"]
        assert notebook.output_text(2) == ""
        notebook.run_cell(2)
        assert "False" in notebook.output_text(2)
        notebook.command("notebook:clear-all-cell-outputs")
        notebook.wait_idle()
        (workspace / "ledger.jsonl").unlink()


CHART = """
import numpy as np
from labs import assets, bench
from labs.charts import latency_distribution
target = lambda images: images.sum(axis=(1, 2, 3))
bench.describe(target, backend="numpy", precision="fp32", model_path=assets.model())
photo = np.ones((1, 3, 224, 224), np.float32)
latency_distribution(bench.latency(target, photo, option="one row", limit_s=1))
"""


def test_a_chart_is_drawn_offline_and_described(open_cells):
    """By JupyterLab's own Vega; no request leaves for another host, and nothing asks anything."""
    notebook = open_cells(CHART)
    notebook.use_theme("Dark")
    page, hosts, complaints = notebook.page, set(), []
    page.on("request", lambda request: hosts.add(request.url.split("/")[2].split(":")[0]))
    page.on(
        "console",
        lambda message: complaints.append(message.text) if "ega" in message.text else None,
    )
    notebook.run_all()
    drawing = page.locator(".vega-embed [role=graphics-document]")
    drawing.wait_for()
    assert "one row" in drawing.get_attribute("aria-label")
    assert page.locator(".vega-embed svg .mark-rect path").count() > 8
    label = page.locator(".vega-embed svg .role-axis-title text").first
    assert label.evaluate("at => getComputedStyle(at).fill") == label.evaluate(
        "at => getComputedStyle(at).color"
    )
    assert hosts == {"127.0.0.1"}
    assert complaints == []


ASK = (
    'from labs.checkpoints import predict, predicted\npredict("quantize.faster", dynamic=..., '
    "static=...)"
)
GUARD = 'print("going on with", predicted("quantize.faster"))'


def test_the_measuring_cell_waits_until_a_prediction_is_locked_in(open_cells, workspace):
    """One sentence before, without a traceback; the numbers after. Every control has a name."""
    notebook = open_cells(ASK, GUARD)
    notebook.run_cell(0)
    notebook.run_cell(1)
    assert "Predict first" in notebook.output_text(1)
    assert "Traceback" not in notebook.output_text(1)
    page = notebook.page
    page.get_by_label("dynamic in ×").fill("0.5")
    field = page.get_by_label("static in ×")
    field.fill("9 ms")
    field.press("Enter")
    page.wait_for_selector("text=“static”: '9 ms' is not a number in ×")
    field.fill("1,000")
    field.press("Enter")
    page.wait_for_selector("text=“static”: 1000 is not between")
    field.fill("2.5")
    field.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Noted.")
    entries = [json.loads(line) for line in (workspace / "ledger.jsonl").read_text().splitlines()]
    assert [(entry["type"], entry["value"]) for entry in entries] == [
        ("prediction", {"dynamic": 0.5, "static": 2.5})
    ]
    notebook.run_cell(1)
    assert "going on with {'dynamic': 0.5, 'static': 2.5}" in notebook.output_text(1)


EXPLORE = """
import ipywidgets
from labs.widgets import explore
def draw(axis, bits):
    axis.set_title(f"{2 ** bits} marks")
    return f"{bits} bits give {2 ** bits} marks."
explore("A ruler", draw, bits=ipywidgets.IntSlider(value=4, min=2, max=8, description="bits"))
"""


def test_a_slider_redraws_its_picture_by_keyboard(open_cells):
    """Arrow keys move it, and the line beside it, which screen readers announce, follows."""
    notebook = open_cells(EXPLORE)
    notebook.run_all()
    page = notebook.page
    line = page.locator(".msl-spoken[role=status]")
    line.get_by_text("4 bits give 16 marks.").wait_for()
    page.get_by_role("slider", name="bits").focus()
    page.keyboard.press("ArrowRight")
    line.get_by_text("5 bits give 32 marks.").wait_for()
    page.locator("svg[aria-label='A ruler']").get_by_text("32 marks").wait_for()
    page.keyboard.press("ArrowLeft")
    line.get_by_text("4 bits give 16 marks.").wait_for()
