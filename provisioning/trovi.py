"""``python -m provisioning trovi …``: the students' files as an archive, as a git repository, and
ready for Trovi.

Trovi, Chameleon's collection of launchable artifacts, imports a GitHub repository with a
``trovi.json`` at its root; the page for instructors explains its content.

The students' repository has each version as a commit, so that ``msl update`` and nbgitpuller can
merge. It holds only the archive's files, in its history too: the course's own repository, whose
history has the answers, is never its parent. Keep the folder, or clone it again before the next
version: merging needs that they follow each other.
"""

import os
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from labs.course.assignment import assignment
from labs.workspace import PROJECT_DIR, checkout_path
from provisioning.node.archive import pack, student_files, unpack
from provisioning.testbed.errors import ProvisioningError

BRANCH = "main"

#: Files of a student's work and set-up, which git ignores.
_IGNORED = """\
/workspace/
/.venv/
__pycache__/
.ipynb_checkpoints/
*.egg-info/
"""

#: Folders that students never get. A repository that has one is not the students' but the course
#: itself.
_OURS = ("grading", "notebooks/source", "tests")


class TemplateError(ProvisioningError):
    """The students' repository cannot be written."""

    likely = "The folder belongs to something else."
    way_out = "Name an empty or new folder, or the one that an earlier version was written to."


@dataclass(frozen=True)
class ArtifactVersion:
    """One version of the students' repository."""

    commit: str
    #: Files that the version has, and how many of them differ from the one before.
    files: int
    changed: int


def write_version(root: Path, repository: Path, message: str) -> ArtifactVersion | None:
    """Commit the student's files as the next version of a repository, whose message students see;
    None if none changed.

    Raises:
        TemplateError: The folder holds the course itself, files that are not a repository, or
            another person's work.
        ValueError: A file holds an answer or a key.
        AssignmentError: The assignment has a fault.
    """
    _require_template(root, repository)
    assignment(root / "assignment.toml")
    with tempfile.TemporaryDirectory() as folder:
        archive = pack(root, Path(folder) / "course.tar.gz")
        for name in _git(repository, "ls-files", "-z").split("\0"):
            if name:
                (repository / name).unlink(missing_ok=True)
        with tarfile.open(archive.path) as packed:
            unpack(packed, repository)
    (repository / ".gitignore").write_text(_IGNORED, encoding="utf-8")
    _git(repository, "add", "--all")
    # By name, whatever the rules of the computer's own ignore file are.
    _git(
        repository,
        "add",
        "--force",
        "--pathspec-from-file=-",
        "--pathspec-file-nul",
        given="\0".join(archive.files),
    )
    changed = len(_git(repository, "diff", "--cached", "--name-only").splitlines())
    if not changed:
        return None
    author = (
        "-c",
        "user.name=Model serving labs",
        "-c",
        "user.email=labs@localhost",
        "-c",
        "commit.gpgsign=false",
    )
    _git(repository, *author, "commit", "--quiet", "--message", message)
    return ArtifactVersion(
        _git(repository, "rev-parse", "HEAD").strip(), len(archive.files), changed
    )


def _require_template(root: Path, repository: Path) -> None:
    place = repository.resolve()
    course = root.resolve()
    is_repository = (repository / ".git").exists()
    inside = course in place.parents and not is_repository
    if place == course or inside:
        raise TemplateError(f"{repository} is inside the course's own repository")
    if not is_repository:
        if repository.exists() and any(repository.iterdir()):
            raise TemplateError(f"{repository} is not empty, and no repository")
        repository.mkdir(parents=True, exist_ok=True)
        _git(repository, "init", "--quiet", "--initial-branch", BRANCH)
        return
    # All branches and tags, since a push may take any of them along.
    if _git(repository, "log", "--all", "--format=%H", "--max-count=1", "--", *_OURS).strip():
        raise TemplateError(
            f"the history of {repository} has {' or '.join(_OURS)}: it is no students' repository"
        )
    changes = _git(repository, "status", "--porcelain").splitlines()
    if changes:
        first_file = changes[0][3:]
        raise TemplateError(
            f"{repository} has {len(changes)} changes that nobody committed: {first_file}",
            likely="Somebody edited the students' files there.",
            way_out="Make the change in the course itself, and `git checkout .` there.",
        )


def _git(repository: Path, *arguments: str, given: str = "") -> str:
    # A hook's or a worktree's variables would lead git to another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment["LC_ALL"] = "C"
    command = ["git", "-C", str(repository), *arguments]
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        why = done.stderr.strip() or done.stdout.strip()
        raise TemplateError(f"git {arguments[0]}: {why}")
    return done.stdout


def _changed_s(root: Path) -> int:
    """Return when the course last changed, in seconds since 1970: its last commit's time, or its
    youngest file's.
    """
    try:
        return int(_git(root, "log", "-1", "--format=%ct"))
    except (TemplateError, OSError):  # no repository, or no git
        files = [checkout_path(name, root) for name in student_files(root)]
        return int(max(file.stat().st_mtime for file in files))


app = typer.Typer(
    no_args_is_help=True, help="Pack the course for students, as an archive or repository."
)
_ROOT = typer.Option("--root", help="The course's root folder.")


@app.command()
def build(
    target: Annotated[Path, typer.Argument(help="The archive to write.")] = PROJECT_DIR
    / "dist"
    / "model-serving-labs.tar.gz",
    root: Annotated[Path, _ROOT] = PROJECT_DIR,
    flat: Annotated[
        bool, typer.Option("--flat", help="Without a folder of its own, as Trovi takes it.")
    ] = False,
) -> None:
    """Write the students' archive, without answers and tests. It unpacks into one new folder."""
    assignment(root / "assignment.toml")
    folder = "" if flat else "model-serving-labs"
    archive = pack(root, target, folder=folder, date_s=_changed_s(root))
    size_mb = archive.path.stat().st_size / 1e6
    typer.echo(f"{archive.path}: {len(archive.files)} files, {size_mb:.1f} MB packed")
    typer.echo(f"sha256 {archive.sha256}")


@app.command()
def template(
    repository: Annotated[
        Path, typer.Argument(help="Folder of the students' repository; made where it is missing.")
    ],
    message: Annotated[
        str, typer.Option("--message", "-m", help="What is new, as students will read it.")
    ],
    url: Annotated[str, typer.Option(help="Where students will clone it from.")] = "",
    root: Annotated[Path, _ROOT] = PROJECT_DIR,
) -> None:
    """Commit the next version of the repository that students clone. It holds what the archive
    does.
    """
    version = write_version(root, repository, message)
    if version is None:
        typer.echo(f"nothing has changed since the last version in {repository}")
    else:
        commit = version.commit[:10]
        typer.echo(f"{commit}: {version.files} files, {version.changed} changed")
        typer.echo(f"to publish it: git -C {repository} push {url or 'URL'} {BRANCH}")
