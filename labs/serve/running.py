"""A server as a child process: started, waited for, watched, and gone without a trace when it is stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from labs.loopback import listen
from labs.progress import OnProgress, silent
from labs.serve.page.settings import PageSettings
from labs.serve.settings import Settings
from labs.workspace import workspace_dir

#: The service that most tutorials end with, to compare with.
BEFORE = "labs.serve.before:app"


class ServiceError(RuntimeError):
    """A service did not start, or ended by itself; the message ends with what its log says."""


@dataclass(frozen=True)
class Service:
    """A running server."""

    #: Where it answers, such as 'http://127.0.0.1:43121'.
    url: str
    #: Its process.
    process: subprocess.Popen
    #: What it prints goes here.
    log_path: Path

    @property
    def pid(self) -> int:
        """Number of its process."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def memory_bytes(self) -> int:
        """Return the memory that it and its own processes hold right now (resident sets)."""
        import psutil

        parent = psutil.Process(self.pid)
        return sum(one.memory_info().rss for one in (parent, *parent.children(recursive=True)))

    def log(self, characters: int = 2000) -> str:
        """Return the end of its log."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")[-characters:]

    def stop(self, within_s: float = 30.0) -> int:
        """Let it finish what it is answering, end it, and return its exit status; again is fine.

        Args:
            within_s: Seconds after which it is ended the hard way.
        """
        if self.alive:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(within_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
        if self.process.stdin:
            self.process.stdin.close()
        return self.process.wait()

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(
    settings: Settings | PageSettings,
    *,
    app: str = "",
    host: str = "127.0.0.1",
    port: int | Iterable[int] = 0,
    log_path: Path | None = None,
    environment: Mapping[str, str] | None = None,
    options: Mapping[str, object] | None = None,
) -> Service:
    """Start a server and return at once, whether or not it is ready.

    Args:
        settings: What it serves, the service's or the page's; handed over as environment variables.
        app: Another app than the course's service, as 'module:name': ``BEFORE``, for one.
        host: Address to listen on; loopback unless the network is really meant.
        port: Port to listen on, or several in the order in which they are tried; a free one when 0.
        log_path: File for what it prints; one in the workspace when None.
        environment: More variables for its process.
        options: More options of ``python -m labs.serve``, such as ``{"stop_within_s": 5}``.

    Raises:
        PortsTakenError: The port is taken, or all of them are.
    """
    # The parent listens and the child inherits the socket: the port cannot be lost to somebody else in between, and
    # whoever connects early waits in the socket's own queue instead of being refused.
    with listen(host, port) as ours:
        bound_host, bound_port = ours.getsockname()
        log_path = log_path or workspace_dir() / "logs" / f"service-{bound_port}.log"
        log_path.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "labs.serve", "--app", app or settings.APP, "--fd", str(ours.fileno())]
        for name, value in (options or {}).items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        # Ours decide, not those of whoever started the notebook.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(Settings.PREFIX)}
        with log_path.open("ab") as log:
            process = subprocess.Popen(
                # A pipe that nobody writes to: when this process ends, however it ends, the child reads its end.
                [*command, "--ends-with-input"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**inherited, **settings.to_environment(), **(environment or {})},
                pass_fds=[ours.fileno()],
                start_new_session=True,  # an interrupt of the cell is not an interrupt of the server
            )
    # Whoever is bound to every address is reached by loopback from here.
    shown = "127.0.0.1" if bound_host == "0.0.0.0" else bound_host
    return Service(f"http://{shown}:{bound_port}", process, log_path)


def wait_until_ready(
    service: Service, *, path: str = "/readyz", within_s: float = 120.0, on_progress: OnProgress = silent
) -> Service:
    """Return the service when it answers 200 on a path.

    Args:
        service: A started service.
        path: What is asked; '/healthz' answers before the model is loaded.
        within_s: Seconds until it must be ready.
        on_progress: Told how long it takes; may raise ``Cancelled``.

    Raises:
        ServiceError: It ended, says that it can never be ready, or takes too long. It is stopped then.
    """
    begin_s = time.monotonic()
    try:
        while (spent_s := time.monotonic() - begin_s) < within_s:
            on_progress(min(0.99, spent_s / (spent_s + 3)), f"waiting for {service.url}{path}: {spent_s:.0f} s")
            if not service.alive:
                raise ServiceError(f"the service ended with status {service.process.returncode}:\n{service.log()}")
            if _status(service.url + path) == 200:
                on_progress(1.0, f"{service.url} is ready after {spent_s:.1f} s")
                return service
            if _status(service.url + "/healthz") == 503:
                raise ServiceError(f"the service cannot load its model:\n{service.log()}")
            time.sleep(0.02)
        raise ServiceError(f"the service was not ready within {within_s:g} s:\n{service.log()}")
    except BaseException:  # also a cancelled wait must leave no process behind
        service.stop(2)
        raise


@contextlib.contextmanager
def running(
    settings: Settings | PageSettings, *, within_s: float = 120.0, on_progress: OnProgress = silent, **how: object
) -> Iterator[Service]:
    """Yield a ready service, and stop it at the end.

    Args:
        settings: What it serves.
        within_s: Seconds until it must be ready.
        on_progress: Told about the start.
        how: What ``start`` takes.
    """
    with wait_until_ready(start(settings, **how), within_s=within_s, on_progress=on_progress) as service:
        yield service


def _status(url: str) -> int:
    """Return the status of a GET, or 0 where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0
