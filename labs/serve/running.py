"""A server as a child process: started, waited for, and gone without a trace when it is stopped."""

import os
import socket
import sys
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from labs.runtimes import child
from labs.runtimes.child import Child
from labs.runtimes.loopback import listen
from labs.runtimes.progress import OnProgress, silent
from labs.workspace import require_written, workspace_dir

#: The course's service, and GourmetGram's page, as uvicorn names apps.
SERVICE, PAGE = "labs.serve.app:app", "labs.serve.page.app:app"


class Service(Child):
    """A running server."""

    def __init__(self, url: str, child: Child) -> None:
        """Name a started process's address."""
        super().__init__(child.process, child.log_path)
        self.url = url


#: What ``serve_app`` has started in this process; one of each app at most.
_SERVED: dict[str, Service] = {}


def start(
    app: str = SERVICE,
    *,
    folder: Path | None = None,
    port: int | Iterable[int] = 0,
    log_path: Path | None = None,
    python: str | Path = sys.executable,
    server: str = "uvicorn",
    **variables: object,
) -> Service:
    """Start an app as ``uvicorn`` does, and return at once, whether or not it is ready.

    Args:
        app: It, as 'module:name'.
        port: Port to listen on, or several in the order in which they are tried; a free one when 0.
        log_path: File for its output; one in the workspace when None.
        python: Interpreter of the environment that it runs in.
        server: Module that serves it, with uvicorn's options.
        variables: Environment variables of the app, beside those of this process.

    Raises:
        PortsTakenError: The port is taken, or all of them are.
    """
    # The parent listens and the child inherits the socket. So no other program can take the port in
    # between, and an early client waits in the socket's own queue instead of being refused.
    with listen(ports=port) as ours:
        # uvicorn takes an inherited socket for a Unix one, so that asyncio would leave this out.
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        host, bound_port = ours.getsockname()
        descriptor = ours.fileno()
        if log_path is None:
            log_path = workspace_dir() / "logs" / f"app-{bound_port}.log"
        texts = {name: str(value) for name, value in variables.items()}
        process = child.start(
            [python, "-m", server, app, "--fd", descriptor, "--log-level", "warning"],
            log_path,
            environment=os.environ | texts,
            folder=folder,
            sockets=[descriptor],
        )
    return Service(f"http://{host}:{bound_port}", process)


def serve_app(folder: Path | None = None, *, app: str = "app:app", **how: Any) -> Service:
    """Start an app that answers ``GET /healthz``, as ``start`` does, and return it when it answers.

    The one that this process served here before is stopped first: a cell that is run twice leaves
    one service.

    Raises:
        NotWrittenError: A program in the folder is not written yet.
        PortsTakenError: The port is taken, or all of them are.
        ChildError: It ended, or takes too long.
    """
    if folder is not None:
        module = app.partition(":")[0]
        require_written([folder / f"{module}.py", *sorted(folder.glob("*.py"))])
    if app in _SERVED:
        _SERVED.pop(app).stop()
    _SERVED[app] = start(app, folder=folder, **how)
    return wait_until_ready(_SERVED[app])


def wait_until_ready(
    service: Service,
    *,
    path: str = "/healthz",
    within_s: float = 120.0,
    on_progress: OnProgress = silent,
) -> Service:
    """Return the service when it answers 200 on a path.

    Raises:
        ChildError: It ended, or takes too long. It is stopped then.
    """
    url = service.url + path
    service.wait_for(lambda: _answers(url), what=url, within_s=within_s, on_progress=on_progress)
    return service


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return reply.status == 200
    except OSError:  # refusals by a status are among them
        return False
