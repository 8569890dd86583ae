"""``python -m provisioning trovi …``: what students get, as an archive, as a git repository, and ready for Trovi.

Trovi is Chameleon's collection of launchable artifacts. It imports a GitHub repository that has a ``trovi.json``, an
RO-Crate, at its root: of the root data entity it reads ``name``, ``disambiguatingDescription`` and ``description``;
``keywords`` as one text split at commas; ``author`` as a list; and of ``actionApplication`` the entities of type
SoftwareApplication that carry a ``trovi_type``. Source: ChameleonCloud/trovi, ``trovi/importing/views.py``.

The students' repository has each version as a commit, so that ``msl update`` and nbgitpuller can merge. It holds what
the archive holds and nothing else, in its history too: the course's own repository, whose history has the answers, is
never its parent. Keep the folder, or clone it again before the next version: merging needs that they follow each other.
"""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from labs.workspace import PROJECT_DIR
from provisioning.node.archive import pack, student_files, unpack
from provisioning.testbed.errors import ProvisioningError

CRATE = "trovi.json"

#: Longest texts that Trovi stores, in characters.
LIMITS = {"name": 140, "disambiguatingDescription": 200, "description": 5000}

#: What Chameleon gives a user's Jupyter beside half a core and 1 GB of memory.
STORAGE_LIMIT_BYTES = 512 * 2**20

BRANCH = "main"

#: What a student's work and set-up leave in the folder: git neither shows nor touches it.
_IGNORED = """\
/workspace/
/.venv/
__pycache__/
.ipynb_checkpoints/
*.egg-info/
"""

#: Folders that students never get. A repository that has one is not the students' but the course itself.
_OURS = ("grading/answers", "tests")


def problems(root: Path) -> list[str]:
    """Return what keeps the course from being published on Trovi; an empty list when nothing does.

    Trovi's importer answers some of these with status 200 and an error in the body, so they are looked for before.

    Args:
        root: the course.
    """
    try:
        found = [f"{CRATE}: {line}" for line in crate_problems(json.loads((root / CRATE).read_text("utf-8")))]
    except (OSError, ValueError) as error:
        found = [f"{CRATE} is missing at the root or is not JSON: {error}"]
    try:
        files = student_files(root)
        size_bytes = sum((root / name).stat().st_size for name in files)
        if size_bytes > STORAGE_LIMIT_BYTES // 2:
            found.append(f"{size_bytes / 2**20:.0f} MB of files; Chameleon's Jupyter has 512 MB for them and packages")
        if not any(name.endswith(".ipynb") for name in files):
            found.append("no notebook is in the archive")
    except (ValueError, OSError) as error:
        found.append(str(error))
    return found


def crate_problems(document: Mapping[str, Any]) -> list[str]:
    """Return what keeps Trovi from importing a crate; an empty list when nothing does."""
    graph = document.get("@graph")
    entities = {entity.get("@id"): entity for entity in graph} if isinstance(graph, list) else {}
    root = entities.get("./")
    if root is None:
        return ["there is no @graph with a root data entity './'"]
    found = []
    if entities.get(CRATE, {}).get("about") != {"@id": "./"}:
        found.append(f"the metadata entity {CRATE!r} about './' is missing, so no RO-Crate reader finds the root")
    for key, limit in LIMITS.items():
        text = root.get(key)
        if not isinstance(text, str) or not text.strip():
            found.append(f"{key} is missing")
        elif len(text) > limit:
            found.append(f"{key} has {len(text)} characters, and Trovi takes {limit}")
    keywords = root.get("keywords")
    if not isinstance(keywords, str) or not all(word.strip() for word in keywords.split(",")):
        found.append("keywords must be one text with commas, none of them with nothing beside it")
    people, applications = (_followed(root.get(key), entities) for key in ("author", "actionApplication"))
    if not people:
        found.append("author must be a list of at least one person")
    if not any(each.get("@type") == "SoftwareApplication" and each.get("trovi_type") for each in applications):
        found.append("actionApplication must list a SoftwareApplication with a trovi_type, for the launch button")
    for person in people:
        if missing := [key for key in ("name", "email", "affiliation") if not person.get(key)]:
            found.append(f"author {person.get('name') or person.get('@id')} has no {', '.join(missing)}")
        elif person["email"].endswith("@example.edu"):
            found.append(f"author {person['name']} is a placeholder: put yourself into {CRATE}")
    return found


def _followed(value: object, entities: Mapping[object, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the entities that a list refers to; none where it is no list, as the importer would see it."""
    listed = value if isinstance(value, list) else []
    return [entities.get(each.get("@id"), each) for each in listed if isinstance(each, Mapping)]


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
        archive = pack(root, Path(folder) / "course.tar.gz")
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
    if place == course or (course in place.parents and not (place / ".git").exists()):
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


def _git(repository: Path, *arguments: str, given: str = "") -> str:
    # A hook's or a worktree's variables would lead git elsewhere.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command, options = ["git", "-C", str(repository), *arguments], {"env": {**environment, "LC_ALL": "C"}}
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise TemplateError(f"git {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


app = typer.Typer(no_args_is_help=True, help="Pack the course for students, as an archive and as a git repository.")
_ROOT = typer.Option("--root", help="The course's root folder.")


@app.command()
def build(
    target: Annotated[Path, typer.Argument(help="The archive to write.")] = PROJECT_DIR
    / "dist"
    / "model-serving-labs.tar.gz",
    root: Annotated[Path, _ROOT] = PROJECT_DIR,
) -> None:
    """Write the student's archive: an allow-list without answers and tests."""
    archive = pack(root, target)
    typer.echo(f"{archive.path}: {len(archive.files)} files, {archive.path.stat().st_size / 1e6:.1f} MB packed")
    typer.echo(f"sha256 {archive.sha256}")


@app.command()
def template(
    repository: Annotated[Path, typer.Argument(help="Folder of the students' repository; made where it is missing.")],
    message: Annotated[str, typer.Option("--message", "-m", help="What is new, as students will read it.")],
    url: Annotated[str, typer.Option(help="Where students will clone it from.")] = "",
    hub: Annotated[str, typer.Option(help="Your JupyterHub, for the nbgitpuller link.")] = "",
    root: Annotated[Path, _ROOT] = PROJECT_DIR,
) -> None:
    """Commit the student's files as the next version of a git repository that students clone and update."""
    try:
        version = write_version(root, repository, message)
    except (ProvisioningError, ValueError) as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(1) from None
    if version is None:
        typer.echo(f"nothing has changed since the last version in {repository}")
    else:
        typer.echo(f"{version.commit[:10]}: {version.files} files, {version.changed} changed")
        typer.echo(f"to publish it: git -C {repository} push {url or 'URL'} {BRANCH}")
    if url and hub:
        typer.echo(f"for your course's page: {link(hub, url)}")


@app.command()
def validate(root: Annotated[Path, _ROOT] = PROJECT_DIR) -> None:
    """Say what keeps Trovi from importing the students' repository; exit 1 when something does."""
    found = problems(root)
    for line in found:
        typer.echo(f"- {line}")
    if found:
        raise typer.Exit(1)
    typer.echo("nothing keeps the course from being published")
