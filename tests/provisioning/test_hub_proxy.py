"""From Chameleon's Jupyter: a browser reaches the machine through a real jupyter-server-proxy and
the tunnel.

The Hub is a JupyterLab below /user/ada/ under Chameleon's name, which the browser resolves to this
computer. The machine is a real SSH server, and its Jupyter is the one that the node's own script
starts. Chameleon's own Hub: not run here.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from chameleon_rehearsal.testing import ADDRESS
from labs.course.lessons import lesson
from provisioning.setup import reach
from provisioning.testbed import Way
from tests.browser.jupyterlab import JupyterLab, require_browser
from tests.provisioning.rehearsed import KNOWN_PORTS
from tests.provisioning.test_reach import Node, answering

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.machine, KNOWN_PORTS]

SERVICES = Path(__file__).parents[2] / "provisioning" / "node" / "bin" / "services.sh"
HUB = "jupyter.chameleoncloud.org"
HERE = {"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/"}


class Hub(JupyterLab):
    """A Jupyter below /user/ada/ that allows remote access, as a Hub's single-user server does,
    with its proxy.
    """

    base = HERE["JUPYTERHUB_SERVICE_PREFIX"]

    def __init__(self, python: Path, folder: Path) -> None:
        super().__init__(folder)
        self._python = python

    def _command(self) -> list[str]:
        own = (f"--ServerApp.base_url={self.base}", "--ServerApp.allow_remote_access=True")
        return [str(self._python), *super()._command()[1:], *own]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A Hub's server in a Python with JupyterLab and jupyter-server-proxy, as Chameleon's Jupyter
    has them.
    """
    require_browser()
    python = tmp_path / "venv" / "bin" / "python"
    uv = [sys.executable, "-m", "uv"]
    subprocess.run(
        [*uv, "venv", "--quiet", "--python", sys.executable, str(tmp_path / "venv")], check=True
    )
    wanted = ["jupyter-server-proxy>=4.4,<5", "jupyterlab>=4.4,<5"]
    done = subprocess.run(
        [*uv, "pip", "install", "--quiet", "--python", str(python), *wanted], check=False
    )
    if done.returncode:
        pytest.skip("jupyter-server-proxy could not be installed: no package index here")
    with Hub(python, tmp_path) as started:
        yield started


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[tuple[Way, str]]:
    """The way to a machine and how ssh is called for it; the node's script has started its Jupyter
    for a Hub.
    """
    node = Node(tmp_path)
    home, own = node.home, node.home / ".serving-labs"
    (home / "serving-labs" / "notebooks" / "3_system").mkdir(parents=True)
    (own / "venv").symlink_to(sys.prefix)
    (own / "jupyter-token").write_text("inner")
    (own / "jupyter-base").write_text(reach.jupyter_base(HERE))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cell = nbformat.v4.new_code_cell("import os\nprint(6 * 7, os.environ['SERVING_LABS_LINKS'])")
    written = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel})
    nbformat.write(
        written,
        home / reach.first_notebook("system").replace("notebooks/", "serving-labs/notebooks/", 1),
    )
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    started = ["bash", str(SERVICES), "p100", "system", "127.0.0.1", str(reach.JUPYTER_PORT)]
    try:
        done = subprocess.run(started, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        yield Way(ADDRESS, str(tmp_path / "key")), node.ssh
    finally:
        pid = own / "jupyter.pid"
        if pid.exists():
            subprocess.run(["kill", pid.read_text().strip()], check=False)
        node.end()


def test_a_notebook_runs_on_the_machine_and_a_service_is_seen_through_the_hub(hub, machine) -> None:
    """Pages, WebSockets and a lesson's service pass through proxy and tunnel."""
    named = f"--host-resolver-rules=MAP {HUB} 127.0.0.1:{hub.port}"
    with (
        answering(lesson("http").ports[0], "<p id=service>a page</p>") as port,
        reach.Tunnel(machine[0], "system", machine[1], HERE) as tunnel,
        hub.window(named) as page,
    ):
        page.set_default_timeout(120_000)
        page.goto(f"http://{HUB}{hub.base}lab?token={hub.token}")
        page.goto(f"http://{HUB}{tunnel.rows[0].link}")
        page.get_by_text("| Idle").wait_for()  # in the status bar, once the kernel is connected
        page.click("[data-jp-item-name='run'] jp-button")
        shown = page.locator(".jp-OutputArea-output").first
        shown.wait_for()
        assert shown.inner_text().strip() == "42 /user/ada/proxy/1{port}/"
        page.goto(f"http://{HUB}{next(row for row in tunnel.rows if row.port == port).link}")
        page.locator("#service").wait_for()
