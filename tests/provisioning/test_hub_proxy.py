"""From Chameleon's Jupyter: a browser reaches the machine through a real jupyter-server-proxy and the tunnel.

The Hub is a JupyterLab below /user/ada/ under Chameleon's name, which the browser resolves to this computer. The
machine is a real SSH server, and its Jupyter is the one that the node's own script starts. Chameleon's own Hub: not run
here.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import pytest

from labs.course import lesson
from provisioning.setup import reach
from provisioning.testbed import Way

from ..browser.jupyterlab import _CHROMIUM_FLAGS, chromium
from .test_reach import Node

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.machine]

SERVICES = Path(__file__).parents[2] / "provisioning" / "node" / "bin" / "services.sh"
HUB = "jupyter.chameleoncloud.org"
HERE = {"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/"}


@pytest.fixture(scope="module")
def proxy_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with JupyterLab and jupyter-server-proxy, as Chameleon's Jupyter has them."""
    if chromium() is None:
        pytest.skip("there is no Chromium on this machine: apt install chromium, or set CHROMIUM to one")
    room = tmp_path_factory.mktemp("hub") / "venv"
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(room)], check=True)
    python = room / "bin" / "python"
    wanted = ["jupyter-server-proxy>=4.4,<5", "jupyterlab>=4.4,<5"]
    done = subprocess.run([*uv, "pip", "install", "--quiet", "--python", str(python), *wanted], check=False)
    if done.returncode:
        pytest.skip("jupyter-server-proxy could not be installed: no package index here")
    return python


@pytest.fixture
def hub(proxy_python: Path, tmp_path: Path) -> Iterator[int]:
    """The port of a Jupyter below /user/ada/ that allows remote access, as a Hub's single-user server does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    room = tmp_path / "hub"
    room.mkdir()
    own = {f"JUPYTER_{kind}_DIR": str(room / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    options = {
        "ip": "127.0.0.1",
        "port": port,
        "port_retries": 0,
        "base_url": "/user/ada/",
        "allow_remote_access": True,
        "allow_root": True,
        "open_browser": False,
        "root_dir": room,
    }
    command = [
        str(proxy_python),
        "-m",
        "jupyterlab",
        *(f"--ServerApp.{name}={value}" for name, value in options.items()),
    ]
    with (room / "log").open("wb") as log:
        server = subprocess.Popen(
            command, env=os.environ | own | {"JUPYTER_TOKEN": "outer"}, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/user/ada/api", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None, (room / "log").read_text()
                time.sleep(0.2)
        yield port
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[tuple[Way, str]]:
    """The way to a machine and how ssh is called for it; the node's script has started its Jupyter for a Hub."""
    home = tmp_path / "home"
    own, notebooks = home / ".serving-labs", home / "serving-labs" / "notebooks" / "3_system"
    own.mkdir(parents=True)
    notebooks.mkdir(parents=True)
    (own / "venv").symlink_to(sys.prefix)
    (own / "jupyter-token").write_text("inner")
    (own / "jupyter-base").write_text(reach.jupyter_base(HERE))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cell = nbformat.v4.new_code_cell("import os\nprint(6 * 7, os.environ['SERVING_LABS_LINKS'])")
    written = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel})
    nbformat.write(written, home / reach.first_notebook("system").replace("notebooks/", "serving-labs/notebooks/", 1))
    made = Node(home)
    made.key.write_private_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o600)
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    started = ["bash", str(SERVICES), "p100", "system", "127.0.0.1", str(reach.JUPYTER_PORT)]
    try:
        done = subprocess.run(started, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        yield Way("127.0.0.1", str(tmp_path / "key")), made.ssh
    finally:
        pid = own / "jupyter.pid"
        if pid.exists():
            subprocess.run(["kill", pid.read_text().strip()], check=False)
        made.end()


class Page(BaseHTTPRequestHandler):
    """What a lesson's service shows."""

    def do_GET(self) -> None:
        """Answer with the Host that was asked for."""
        body = f"<p id=host>{self.headers['Host']}</p>".encode()
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_notebook_runs_on_the_machine_and_a_service_is_seen_through_the_hub(hub, machine) -> None:
    """Pages, WebSockets and a lesson's service pass through proxy and tunnel."""
    from playwright.sync_api import sync_playwright

    service = ThreadingHTTPServer(("127.0.0.1", lesson("http").ports[0]), Page)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    try:
        with reach.Tunnel(machine[0], "system", machine[1], HERE) as tunnel, sync_playwright() as driver:
            flags = [*_CHROMIUM_FLAGS, f"--host-resolver-rules=MAP {HUB} 127.0.0.1:{hub}"]
            window = driver.chromium.launch(executable_path=chromium(), headless=True, args=flags)
            page = window.new_page(viewport={"width": 1280, "height": 1000})
            page.set_default_timeout(120_000)
            page.goto(f"http://{HUB}/user/ada/lab?token=outer")
            page.goto(f"http://{HUB}{tunnel.rows[0].link}")
            page.get_by_text("| Idle").wait_for()  # in the status bar, once the kernel is connected
            page.click("[data-jp-item-name='run'] jp-button")
            shown = page.locator(".jp-OutputArea-output").first
            shown.wait_for()
            assert shown.inner_text().strip() == "42 /user/ada/proxy/1{port}/"
            seen = next(row for row in tunnel.rows if row.port == service.server_port)
            page.goto(f"http://{HUB}{seen.link}")
            page.locator("#host").wait_for()
            window.close()
    finally:
        service.shutdown()
        service.server_close()
