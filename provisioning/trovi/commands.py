"""``python -m provisioning trovi …``: build the archive, check it, publish it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from provisioning.lab import ROOT
from provisioning.testbed.errors import ProvisioningError
from provisioning.trovi import crate, package, template
from provisioning.trovi.client import BASE_URL, TroviClient, exchange

app = typer.Typer(no_args_is_help=True, help="Pack the course for students and publish it on Trovi.")

DEFAULT_TARGET = ROOT / "dist" / "model-serving-labs.tar.gz"
_ROOT = typer.Option("--root", help="The course's root folder.")
_URL = typer.Option("--url", envvar="TROVI_URL", help="Trovi's API.")


@app.command()
def build(
    target: Annotated[Path, typer.Argument(help="The archive to write.")] = DEFAULT_TARGET,
    root: Annotated[Path, _ROOT] = ROOT,
) -> None:
    """Write the student's archive: an allow-list without answers and tests."""
    archive = package.build(root, target)
    typer.echo(f"{archive.path}: {len(archive.files)} files, {archive.path.stat().st_size / 1e6:.1f} MB packed")
    typer.echo(f"sha256 {archive.sha256}")


@app.command("template")
def write_template(
    repository: Annotated[Path, typer.Argument(help="Folder of the students' repository; made where it is missing.")],
    message: Annotated[str, typer.Option("--message", "-m", help="What is new, as students will read it.")],
    url: Annotated[str, typer.Option(help="Where students will clone it from.")] = "",
    hub: Annotated[str, typer.Option(help="Your JupyterHub, for the nbgitpuller link.")] = "",
    root: Annotated[Path, _ROOT] = ROOT,
) -> None:
    """Commit the student's files as the next version of a git repository that students clone and update."""
    try:
        version = template.write_version(root, repository, message)
    except (ProvisioningError, ValueError) as error:
        _fail(str(error))
    if version is None:
        typer.echo(f"nothing has changed since the last version in {repository}")
    else:
        typer.echo(f"{version.commit[:10]}: {version.files} files, {version.changed} changed")
        typer.echo(f"to publish it: git -C {repository} push {url or 'URL'} {template.BRANCH}")
    if url and hub:
        typer.echo(f"for your course's page: {template.link(hub, url)}")


@app.command()
def validate(
    root: Annotated[Path, _ROOT] = ROOT,
    online: Annotated[bool, typer.Option("--online", help="Also ask Trovi for the tags it knows.")] = False,
    url: Annotated[str, _URL] = BASE_URL,
) -> None:
    """Say what keeps the course from being published; exit 1 when something does."""
    try:
        tags = _client(url).tags() if online else None
    except ProvisioningError as error:
        _fail(str(error))
    found = package.problems(root, tags)
    for line in found:
        typer.echo(f"- {line}")
    if found:
        raise typer.Exit(1)
    typer.echo("nothing keeps the course from being published")


@app.command()
def publish(
    artifact: Annotated[str | None, typer.Option(help="Add a version to this artifact; a new one otherwise.")] = None,
    github: Annotated[str | None, typer.Option(help="Import this GitHub repository instead of uploading.")] = None,
    root: Annotated[Path, _ROOT] = ROOT,
    target: Annotated[Path, typer.Option(help="The archive to write.")] = DEFAULT_TARGET,
    url: Annotated[str, _URL] = BASE_URL,
) -> None:
    """Publish: check, pack, upload, and make the artifact or its next version.

    Needs TROVI_TOKEN, or OS_ACCESS_TOKEN as Chameleon's Jupyter sets it.
    """
    try:
        client = _client(url)
        found = package.problems(root, client.tags())
        if found:
            _fail("\n".join(f"- {line}" for line in found))
        if github:
            published = client.import_repository(github, artifact)
        else:
            urn = client.store(package.build(root, target).path)
            typer.echo(f"uploaded as {urn}")
            document = crate.read(root / crate.FILE_NAME)
            published = client.add_version(artifact, document, urn) if artifact else client.create(document, urn)
    except ProvisioningError as error:
        _fail(str(error))
    typer.echo(f"{published.url} version {published.version or '(see the page)'}")


def _client(url: str) -> TroviClient:
    token = os.environ.get("TROVI_TOKEN")
    if not token and (subject := os.environ.get("OS_ACCESS_TOKEN")):
        token = exchange(subject, url)
    if not token:
        _fail("no token: set TROVI_TOKEN, or run this on Chameleon's Jupyter, which sets OS_ACCESS_TOKEN")
    return TroviClient(token, url)


def _fail(message: str) -> None:
    typer.secho(message, err=True, fg="red")
    raise typer.Exit(1)
