"""Who may load a model may run code as the server's owner: a page of another origin may not, and gRPC asks for a key.

Other users of the machine are asked in `tests/test_other_users.py`.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import tritonclient.grpc
from tritonclient.utils import InferenceServerException

from labs.serve.triton import catalogue
from labs.serve.triton.catalogue import ModelRepository
from labs.serve.triton.control import KEY_HEADER
from labs.serve.triton.server import LocalTriton, start
from labs.workspace import WORKSPACE_VARIABLE

from ....browser.jupyterlab import chromium

pytestmark = pytest.mark.xdist_group("triton")

CODE = "import pathlib; pathlib.Path({marker!r}).touch()"


@pytest.fixture(scope="module")
def palette(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTriton]:
    """Yield a server with one small model."""
    room = tmp_path_factory.mktemp("restricted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WORKSPACE_VARIABLE, str(room / "workspace"))
        with start([catalogue.food_palette()], repository=ModelRepository(room / "models"), within_s=180) as server:
            yield server


class Evil(BaseHTTPRequestHandler):
    """A page of another origin; it is told what its script has found."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>cats</title><p id=said>")

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


#: Each request that a page may send to another origin without asking it first, and what the page sees of the answer.
POST = """
async ([url, bodies]) => {
  const seen = [];
  for (const [path, body] of bodies) {
    try {
      const reply = await fetch(url + path, {method: "POST", mode: "no-cors", body});
      seen.push([reply.type, reply.status]);
    } catch (error) { seen.push(["failed", String(error)]); }
  }
  return seen;
}
"""


@pytest.mark.browser
def test_a_page_of_another_origin_loads_nothing(palette: LocalTriton, tmp_path: Path) -> None:
    """A request that loads a model, from a page in a real Chromium: it arrives, is refused, and its code never ran."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if chromium() is None:
        pytest.skip("there is no Chromium on this machine: apt install chromium, or set CHROMIUM to one")
    marker = tmp_path / "ran"
    code = base64.b64encode(CODE.format(marker=str(marker)).encode()).decode()
    config = json.dumps({"backend": "python", "max_batch_size": 0})
    load = json.dumps({"parameters": {"config": config, "file:1/model.py": code}})
    bodies = [
        ["/v2/repository/models/evil/load", load],
        ["/v2/repository/models/food_palette/load", json.dumps({"parameters": {"config": config}})],
        ["/v2/repository/models/food_palette/unload", "{}"],
    ]
    with ThreadingHTTPServer(("127.0.0.1", 0), Evil) as other, sync_api.sync_playwright() as driver:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        window = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        page = window.new_page()
        page.goto(f"http://127.0.0.1:{other.server_port}/")
        statuses: list[int] = []
        page.on("response", lambda reply: statuses.append(reply.status))
        seen = page.evaluate(POST, [palette.url, bodies])
        window.close()
        other.shutdown()
    # Opaque: each request was sent and answered, and the page may not read the answer. The browser itself saw 403.
    assert seen == [["opaque", 0]] * len(bodies)
    assert statuses == [403] * len(bodies)
    assert not marker.exists()
    assert palette.loaded() == {"food_palette": "READY"}


def test_the_same_holds_for_grpc_and_the_owner_has_the_key(palette: LocalTriton) -> None:
    """tritonclient loads with the header that the server expects, and not without it."""
    client = tritonclient.grpc.InferenceServerClient(palette.grpc)
    with pytest.raises(InferenceServerException, match="restricted"):
        client.load_model("food_palette")
    client.load_model("food_palette", headers={f"triton-grpc-protocol-{KEY_HEADER}": palette.headers[KEY_HEADER]})
    assert client.is_model_ready("food_palette")
