"""Part 3's live widgets in the browser: a sweep that is watched and cancelled, and settings turned and applied."""

from __future__ import annotations

import json

#: A server that takes 20 ms for a request and counts 15 of them as waiting; and two runs, of which the second
#: lasts a minute.
LOAD = """
import threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from labs.load import Served, closed_loop, predict_raw
from labs.load.server_side import Counters
from labs.records import ModelFile
from labs.widgets import live_load
from labs.workspace import ledger

answered = []

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        time.sleep(0.02)
        answered.append(1)
        self.send_response(200)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"Bread")
    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()

def count():
    n = len(answered)
    return Counters(n, n, 0.015 * n, 0.0, 0.005 * n, 0.0)

served = Served(ModelFile("food11.onnx", "a" * 64, 9_000_000), "told")
target = predict_raw(f"http://127.0.0.1:{server.server_address[1]}", [b"x"], served, counters=count)
"""
SWEEP = """
def sweep(**hooks):
    for senders, seconds in ((1, 3), (4, 60)):
        ledger().append(closed_loop(target, concurrency=senders, duration_s=seconds, option="swept", **hooks))
live_load(sweep, "A rising load")
"""
EDITOR = """
from pathlib import Path
from labs.serve.triton.catalogue import food_classifier_onnx
from labs.widgets import config_editor
applied = []
config_editor(food_classifier_onnx(Path("model.onnx")).settings, applied.append)
"""


def test_a_run_is_watched_and_cancelled(open_cells, workspace):
    """Throughput, queue, compute and processors are drawn while it goes on; Cancel keeps what was finished."""
    notebook = open_cells(LOAD, SWEEP)
    notebook.run_all(wait_s=None)
    page = notebook.page
    page.wait_for_selector("text=swept: 4 clients", timeout=120_000)
    page.wait_for_selector(".msl-facts >> text=throughput")
    drawn = page.locator(".vega-embed [role=graphics-document]").last
    said = drawn.get_attribute("aria-label")
    for word in ("requests/s", "p95", "in flight", "queue", "compute", "processors"):
        assert word in said, said
    page.click("button:has-text('Cancel')")
    notebook.wait_idle(60)
    shown = notebook.output_text(1)
    assert "stopped" in shown
    assert "Finished runs are in the ledger." in shown
    assert "Traceback" not in shown
    assert page.locator(".vega-embed [role=graphics-document]").count() == 1, "the chart of what was seen stays"
    kept = [json.loads(line) for line in (workspace / "ledger.jsonl").read_text().splitlines()]
    assert [one["concurrency"] for one in kept] == [1]


def test_settings_are_turned_checked_and_applied_from_the_keyboard(open_cells):
    """The diff follows each turn, what cannot be is explained and cannot be applied; Enter applies the rest."""
    notebook = open_cells(EDITOR, "print(applied[0].copies, applied[0].dynamic_batching.preferred_batch_sizes)")
    notebook.run_cell(0)
    page = notebook.page
    button = page.locator("button:has-text('Reload the model')")
    assert button.is_disabled()
    page.fill(".widget-text:has-text('Instances') input", "2")
    page.keyboard.press("Tab")
    page.wait_for_selector("text=+ { count: 2 kind: KIND_CPU }")
    page.check(".widget-checkbox input")
    page.fill(".widget-text:has-text('Preferred sizes') input", "32")
    page.keyboard.press("Tab")
    page.wait_for_selector("[role=alert]:has-text('can never be reached')")
    assert button.is_disabled()
    page.fill(".widget-text:has-text('Preferred sizes') input", "4, 8")
    page.keyboard.press("Tab")
    page.wait_for_selector("text=preferred_batch_size: [ 4, 8 ]")
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("text=✓ applied")
    page.wait_for_selector("text=Nothing to change")
    notebook.run_cell(1)
    assert "2 (4, 8)" in notebook.output_text(1)
