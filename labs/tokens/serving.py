"""A student's app as a child process, in the environment of the engine."""

import os
from collections.abc import Iterable
from pathlib import Path

from labs.runtimes import child
from labs.runtimes.loopback import listen
from labs.runtimes.progress import OnProgress, part, silent
from labs.runtimes.providers import install
from labs.serve.running import Service, wait_until_ready
from labs.workspace import PROJECT_DIR, workspace_dir


def start(app: str | Path, *, ports: int | Iterable[int] = 0, on_progress: OnProgress = silent) -> Service:
    """Return a student's app as a ready service on loopback, which ends with this process.

    Raises:
        EnvironmentUnavailableError: There is no environment for the model on this machine.
        ChildError: It ended, or never answered; the message holds the end of its log.
    """
    python = install("genai", part(on_progress, 0.0, 0.6)).python
    misleading = ("PYTHONHOME", "VIRTUAL_ENV")
    variables = {name: value for name, value in os.environ.items() if name not in misleading}
    variables |= {"PYTHONPATH": str(PROJECT_DIR)}
    with listen("127.0.0.1", ports) as listening:
        port = listening.getsockname()[1]
        app_process = child.start(
            [python, "-m", "labs.tokens.host", Path(app).resolve(), listening.fileno()],
            workspace_dir() / "logs" / f"tokens-{port}.log",
            environment=variables,
            sockets=[listening.fileno()],
        )
    service = Service(f"http://127.0.0.1:{port}", app_process)
    told = part(on_progress, 0.6, 1.0)
    return wait_until_ready(
        service, path="/openapi.json", within_s=180.0, on_progress=lambda done, _: told(done, "loading the model")
    )
