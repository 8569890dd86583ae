"""A student's app as a child process, in the environment of the engine."""

from collections.abc import Iterable
from pathlib import Path

from labs.runtimes.progress import OnProgress, part, silent
from labs.runtimes.providers import install
from labs.serve import running
from labs.workspace import PROJECT_DIR, require_written


def start(
    app: str | Path, *, ports: int | Iterable[int] = 0, on_progress: OnProgress = silent
) -> running.Service:
    """Return a student's app as a ready service on loopback, which ends with this process; if its
    process is killed, uvicorn's supervisor starts it again.

    Raises:
        NotWrittenError: The app, or a program beside it, is not written yet.
        EnvironmentUnavailableError: There is no environment for the model on this machine.
        ChildError: It ended, or never answered; the message holds the end of its log.
    """
    path = Path(app).resolve()
    require_written([path, *sorted(path.parent.glob("*.py"))])
    python = install("genai", part(on_progress, 0.0, 0.6)).python
    service = running.start(
        "labs.deeper.tokens.host:app",
        python=python,
        server="labs.deeper.tokens.supervised",
        port=ports,
        APP=path,
        PYTHONPATH=PROJECT_DIR,
        PYTHONHOME="",
    )
    on_wait = part(on_progress, 0.6, 1.0)
    return running.wait_until_ready(
        service,
        path="/health",
        within_s=180.0,
        on_progress=lambda done, _: on_wait(done, "loading the model"),
    )
