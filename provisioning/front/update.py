"""``msl update``: the course's next version, merged into a student's folder by nbgitpuller; the
student's work stays.

nbgitpuller promises three things. If student and course changed the same lines, the student's lines
stay. A deleted file comes back. If a new file of the course has the name of a student's file, the
student's file is renamed. The workspace is outside the repository. nbgitpuller does not know that a
notebook is JSON, so this module repairs a notebook that the merge broke.
"""

import json
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

from labs.shell import python, setup
from labs.workspace import PROJECT_DIR
from provisioning.front.lab import LabError

#: Files that students' repositories never have.
_AUTHORS = ("grading", "tests")


def update(say: Callable[[str], None], folder: Path = PROJECT_DIR) -> None:
    """Bring the next version of the course.

    Raises:
        LabError: It is no clone of that, or its origin cannot be reached; the message says what to
            do.
    """
    if not (folder / ".git").exists():
        raise LabError(
            f"{folder} is no git clone, so nothing can be merged into it. Fix: clone the "
            "course from the address on your course's page, and copy workspace/ and your "
            "notebooks there."
        )
    if any((folder / name).exists() for name in _AUTHORS):
        raise LabError(f"{folder} is the course's own repository: use git pull.")
    origin = _git(folder, "remote", "get-url", "origin")
    before = _git(folder, "rev-parse", "HEAD")
    base = _git(folder, "merge-base", "HEAD", "origin/HEAD")
    changed = _git(folder, "diff", "--name-only", "-z", base).split("\0")
    students = {}
    for name in changed:
        if name.endswith(".ipynb") and (folder / name).is_file():
            students[name] = (folder / name).read_bytes()
    for line in _pull(folder, origin):
        if line.startswith("Renamed "):
            say(line.strip())
    after = _git(folder, "rev-parse", "origin/HEAD")
    for name, content in students.items():
        try:
            json.loads((folder / name).read_bytes())
        except ValueError:  # merged, it is no notebook any more
            beside = f"{name.removesuffix('.ipynb')}_yours.ipynb"
            (folder / beside).write_bytes(content)
            new_version = _git(folder, "show", f"origin/HEAD:{name}")
            (folder / name).write_bytes(new_version.encode() + b"\n")
            say(
                f"{name}: your version and the new one do not go together. Yours is beside it, "
                f"as {beside}."
            )
    moved = _git(folder, "diff", "--name-only", before, after).splitlines()
    if _git(folder, "merge-base", before, after) == after:
        say("The course is as new as it gets.")
        return
    version = _git(folder, "log", "-1", "--format=%s (%ad)", "--date=short", after)
    say(f"The course is at {version}. Your work is kept.")
    if {"pyproject.toml", "constraints.txt"} & set(moved):
        say(f"Packages have changed: run `{setup()}`, then restart JupyterLab.")


def _pull(folder: Path, origin: str) -> Iterable[str]:
    try:
        from nbgitpuller.pull import GitPuller
    except ImportError as error:
        install = python("pip install nbgitpuller")
        raise LabError(
            f"nbgitpuller, which merges the next version, is missing: run `{install}`."
        ) from error
    try:
        _git(folder, "remote", "set-head", "origin", "--auto")
        branch = _git(folder, "rev-parse", "--abbrev-ref", "origin/HEAD").removeprefix("origin/")
        yield from GitPuller(origin, str(folder), branch=branch).pull()
    except subprocess.CalledProcessError as error:
        command = " ".join(map(str, error.cmd[:2]))
        raise LabError(
            f"git could not finish ({command}). Fix: connect to the network and try again. If it "
            f"fails again, clone {origin} once more, and copy workspace/ and your notebooks there."
        ) from error


def _git(folder: Path, *arguments: str) -> str:
    line = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        command = " ".join(arguments[:2])
        raise LabError(
            f"git {command}: {done.stderr.strip()}. Fix: connect and try again; "
            f"`git -C {folder} remote -v` should show the address on your course's page."
        )
    return done.stdout.strip()
