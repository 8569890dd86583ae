"""F1: who may load a model may run code as the server's owner, so a port that is open to all is not enough."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import tritonclient.grpc
from tritonclient.utils import InferenceServerException

from labs.child import _listens
from labs.serve.triton import catalogue
from labs.serve.triton.control import KEY_HEADER
from labs.serve.triton.repository import ModelRepository
from labs.serve.triton.server import LocalTriton, start
from labs.workspace import WORKSPACE_VARIABLE

from ....browser.jupyterlab import chromium

pytestmark = pytest.mark.xdist_group("triton")

CODE = "import pathlib; pathlib.Path({marker!r}).touch()"
#: What the review sent: a model made of the request alone, whose Python file is in the request too.
LOAD = """
import base64, json, sys, urllib.error, urllib.request
code = base64.b64encode(sys.argv[2].encode()).decode()
config = json.dumps({"backend": "python", "max_batch_size": 0})
body = json.dumps({"parameters": {"config": config, "file:1/model.py": code}}).encode()
try:
    urllib.request.urlopen(urllib.request.Request(sys.argv[1] + "/v2/repository/models/evil/load", body), timeout=30)
    print("loaded")
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
"""
#: What a user who may not read the server's environment looks through: every command line.
SEARCH = """
import pathlib, sys
for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    try:
        words = path.read_bytes()
    except OSError:
        continue
    if b"tritonserver" in words and b"restricted" in words:
        print(words.decode(errors="replace"))
"""


@pytest.fixture(scope="module")
def palette(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTriton]:
    """Yield a server with one small model."""
    room = tmp_path_factory.mktemp("restricted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WORKSPACE_VARIABLE, str(room / "workspace"))
        with start([catalogue.food_palette()], repository=ModelRepository(room / "models"), within_s=180) as server:
            yield server


#: Becomes another user when it has imported what that user may not be able to read, then runs the code.
SOMEBODY_ELSE = """
import base64, encodings.idna, json, os, pathlib, sys, urllib.error, urllib.request
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
code = sys.argv.pop(1)
exec(code)
"""


def as_somebody_else(code: str, *arguments: str) -> str:
    """Return what a Python of another user prints; of this user where one may not become another."""
    command = [sys.executable, "-I", "-c", SOMEBODY_ELSE, code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd="/", env={}, check=True, timeout=120).stdout


def test_another_user_of_the_machine_loads_nothing(palette: LocalTriton, tmp_path: Path) -> None:
    """The load request of the review, from another local user: refused, and its code never ran."""
    marker = tmp_path / "ran"
    said = as_somebody_else(LOAD, palette.url, CODE.format(marker=str(marker)))
    assert said.startswith("403")
    assert KEY_HEADER in said
    assert not marker.exists()
    assert palette.loaded() == {"food_palette": "READY"}


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
    """The review's load request from a page in a real Chromium: it arrives, is refused, and its code never ran (F1)."""
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


def test_the_key_stands_in_no_command_line(palette: LocalTriton) -> None:
    """Command lines are for every user to read; an environment is not."""
    lines = as_somebody_else(SEARCH)
    assert f"{KEY_HEADER}=" in lines
    assert palette.headers[KEY_HEADER] not in lines
    assert palette.headers[KEY_HEADER] not in palette.log(1_000_000)


def test_a_file_that_is_closed_meanwhile_does_not_end_the_watch_for_the_first_socket(tmp_path: Path) -> None:
    """Else the key would stay in the command line of a server that happened to close a file at that moment (F1)."""
    files = tmp_path / "fd"
    files.mkdir()
    (files / "3").touch()  # no link, and so one that cannot be read
    assert not _listens(tmp_path)
    (files / "4").symlink_to("socket:[4711]")
    assert _listens(tmp_path)
    with pytest.raises(FileNotFoundError):
        _listens(tmp_path / "ended")


@pytest.mark.parametrize(
    "path", ["repository/index", "repository/models/food_palette/unload", "systemsharedmemory/region/x/register"]
)
def test_what_changes_the_server_asks_for_the_key(palette: LocalTriton, path: str) -> None:
    """A page of another origin can send such requests without being able to read the answers."""
    request = urllib.request.Request(f"{palette.url}/v2/{path}", b"{}", {"Content-Type": "text/plain"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    with refused.value:
        assert refused.value.code == 403
        assert KEY_HEADER in json.loads(refused.value.read())["error"]


def test_the_same_holds_for_grpc_and_the_owner_has_the_key(palette: LocalTriton) -> None:
    """tritonclient loads with the header that the server expects, and not without it."""
    client = tritonclient.grpc.InferenceServerClient(palette.grpc)
    with pytest.raises(InferenceServerException, match="restricted"):
        client.load_model("food_palette")
    client.load_model("food_palette", headers={f"triton-grpc-protocol-{KEY_HEADER}": palette.headers[KEY_HEADER]})
    assert client.is_model_ready("food_palette")
