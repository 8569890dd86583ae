"""Starting JupyterLab on the course, the front page first; ports and browser are JupyterLab's own
matter.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from labs.course.lessons import Lesson
from labs.workspace import PROJECT_DIR, workspace_dir

#: Folder of the front page's part that runs in the browser.
LABEXTENSIONS = Path(__file__).resolve().parent / "labextensions"

#: Folder of what JupyterLab would else ask or do by itself: its question about news, and looking
#: for its own updates.
SETTINGS = LABEXTENSIONS.with_name("settings")


class LabError(OSError):
    """JupyterLab cannot be started; the message gives the reason and the fix."""


def command(arguments: Sequence[str] = (), lesson: Lesson | None = None) -> list[str]:
    """Return the command line that opens the course, or one lesson of it; JupyterLab's own options
    win.

    Raises:
        LabError: Results cannot be written.
    """
    if why := unwritable(workspace_dir()):
        raise LabError(
            f"Your results are stored in {workspace_dir()}, which cannot be written ({why}). Fix: "
            "copy the course to a folder that you may write, or name such a folder: export "
            "SERVING_LABS_WORKSPACE=~/serving-labs-results"
        )
    opened = "/lab"
    if lesson:
        notebook = lesson.notebook.relative_to(PROJECT_DIR)
        opened = f"/lab/tree/{notebook.as_posix()}"
    options = {
        # It prints its address in any case.
        "--Application.log_level": "WARN",
        # In a container one is root, and JupyterLab would refuse; it listens on loopback and asks
        # for its token.
        "--ServerApp.allow_root": True,
        "--ServerApp.root_dir": PROJECT_DIR,
        "--ServerApp.jpserver_extensions": "provisioning.front.server=True",
        # Lessons before the folders of the course's own code; the workspace stays one step up.
        "--FileContentsManager.preferred_dir": "notebooks",
        "--LabApp.extra_labextensions_path": LABEXTENSIONS,
        "--LabApp.app_settings_dir": SETTINGS,
        # Open tabs belong to a folder of the course: a new clone does not open another one's.
        "--LabApp.workspaces_dir": workspace_dir() / ".jupyterlab",
        "--LabApp.default_url": opened,
    }
    # traitlets refuses an option that is given twice.
    for argument in arguments:
        options.pop(argument.partition("=")[0], None)
    own = [f"{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "jupyterlab", *own, *arguments]


def start(arguments: Sequence[str] = (), lesson: Lesson | None = None) -> None:
    """Become JupyterLab; arguments and errors as for ``command``."""
    line = command(arguments, lesson)
    # With the course's programs on the PATH of JupyterLab's terminals.
    programs = Path(sys.executable).parent
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"
    print(
        "JupyterLab opens in your browser; its address follows. Ctrl-C, twice, stops it.",
        flush=True,
    )
    os.execve(line[0], line, {**os.environ, "PATH": path})


def unwritable(folder: Path) -> str:
    """Return why nothing can be written in a folder, or where it will be made; an empty text where
    it can.
    """
    try:
        # Trying it: permissions say nothing of a full disk, and root may everything but write to
        # what is read-only.
        with tempfile.TemporaryFile(dir=existing_part(folder)) as probe:
            probe.write(b"x")
    except OSError as error:
        return error.strerror or str(error)
    return ""


def existing_part(folder: Path) -> Path:
    """Return a folder, or the nearest one above it that is there."""
    path = folder.absolute()
    while not path.exists():
        path = path.parent
    return path
