"""A real JupyterLab in a real Chromium: start it, open a notebook, run it, look at it, press
things.

    with JupyterLab(folder) as lab, lab.window() as page:
        notebook = lab.open(page, "lesson.ipynb")
        notebook.run_all()

The server listens on a free loopback port with a new token. Settings, data and run-time files are
in a temporary folder, so the developer's JupyterLab and the checkout are not affected.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from labs.runtimes import child
from provisioning.front.lab import SETTINGS, command
from tests.tools import tool

#: Where Debian, Ubuntu and others put Chromium; CHROMIUM overrides.
_CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")

_CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str:
    """Return the path of a Chromium on this machine; skip the test if there is none."""
    return os.environ.get("CHROMIUM") or tool(*_CHROMIUM_NAMES)


def require_browser() -> None:
    """Skip a test if there is no browser to look with."""
    pytest.importorskip("playwright", reason="playwright is not installed: pip install playwright")
    chromium()


@contextlib.contextmanager
def browser(*flags: str) -> Iterator[object]:
    """Yield a headless Chromium, of playwright; skip the test if there is none."""
    require_browser()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        started = driver.chromium.launch(
            executable_path=chromium(), args=[*_CHROMIUM_FLAGS, *flags]
        )
        try:
            yield started
        finally:
            started.close()


#: axe's names for faults that keep a person from using the page.
SERIOUS = ("serious", "critical")


def violations(
    page: object, *within: str, without: Sequence[str] = (), impacts: Sequence[str] = SERIOUS
) -> list[str]:
    """Return what axe finds of some impacts within elements of a page, or in all of it, with rule
    and element.
    """
    sync = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    )
    for selector in within:
        assert page.locator(selector).count(), f"{selector} is not there to be looked at"
    context = {"include": [[selector] for selector in within]} if within else {}
    context |= {"exclude": [[selector] for selector in without]} if without else {}
    # axe takes what lies outside of a body that hides what overflows for clipped away, and
    # JupyterLab's is 0 high.
    page.evaluate("document.body.style.minHeight = '100vh'")
    # An iframe is another page, with another author.
    result = sync.Axe().run(
        page, context or None, {"resultTypes": ["violations"], "iframes": False}
    )
    page.evaluate("document.body.style.minHeight = ''")
    rules = [rule for kind in ("violations", "passes") for rule in result.response[kind]]
    assert "color-contrast" in {rule["id"] for rule in rules}, "axe saw no text"
    lines = []
    for rule in result.response["violations"]:
        if rule["impact"] not in impacts:
            continue
        for node in rule["nodes"]:
            place = " ".join(node["target"])
            lines.append(f"{rule['id']}: {place}: {node['html'][:300]}: {node['failureSummary']}")
    return lines


class JupyterLab:
    """A JupyterLab server that serves one folder."""

    #: The path below which it answers.
    base = "/"

    def __init__(self, folder: str | Path, *, workspace: str | Path | None = None) -> None:
        """Describe a server on a folder of notebooks; ``with`` starts it. Its workspace is
        temporary when None.
        """
        self.folder, self._workspace = Path(folder), workspace
        self.token = secrets.token_hex(16)

    def __enter__(self) -> JupyterLab:
        self._home = tempfile.TemporaryDirectory(prefix="jupyterlab-test-")
        home = Path(self._home.name)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = os.environ | {
            f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in ("CONFIG", "DATA")
        }
        environment |= {
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "IPYTHONDIR": str(home / "ipython"),
        }
        environment |= {"JUPYTERLAB_SETTINGS_DIR": str(home / "settings")}
        environment |= {"JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces")}
        environment["SERVING_LABS_WORKSPACE"] = str(self._workspace or home / "results")
        self._server = child.start(
            self._command(), home / "jupyterlab.log", environment=environment
        )
        try:
            self._server.wait_for(self._answers, what="JupyterLab", within_s=240)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        # A server that is asked to end waits some seconds for its kernels, which hold nothing that
        # anybody misses.
        self._server.kill()
        self._home.cleanup()

    def url(self, path: str = "") -> str:
        """Return the address of JupyterLab as it opens, or with a file of the folder alone in the
        main area.
        """
        return (
            f"http://127.0.0.1:{self.port}/lab{path and f'/tree/{path}'}?token={self.token}&reset"
        )

    @contextlib.contextmanager
    def window(self, *flags: str, width: int = 1280, height: int = 1400) -> Iterator[object]:
        """Yield a page of a headless Chromium, of playwright; JupyterLab draws what is on
        screen.
        """
        with browser(*flags) as opened:
            page = opened.new_page(
                viewport={"width": width, "height": height}, device_scale_factor=1.5
            )
            page.set_default_timeout(60_000)
            yield page

    def open(self, page: object, path: str) -> Notebook:
        """Return a notebook of the server's folder, opened on a page and with its kernel ready."""
        page.goto(self.url(path))
        page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=180_000)
        notebook = Notebook(page)
        notebook.command(
            "application:toggle-left-area"
        )  # the file browser takes a quarter of the width
        page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.ready")
        notebook.wait_idle()
        return notebook

    def _command(self) -> list[str]:
        options = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": self.port,
            "ServerApp.port_retries": 0,
            "ServerApp.root_dir": self.folder.resolve(),
            "ServerApp.open_browser": False,
            "ServerApp.allow_root": True,
            # The default one asks a package registry at start.
            "LabApp.extension_manager": "readonly",
            # The question that it asks at its first start would cover part of every picture.
            "LabApp.app_settings_dir": SETTINGS,
            "LabApp.expose_app_in_browser": True,
            "IdentityProvider.token": self.token,
        }
        return [
            sys.executable,
            "-m",
            "jupyterlab",
            *(f"--{name}={value}" for name, value in options.items()),
        ]

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(
                f"http://127.0.0.1:{self.port}{self.base}api?token={self.token}", timeout=5
            )
            return True
        return False


