"""The commands `python -m labs providers …`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from labs.runtimes.providers.environments import EnvironmentUnavailableError, environment, environments
from labs.runtimes.providers.environments import install as install_environment

app = typer.Typer(help="ONNX Runtime's execution providers, each wheel in its own environment.", no_args_is_help=True)


@app.command("list")
def list_environments() -> None:
    """Name every environment, what it brings and where it is; removing its folder removes it."""
    for one in environments().values():
        where = one.folder if one.is_installed else f"not installed, about {one.installed_bytes / 1e6:,.0f} MB"
        typer.echo(f"{one.name}: {', '.join(one.providers)} ({where})")


@app.command()
def install(names: Annotated[list[str], typer.Argument(help="Names from `list`, such as openvino.")]) -> None:
    """Make environments beforehand, so that no lesson need wait for them."""
    try:
        for wanted in [environment(name) for name in names]:
            with Progress(console=Console(stderr=True)) as bar:
                task = bar.add_task(wanted.name, total=1.0)
                install_environment(
                    wanted, lambda done, text, bar=bar, task=task: bar.update(task, completed=done, description=text)
                )
            typer.echo(wanted.folder)
    except (EnvironmentUnavailableError, ValueError) as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None
