"""A server as a child process: started, waited for, watched, and gone without a trace when it is stopped."""

from __future__ import annotations

import contextlib
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from labs.runtimes import child
from labs.runtimes.child import Child, ChildError
from labs.runtimes.loopback import listen
from labs.runtimes.progress import OnProgress, silent
from labs.serve.settings import PageSettings, Settings
from labs.workspace import workspace_dir

#: The service that most tutorials end with, to compare with.
BEFORE = "labs.serve.compared.tutorial:app"


#: A service did not start, or ended by itself; the message ends with what its log says.
ServiceError = ChildError


class Service(Child):
    """A running server."""

    def __init__(self, url: str, child: Child) -> None:
        """Name a started process's address.

        Args:
            url: Where it answers, such as 'http://127.0.0.1:43121'.
            child: The process.
        """
        super().__init__(child.process, child.log_path)
        self.url = url


#: What ``serve_app`` has started in this process; one at most.
_SERVED: list[Service] = []


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
        command = [sys.executable, "-m", "labs.serve", "--app", app or settings.APP, "--fd", ours.fileno()]
        for name, value in (options or {}).items():
            command += [f"--{name.replace('_', '-')}", value]
        # Ours decide, not those of whoever started the notebook.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(Settings.PREFIX)}
        process = child.start(
            command,
            log_path or workspace_dir() / "logs" / f"service-{bound_port}.log",
            environment={**inherited, **settings.to_environment(), **(environment or {})},
            sockets=[ours.fileno()],
        )
    # Whoever is bound to every address is reached by loopback from here.
    shown = "127.0.0.1" if bound_host == "0.0.0.0" else bound_host
    return Service(f"http://{shown}:{bound_port}", process)


def serve_app(folder: Path, *, app: str = "app:app", port: int | Iterable[int] = 0, **told: object) -> Service:
    """Serve an app of one's own, as ``uvicorn app:app`` does in its folder, and return it when it answers.

    The one that this process served here before is stopped first: a cell that is run twice leaves one service.

    Args:
        folder: Where its module lies.
        app: It, as 'module:name'; it answers ``GET /healthz``.
        port: Port of loopback to listen on, or several in the order in which they are tried; a free one when 0.
        told: Environment variables for its process.

    Raises:
        PortsTakenError: The port is taken, or all of them are.
        ServiceError: It ended, or takes too long.
    """
    while _SERVED:
        _SERVED.pop().stop()
    with listen("127.0.0.1", port) as ours:
        number = ours.getsockname()[1]
        process = child.start(
            [sys.executable, "-m", "uvicorn", app, "--fd", ours.fileno(), "--log-level", "warning"],
            workspace_dir() / "logs" / f"app-{number}.log",
            environment=os.environ | {name: str(value) for name, value in told.items()},
            folder=folder,
            sockets=[ours.fileno()],
        )
    _SERVED.append(Service(f"http://127.0.0.1:{number}", process))
    return wait_until_ready(_SERVED[-1], path="/healthz")


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

    def ready() -> bool:
        if _status(service.url + "/healthz") == 503:
            raise ServiceError(f"the service cannot load its model:\n{service.log()}")
        return _status(service.url + path) == 200

    service.wait_for(ready, what=f"{service.url}{path}", within_s=within_s, on_progress=on_progress)
    return service


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
