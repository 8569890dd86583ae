"""The course as a git repository for students: each version a commit, so that ``msl update`` and nbgitpuller can merge.

The repository holds what the archive holds and nothing else, in its history too: the course's own repository, whose
history has the answers, is never its parent. Push it to where students clone from. Its versions follow each other, as
merging needs: keep the folder, or clone it again before the next version.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from provisioning.archive import unpack
from provisioning.testbed.errors import ProvisioningError
from provisioning.trovi import package

BRANCH = "main"

#: What a student's work and set-up leave in the folder: git neither shows nor touches it.
_IGNORED = """\
/workspace/
/.venv/
__pycache__/
.ipynb_checkpoints/
*.egg-info/
"""

#: Folders that students never get. A repository that has one is not the template but the course itself.
_OURS = ("grading/answers", "tests")


class TemplateError(ProvisioningError):
    """The students' repository cannot be written."""

    likely = "The folder belongs to something else."
    way_out = "Name an empty or new folder, or the one that an earlier version was written to."


@dataclass(frozen=True)
class Version:
    """One version of the students' repository."""

    #: Of the commit.
    commit: str
    #: Files that the version has, and how many of them differ from the one before.
    files: int
    changed: int


def write_version(root: Path, repository: Path, message: str) -> Version | None:
    """Commit the student's files as the next version of a repository; return None where nothing has changed.

    Args:
        root: The course.
        repository: Folder of the students' repository; made where it is missing.
        message: Of the commit, which students see: what is new.

    Raises:
        TemplateError: The folder holds the course itself, something that is no repository, or work of somebody's.
        ValueError: A file holds an answer or a key.
    """
    _require_template(root, repository)
    with tempfile.TemporaryDirectory() as folder:
        archive = package.build(root, Path(folder) / "course.tar.gz")
        for name in _git(repository, "ls-files", "-z").split("\0"):
            if name:
                (repository / name).unlink(missing_ok=True)
        with tarfile.open(archive.path) as packed:
            unpack(packed, repository)
    (repository / ".gitignore").write_text(_IGNORED, encoding="utf-8")
    _git(repository, "add", "--all")
    # By name, whatever the rules of the computer's own ignore file are.
    _git(repository, "add", "--force", "--pathspec-from-file=-", "--pathspec-file-nul", given="\0".join(archive.files))
    changed = len(_git(repository, "diff", "--cached", "--name-only").splitlines())
    if not changed:
        return None
    author = ("-c", "user.name=Model serving labs", "-c", "user.email=labs@localhost", "-c", "commit.gpgsign=false")
    _git(repository, *author, "commit", "--quiet", "--message", message)
    return Version(_git(repository, "rev-parse", "HEAD").strip(), len(archive.files), changed)


def link(hub: str, url: str) -> str:
    """Return the nbgitpuller link that brings the course, or its next version, into a Hub user's folder.

    Args:
        hub: Address of a JupyterHub that has nbgitpuller.
        url: Where students clone from.
    """
    folder = url.rstrip("/").rpartition("/")[2].removesuffix(".git")
    query = {"repo": url, "branch": BRANCH, "urlpath": f"lab/tree/{folder}/README.md"}
    return f"{hub.rstrip('/')}/hub/user-redirect/git-pull?{urlencode(query)}"


def _require_template(root: Path, repository: Path) -> None:
    place, course = repository.resolve(), root.resolve()
    is_new_inside = course in place.parents and not (place / ".git").exists() and not _is_ignored(course, place)
    if place == course or is_new_inside:
        raise TemplateError(f"{repository} lies in the course's own repository")
    if not (repository / ".git").exists():
        if repository.exists() and any(repository.iterdir()):
            raise TemplateError(f"{repository} is not empty, and no repository")
        repository.mkdir(parents=True, exist_ok=True)
        _git(repository, "init", "--quiet", "--initial-branch", BRANCH)
        return
    # All branches and tags, since a push may take any of them along.
    if _git(repository, "log", "--all", "--format=%H", "--max-count=1", "--", *_OURS).strip():
        raise TemplateError(f"the history of {repository} has {' or '.join(_OURS)}: it is no students' repository")
    if dirty := _git(repository, "status", "--porcelain").splitlines():
        raise TemplateError(
            f"{repository} has {len(dirty)} changes that nobody committed: {dirty[0][3:]}",
            likely="Somebody edited the students' files there.",
            way_out="Make the change in the course itself, and `git checkout .` there.",
        )


def _is_ignored(course: Path, place: Path) -> bool:
    """Return whether the course's own git leaves a folder alone, as it does with ``dist/``."""
    done = subprocess.run(["git", "-C", course, "check-ignore", "--quiet", place], capture_output=True, check=False)
    return done.returncode == 0


def _git(repository: Path, *arguments: str, given: str = "") -> str:
    # A hook's or a worktree's variables would lead git elsewhere.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", repository, *arguments],
            input=given,
            capture_output=True,
            text=True,
            check=False,
            env={**environment, "LC_ALL": "C"},
        )
    except FileNotFoundError as error:
        raise TemplateError(
            "git is not installed",
            likely="It was not needed here before.",
            way_out="Debian, Ubuntu: sudo apt install git",
        ) from error
    if done.returncode:
        raise TemplateError(f"git {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