class Course(JupyterLab):
    """The course's own JupyterLab, with the options that ``msl lab`` gives it."""

    def _command(self) -> list[str]:
        python, module, jupyterlab, *own = super()._command()
        if not (self.folder / "notebooks").is_dir():
            own.append("--FileContentsManager.preferred_dir=")
        return [python, module, jupyterlab, *command(own)[3:]]

    @contextlib.contextmanager
    def front_page(self, *, width: int = 1280, height: int = 1000) -> Iterator[object]:
        """Yield a page that shows the course as it opens."""
        with self.window(width=width, height=height) as page:
            page.goto(self.url())
            page.wait_for_selector("#msl-course .msl-front", timeout=180_000)
            yield page


class Notebook:
    """The one notebook on a page: run its cells, wait for them, press what they show."""

    def __init__(self, page: object) -> None:
        """Keep the playwright page that shows it."""
        self.page = page

    def run_all(self, *, wait_s: float | None = 120) -> None:
        self.command("notebook:run-all-cells")
        if wait_s is not None:
            self.wait_idle(wait_s)

    def command(self, name: str, **arguments: object) -> None:
        """Start one of JupyterLab's commands; ``wait_idle`` also waits for its end."""
        self.page.evaluate(
            """([name, given]) => { const end = () => { window.commandsRunning -= 1; };
                 window.commandsRunning = (window.commandsRunning || 0) + 1;
                 window.jupyterapp.commands.execute(name, given).then(end, end); }""",
            [name, arguments],
        )

    def run_cell(self, cell: int) -> None:
        """Run one cell and wait for it; ``cell`` counts all cells from 0."""
        self.page.locator(".jp-Cell").nth(cell).locator(".jp-InputPrompt").click()
        self.command("notebook:run-cell")
        self.wait_idle()

    def wait_idle(self, wait_s: float = 120) -> None:
        """Return when the kernel is idle and no cell waits for it."""
        give_up_s = time.monotonic() + wait_s
        idle = ".jp-NotebookPanel-toolbar .jp-Notebook-ExecutionIndicator[data-status='idle']"
        while time.monotonic() < give_up_s:
            ended = not self.page.evaluate("window.commandsRunning || 0")
            if ended and self.page.locator(idle).count() and not self.waiting_cells():
                return
            self.page.wait_for_timeout(100)
        raise TimeoutError(
            f"the notebook is still busy after {wait_s:.0f} s; waiting cells: "
            f"{self.waiting_cells()}"
        )

    def settle(self) -> None:
        """Return when the kernel has received all clicks so far, and its answers are drawn.

        An empty request queues up behind the widgets' own messages. It takes two: while one of a
        widget's messages is on its way, the browser holds back the next.
        """
        kernel = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
        for _ in range(2):
            self.page.evaluate(
                f"() => {kernel}.requestExecute({{code: 'pass', silent: true}}).done.then(() => "
                "null)"
            )
        self.wait_idle()

    def waiting_cells(self) -> list[int]:
        """Return the numbers of the code cells that run or are queued."""
        prompts = self.page.locator(".jp-CodeCell .jp-InputPrompt").all_inner_texts()
        return [index for index, prompt in enumerate(prompts) if "*" in prompt]

    def use_theme(self, name: str) -> None:
        """Turn the system to 'Light' or 'Dark', which JupyterLab follows."""
        self.page.emulate_media(color_scheme=name.lower())
        is_light = "true" if name == "Light" else "false"
        self.page.wait_for_selector(f'body[data-jp-theme-light="{is_light}"]', state="attached")
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")  # it lies over all

    def output_text(self, cell: int) -> str:
        """Return everything that a cell shows, as text; ``cell`` counts all cells from 0."""
        return (
            self.page.locator(".jp-Cell").nth(cell).locator(".jp-Cell-outputWrapper").inner_text()
        )
