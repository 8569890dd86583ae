"""Cancel works while the cell runs, in the browser that a student uses: not after it, which is what waits otherwise."""

from __future__ import annotations

import json

#: A measurement that would never end: a model that answers no single image before the file `go` is there, measured by
#: the real suite into the workspace's ledger.
SLOW = """
import time
import numpy as np
from labs import bench
from labs.widgets import measure
from labs.workspace import ledger, models_dir

def slow(images):
    while len(images) == 1 and not (models_dir() / "go").exists():
        time.sleep(0.05)
    return np.zeros((len(images), 11), np.float32)

path = models_dir() / "slow.onnx"
path.write_bytes(b"model")
bench.describe(slow, model_path=path, backend="fake", precision="fp32")
images, labels = np.zeros((64, 3, 224, 224), np.float32), np.zeros(64, int)
"""
MEASURE = 'measure(slow, images, labels, option="slow", ledger=ledger(), batch_sizes=(2,)); finished = True'
AFTER = "print('finished' in globals())"


def kinds_kept(workspace) -> list[str]:
    """Return the kinds of the records that are in the ledger."""
    return [json.loads(line)["kind"] for line in (workspace / "ledger.jsonl").read_text().splitlines()]


def wait_for_latency(notebook) -> None:
    """Return when accuracy is measured and the slow latency has begun."""
    notebook.page.wait_for_selector("text=slow: warming up", timeout=120_000)


def test_cancel_button_stops_a_running_cell(open_cells, workspace):
    """A click while the model warms up ends the cell at the next call (D9), and keeps what was finished."""
    notebook = open_cells(SLOW, MEASURE, AFTER)
    notebook.run_all(wait_s=None)
    wait_for_latency(notebook)
    notebook.page.click("button:has-text('Cancel')")
    # The button answers at once, although the cell is busy: the click did not queue behind it.
    notebook.page.wait_for_selector("button:has-text('Stopping')")
    assert notebook.waiting_cells()
    (workspace / "models" / "go").touch()
    notebook.wait_idle(180)
    shown = notebook.output_text(1)
    assert "stopped" in shown
    assert "What was finished before is in the ledger." in shown
    assert "Traceback" not in shown
    assert kinds_kept(workspace) == ["size", "accuracy"]
    assert notebook.output_text(2) == ""


def test_toolbar_stop_button_stops_as_cleanly(open_cells, workspace):
    """The kernel's own interrupt leaves the same sentence and the same ledger, and the kernel is usable after it."""
    notebook = open_cells(SLOW, MEASURE, AFTER)
    notebook.run_all(wait_s=None)
    wait_for_latency(notebook)
    notebook.interrupt()
    notebook.wait_idle(180)
    shown = notebook.output_text(1)
    assert "What was finished before is in the ledger." in shown
    assert "Traceback" not in shown
    assert kinds_kept(workspace) == ["size", "accuracy"]
    notebook.run_cell(2)
    assert "False" in notebook.output_text(2)
