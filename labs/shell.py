"""Command lines for the reader's own shell: a message's command can be pasted there unchanged.

An environment need not be active, and a login shell forgets what JupyterLab put on the PATH; a
kernel's folder is not the one in which its reader opens a terminal; Chameleon's Jupyter has the
course as a folder, and installs nothing.
"""

import os
import shlex
import shutil
import sys
import sysconfig
from pathlib import Path

#: The checkout that holds this package. This file imports no other module of the course, so that
#: every other one may import it.
_COURSE = Path(__file__).resolve().parents[1]

#: Files by which a folder of the course is known, the students' and the authors'.
_MARKS = ("assignment.toml", "labs/shell.py", "provisioning/environment.py")

#: Folder of this environment's programs. It has ``msl`` where the course is installed.
_PROGRAMS = Path(sysconfig.get_path("scripts"))


def msl(words: str, *, at_home: bool = False) -> str:
    """Return the line that runs ``msl``.

    Args:
        words: Its arguments; the reader replaces what is in capitals.
        at_home: For the reader's own computer, in the course's folder there, if this may be another
            machine.
    """
    if at_home:
        return f".venv/bin/msl {words}"
    program = _PROGRAMS / "msl"
    if not program.exists():
        return python(f"provisioning.front.command {words}")
    return f"{_typed(program)} {words}"


def python(words: str) -> str:
    """Return the line that runs a module with this environment's Python; ``words`` begin with the
    module's name.
    """
    line = f"{_typed(Path(sys.executable))} -m {words}"
    anywhere = (_PROGRAMS / "msl").exists() or _in_course()
    return line if anywhere else f"cd {_quoted(_COURSE)} && {line}"


def setup(target: str = "setup") -> str:
    """Return the command that makes or updates the environment."""
    if _in_course():
        return f"make {target}"
    return f"make -C {_quoted(_COURSE)} {target}"


def rehearse() -> str:
    """Return the line that starts the rehearsal and turns the reader's shell to it."""
    return f'eval "$({msl("rehearsal up")})"'


def other_course(start: Path) -> Path | None:
    """Return the course's folder that holds a path, if these packages belong to another one; None
    if they belong there.

    Args:
        start: A file or a folder.
    """
    path = start.resolve()
    for folder in (path, *path.parents):
        if all((folder / name).is_file() for name in _MARKS):
            return None if folder.samefile(_COURSE) else folder
    return None


def belongs_elsewhere(what: str, folder: Path, *, notebook: bool = False) -> str:
    """Return a warning that this environment belongs to another folder of the course, and the fix.

    Args:
        what: The file in the other folder, as the sentence's subject, such as "This notebook".
        folder: The other folder, as ``other_course`` returns it.
        notebook: Whether the reader looks at a notebook rather than a terminal.
    """
    is_own_environment = Path(sys.prefix).resolve().is_relative_to(_COURSE)
    place = _quoted(folder)
    if is_own_environment or (folder / ".venv").is_dir():
        if notebook:
            fix = f"open it with `make -C {place} lab`."
        else:
            program = _quoted(folder / ".venv" / "bin" / "msl")
            fix = f"run `make -C {place} setup` once, then type `{program}` in place of `msl`."
    else:
        interpreter = _quoted(Path(sys.executable))
        install = f"cd {place} && {interpreter} -m pip install --no-deps --editable ."
        fix = (
            f"run `{install}`, so that this Python runs that folder; then restart the kernel, if "
            "you have one."
        )
    return (
        f"{what} is in {folder}, but this Python runs the course in {_COURSE}, whose results it "
        "would read and write. Likely: one folder is a copy of the other, or you activated the "
        f"environment of the other. Fix: {fix}"
    )


def _typed(program: Path) -> str:
    """Return a program by its name, from the course's folder, or from anywhere: the shortest that
    works.
    """
    if _in_terminal() and shutil.which(program.name) == str(program):
        return program.name
    if _in_course() and program.is_relative_to(_COURSE):
        return str(program.relative_to(_COURSE))
    return _quoted(program)


def _in_terminal() -> bool:
    """Return whether this process is the reader's own command: not a kernel, not Jupyter's
    server.
    """
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is None and "jupyter_server.serverapp" not in sys.modules


def _in_course() -> bool:
    return _in_terminal() and os.path.samefile(".", _COURSE)  # noqa: PTH121 - a folder that is gone has no Path.cwd()


def _quoted(path: Path) -> str:
    """Return a path as a shell reads it, below ``~`` if that needs no quotes."""
    home = Path("~").expanduser()
    if path.is_relative_to(home):
        below = str(path.relative_to(home))
        if shlex.quote(below) == below:
            return f"~/{below}"
    return shlex.quote(str(path))
