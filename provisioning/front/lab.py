"""Starting JupyterLab on the course, the front page first; ports and browser are JupyterLab's own matter."""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from labs.course.lessons import Lesson
from labs.workspace import PROJECT_DIR, workspace_dir

#: Folder of the front page's part that runs in the browser.
LABEXTENSIONS = Path(__file__).resolve().parent / "labextensions"

#: Folder of what JupyterLab would else ask or do by itself: its question about news, and looking for its own updates.
SETTINGS = LABEXTENSIONS.with_name("settings")


class LabError(OSError):
    """JupyterLab cannot be started; the message says why and what to do."""


def command(arguments: Sequence[str] = (), lesson: Lesson | None = None) -> list[str]:
    """Return the command line that opens the course, or one lesson of it; JupyterLab's own options win.

    Raises:
        LabError: Results cannot be written.
    """
    if why := unwritable(workspace_dir()):
        raise LabError(
            f"{workspace_dir()} cannot be written ({why}), and that is where your results go. Way out: copy the course "
            "to a folder of your own, or name one: export SERVING_LABS_WORKSPACE=~/serving-labs-results"
        )
    options = {
        # In a container one is root, and JupyterLab would refuse; it listens on loopback and asks for its token.
        "ServerApp.allow_root": True,
        "ServerApp.root_dir": PROJECT_DIR,
        "ServerApp.jpserver_extensions": "provisioning.front.server=True",
        # Lessons before the folders of the course's own code; the workspace stays one step up.
        "FileContentsManager.preferred_dir": "notebooks",
        "LabApp.extra_labextensions_path": LABEXTENSIONS,
        "LabApp.app_settings_dir": SETTINGS,
        "LabApp.default_url": f"/lab/tree/{lesson.notebook.relative_to(PROJECT_DIR).as_posix()}"
        if lesson
        else "/lab",
    }
    # What is named twice is an error to traitlets.
    given = {argument.partition("=")[0] for argument in arguments}
    own = [f"--{name}={value}" for name, value in options.items() if f"--{name}" not in given]
    return [sys.executable, "-m", "jupyterlab", *own, *arguments]


def start(arguments: Sequence[str] = (), lesson: Lesson | None = None) -> None:
    """Become JupyterLab; arguments and errors as for ``command``."""
    line = command(arguments, lesson)
    # With the course's programs on the PATH of JupyterLab's terminals.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    sys.stdout.flush()
    os.execve(line[0], line, {**os.environ, "PATH": path})


def unwritable(folder: Path) -> str:
    """Return why nothing can be written in a folder, or where it will be made; an empty text where it can."""
    existing = next(
        path for path in (folder.absolute(), *folder.absolute().parents) if path.exists()
    )
    try:
        # Trying it: permissions say nothing of a full disk, and root may everything but write to what is read-only.
        with tempfile.TemporaryFile(dir=existing) as probe:
            probe.write(b"x")
    except OSError as error:
        return error.strerror or str(error)
    return ""
