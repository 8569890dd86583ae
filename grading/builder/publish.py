"""Publishing the course: the repository's name in every page, and a release with its notes."""

import re
import subprocess
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from packaging.version import InvalidVersion, Version

from labs.errors import CourseError
from labs.workspace import PROJECT_DIR

#: The files that say where the course is published.
NAMED_IN = (
    "pyproject.toml",
    "README.md",
    "CITATION.cff",
)

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}")
_ADDRESS = "https://github.com/"
_UNRELEASED = "## [Unreleased]\n"


class PublishError(CourseError):
    """The course cannot be published like that; the message says what to do first."""


def repository_of(root: Path) -> str:
    """Return the name of the repository, as GitHub writes it: owner, slash, name."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["urls"]["Repository"].removeprefix(_ADDRESS)


def name_repository(name: str, root: Path = PROJECT_DIR) -> list[str]:
    """Write the repository's name into every page that has it, and return their paths.

    Args:
        name: As GitHub writes it, such as ``teaching-on-testbeds/model-serving-labs``.

    Raises:
        PublishError: It is no such name.
    """
    if not _REPOSITORY.fullmatch(name):
        raise PublishError(f"{name!r} is no repository: write OWNER/REPOSITORY, as GitHub does")
    current = repository_of(root)
    changed = []
    for page in NAMED_IN:
        path = root / page
        text = path.read_text(encoding="utf-8")
        renamed = text.replace(current, name).replace(_site(current), _site(name))
        if renamed != text:
            path.write_text(renamed, encoding="utf-8")
            changed.append(page)
    return changed


def _site(repository: str) -> str:
    """Return where GitHub Pages shows a repository's site."""
    owner, _, name = repository.partition("/")
    return f"{owner}.github.io/{name}/"


def notes_of(changelog: str, version: str) -> str:
    """Return what the changelog says of a version, without the heading.

    Raises:
        PublishError: It has no such section, or the section is empty.
    """
    heading = re.search(rf"^## \[{re.escape(version)}\].*$", changelog, re.MULTILINE)
    if heading is None:
        raise PublishError(f"CHANGELOG.md has no section [{version}]")
    below = changelog[heading.end() :]
    notes = re.split(r"^## \[", below, maxsplit=1, flags=re.MULTILINE)[0].strip()
    if not notes:
        raise PublishError(f"CHANGELOG.md says nothing under [{version}]: write what users notice")
    return f"{notes}\n"


def write_version(version: str, root: Path = PROJECT_DIR, *, today: str = "") -> str:
    """Write a version into the project, the citation and the changelog, and return its notes.

    Args:
        version: Newer than the current one, such as 0.5.0.
        today: Its date, such as 2026-12-01; the current one in UTC when left out.

    Raises:
        PublishError: It is no version, it is not newer, or the changelog has nothing unreleased.
    """
    project = root / "pyproject.toml"
    current = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"]
    try:
        is_newer = Version(version) > Version(current)
    except InvalidVersion:
        raise PublishError(f"{version!r} is no version: write it like {current}") from None
    if not is_newer:
        raise PublishError(f"{version} is not newer than {current}, the current version")
    today = today or f"{datetime.now(UTC):%Y-%m-%d}"
    changelog = root / "CHANGELOG.md"
    text = changelog.read_text(encoding="utf-8")
    notes = notes_of(text, "Unreleased")
    released = f"{_UNRELEASED}\n## [{version}] - {today}\n"
    changelog.write_text(text.replace(_UNRELEASED, released, 1), encoding="utf-8")
    _set(project, r'^version = ".*"$', f'version = "{version}"')
    _set(root / "CITATION.cff", r"^version: .*$", f"version: {version}")
    _set(root / "CITATION.cff", r"^date-released: .*$", f"date-released: {today}")
    return notes


def _set(path: Path, line: str, replacement: str) -> None:
    """Replace the first line of a file that matches a pattern."""
    text = path.read_text(encoding="utf-8")
    changed, count = re.subn(line, replacement, text, count=1, flags=re.MULTILINE)
    if not count:
        raise PublishError(f"{path.name} has no line like {line}")
    path.write_text(changed, encoding="utf-8")


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(PROJECT_DIR), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PublishError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


app = typer.Typer(no_args_is_help=True, help="Publish the course: its address, and a release.")


@app.command()
def repository(
    name: Annotated[str, typer.Argument(metavar="OWNER/REPOSITORY", help="As GitHub writes it.")],
) -> None:
    """Write the repository's name into every page that has it."""
    changed = name_repository(name)
    for page in changed:
        typer.echo(page)
    if not changed:
        typer.echo(f"All pages name {name} already.")


@app.command()
def release(
    version: Annotated[str, typer.Argument(help="Newer than the current one, such as 0.5.0.")],
) -> None:
    """Write a version everywhere, commit and tag it. Pushing the tag publishes it."""
    if _git("status", "--porcelain"):
        raise PublishError("there are changes that are not committed: commit them first")
    tag = f"v{version}"
    notes = write_version(version)
    _git("commit", "--all", "--message", f"Release {version}")
    _git("tag", "--annotate", tag, "--cleanup=verbatim", "--message", f"{tag}\n\n{notes}")
    typer.echo(f"{tag} is tagged here. The workflow publishes it, with both archives:")
    typer.echo(f"  git push origin HEAD {tag}")


@app.command()
def notes(
    version: Annotated[str, typer.Argument(help="A version, such as 0.5.0 or v0.5.0.")],
) -> None:
    """Print what the changelog says of a version."""
    changelog = (PROJECT_DIR / "CHANGELOG.md").read_text(encoding="utf-8")
    typer.echo(notes_of(changelog, version.removeprefix("v")), nl=False)
