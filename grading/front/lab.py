"""Starting JupyterLab on the course: the front page first, and a way in from another computer."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from labs.course import Lesson
from labs.workspace import PROJECT_DIR, workspace_dir

#: Folder of the front page's part that runs in the browser.
LABEXTENSIONS = Path(__file__).resolve().parent / "labextensions"


class LabError(Exception):
    """JupyterLab cannot be started; the message says why and what to do."""


def command(
    arguments: Sequence[str] = (),
    lesson: Lesson | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    is_root: bool | None = None,
    say: Callable[[str], None] = print,
) -> list[str]:
    """Return the command line that opens the course, after saying what a person has to know about it.

    Args:
        arguments: JupyterLab's own options, which win over the course's.
        lesson: Opened in place of the front page.
        environ: Of this process.
        is_root: Whether the server will run as root; this process when None.
        say: Called with each sentence.

    Raises:
        LabError: Results cannot be written.
    """
    _require_writable(workspace_dir())
    given = list(arguments)
    root = os.geteuid() == 0 if is_root is None and hasattr(os, "geteuid") else bool(is_root)
    if root and "--allow-root" not in given:
        say("You are root: whoever gets into JupyterLab is root too. An ordinary user is safer.")
        given += ["--allow-root"]
    if is_headless(environ) and "--no-browser" not in given:
        given += ["--no-browser"]
        say("There is no screen here. On your own computer, run: ssh -N -L 8888:127.0.0.1:8888 USER@THIS-COMPUTER")
        say("Then open there the address with its token that JupyterLab prints below (with its port in place of 8888).")
    options = {
        "ServerApp.root_dir": PROJECT_DIR,
        "ServerApp.jpserver_extensions": "grading.front.server=True",
        "LabApp.extra_labextensions_path": LABEXTENSIONS,
        "LabApp.default_url": f"/lab/tree/{lesson.notebook.relative_to(PROJECT_DIR).as_posix()}" if lesson else "/lab",
    }
    return [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items()), *given]


def start(arguments: Sequence[str] = (), lesson: Lesson | None = None) -> None:
    """Become JupyterLab; arguments and errors as for ``command``."""
    line = command(arguments, lesson)
    # With the course's programs on the PATH of JupyterLab's terminals.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    sys.stdout.flush()
    os.execve(line[0], line, {**os.environ, "PATH": path})


def is_headless(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether no browser can be shown here: Linux without a display, or a session that came through SSH."""
    if sys.platform != "linux" or "WSL_DISTRO_NAME" in environ:
        return False
    return not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def _require_writable(folder: Path) -> None:
    if why := unwritable(folder):
        raise LabError(
            f"{folder} cannot be written ({why}), and that is where your results go. Way out: copy the course to a "
            "folder of your own, or name one: export SERVING_LABS_WORKSPACE=~/serving-labs-results"
        )


def unwritable(folder: Path) -> str:
    """Return why nothing can be written in a folder, or where it will be made; an empty text where it can."""
    existing = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    try:
        # Trying it: permissions say nothing of a full disk, and root may everything but write to what is read-only.
        with tempfile.TemporaryFile(dir=existing) as probe:
            probe.write(b"x")
    except OSError as error:
        return error.strerror or str(error)
    return ""
