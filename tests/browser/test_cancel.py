"""Cancel works while the cell runs, in the browser that a student uses: not after it, which is what waits otherwise."""

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
    """By the kernel's own interrupt, or by the course's button, which answers at once though the cell is busy."""
    notebook = open_cells(SLOW, MEASURE, AFTER)
    stop(notebook, workspace, "toolbar")
    notebook.command("notebook:clear-all-cell-outputs")
    notebook.wait_idle()
    (workspace / "ledger.jsonl").unlink()
    stop(notebook, workspace, "button")


def stop(notebook, workspace, how: str) -> None:
    """Run all cells, stop the second one, and see what it leaves."""
    page = notebook.page
    notebook.run_all(wait_s=None)
    page.wait_for_selector("text=quick: 64 of 64 images", timeout=120_000)
    if how == "button":
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
    kept = [json.loads(line)["kind"] for line in (workspace / "ledger.jsonl").read_text().splitlines()]
    assert kept == ["size", "accuracy"]
    assert notebook.output_text(2) == ""
    notebook.run_cell(2)
    assert "False" in notebook.output_text(2)
