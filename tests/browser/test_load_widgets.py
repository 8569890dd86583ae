"""Part 3's live widget in the browser: runs that are watched and cancelled."""

from __future__ import annotations

import json

#: A server that takes 20 ms for a request and counts 15 of them as waiting; and two runs, of which the second
#: lasts a minute.
LOAD = """
import threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from labs.load import Served, closed_loop, predict_raw
from labs.serve.triton.control import Counters
from labs.records import ModelFile
from labs.widgets import live_load
from labs.records.ledger import ledger

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
