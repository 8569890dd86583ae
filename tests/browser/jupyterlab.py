"""A real JupyterLab in a real Chromium: start it, open a notebook, run it, look at it, press things.

    with JupyterLab(folder) as lab, lab.browser() as browser:
        notebook = browser.open("lesson.ipynb")
        notebook.run_all()
        notebook.screenshot("lesson.png")

The server listens on a free loopback port with a token of its own; settings, data and run-time files live in a
temporary folder, so that neither the developer's JupyterLab nor the checkout sees any of it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil

from grading.front.lab import LABEXTENSIONS

from .notebook import Notebook

#: Where Debian, Ubuntu and others put Chromium; CHROMIUM overrides.
_CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")

_CHROMIUM_FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


def chromium() -> str | None:
    """Return the path of a Chromium on this machine, or None."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _CHROMIUM_NAMES)), None)


class JupyterLab:
    """A JupyterLab server that serves one folder."""

    def __init__(self, folder: str | Path, *, workspace: str | Path | None = None, start_within_s: float = 240) -> None:
        """Describe the server; ``with`` starts it.

        Args:
            folder: Notebooks; kernels start in it.
            workspace: Where the lessons keep their results (SERVING_LABS_WORKSPACE); a temporary folder when None.
            start_within_s: Seconds after which a server that does not answer counts as broken.
        """
        self.folder, self._workspace, self._start_within_s = Path(folder), workspace, start_within_s
        self.token = secrets.token_hex(16)

    def __enter__(self) -> JupyterLab:
        self._home = tempfile.TemporaryDirectory(prefix="jupyterlab-test-")
        home = Path(self._home.name)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = os.environ | {f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in ("CONFIG", "DATA")}
        environment |= {"JUPYTER_RUNTIME_DIR": str(home / "runtime"), "IPYTHONDIR": str(home / "ipython")}
        environment |= {"JUPYTERLAB_SETTINGS_DIR": str(home / "settings")}
        environment |= {"JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces")}
        # The one question that JupyterLab asks at its first start would cover part of every picture.
        news = home / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
        news.parent.mkdir(parents=True)
        news.write_text('{"fetchNews": "false", "checkForUpdates": false}')
        environment["SERVING_LABS_WORKSPACE"] = str(self._workspace or home / "results")
        self.log_path = home / "jupyterlab.log"
        with self.log_path.open("wb") as log:
            self._server = subprocess.Popen(
                self._command(),
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        # A server that is asked to end waits some seconds for its kernels, which hold nothing that anybody misses.
        family = []
        with contextlib.suppress(psutil.NoSuchProcess):
            family = psutil.Process(self._server.pid).children(recursive=True)
        self._server.kill()
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        self._server.wait()
        psutil.wait_procs(family, timeout=20)
        self._home.cleanup()

    def url(self, path: str) -> str:
        """Return the address at which JupyterLab opens a file of the folder, alone in the main area."""
        return f"http://127.0.0.1:{self.port}/lab/tree/{path}?token={self.token}&reset"

    @contextlib.contextmanager
    def browser(self, *, width: int = 1280, height: int = 1400) -> Iterator[Browser]:
        """Yield a headless Chromium window.

        Args:
            width: Of the window, in pixels.
            height: Of the window, in pixels; JupyterLab renders what is on screen.
        """
        from playwright.sync_api import sync_playwright

        with sync_playwright() as driver:
            window = driver.chromium.launch(executable_path=chromium(), headless=True, args=list(_CHROMIUM_FLAGS))
            try:
                page = window.new_page(viewport={"width": width, "height": height}, device_scale_factor=1.5)
                page.set_default_timeout(60_000)
                yield Browser(self, page)
            finally:
                window.close()

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
            "LabApp.expose_app_in_browser": True,
            "IdentityProvider.token": self.token,
        }
        return [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())]

    def _wait_until_it_answers(self) -> None:
        give_up_s = time.monotonic() + self._start_within_s
        while time.monotonic() < give_up_s:
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api?token={self.token}", timeout=5)
                return
            if self._server.poll() is not None:
                break
            time.sleep(0.2)
        raise RuntimeError(f"JupyterLab did not start:\n{self.log_path.read_text(errors='replace')[-3000:]}")


class Course(JupyterLab):
    """The course's own JupyterLab, with the options that ``msl lab`` gives it."""

    def _command(self) -> list[str]:
        own = (
            "--ServerApp.jpserver_extensions=grading.front.server=True",
            f"--LabApp.extra_labextensions_path={LABEXTENSIONS}",
        )
        return [*super()._command(), *own, "--LabApp.default_url=/lab"]


class Browser:
    """A window on a JupyterLab."""

    def __init__(self, lab: JupyterLab, page: object) -> None:
        """Keep the playwright page that shows it."""
        self.lab, self.page = lab, page

    def open(self, path: str) -> Notebook:
        """Return a notebook of the server's folder, opened and with its kernel ready."""
        self.page.goto(self.lab.url(path))
        self.page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=180_000)
        notebook = Notebook(self.page)
        notebook.command("application:toggle-left-area")  # the file browser takes a quarter of the width
        self.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.ready")
        notebook.wait_idle()
        return notebook
