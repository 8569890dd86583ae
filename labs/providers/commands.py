"""The commands `python -m labs providers …`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from labs.providers.environments import EnvironmentUnavailableError, environment, environments
from labs.providers.environments import install as install_environment
from labs.providers.environments import remove as remove_environment
from labs.records.format import megabytes

app = typer.Typer(help="ONNX Runtime's execution providers, each wheel in its own environment.", no_args_is_help=True)


@app.command("list")
def list_environments() -> None:
    """Show every environment, what it brings and whether it is installed."""
    table = Table("environment", "providers", "state", box=None)
    for one in environments().values():
        state = f"installed, {megabytes(one.size_bytes)}"
        if not one.is_installed:
            state = f"not installed, about {megabytes(one.size_bytes)}"
            state += ", with an NVIDIA GPU only" if one.needs_nvidia_gpu else ""
        table.add_row(one.name, ", ".join(name.removesuffix("ExecutionProvider") for name in one.providers), state)
    console = Console()
    console.print(table)
    console.print(f"\nin {one.folder.parent}")


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


@app.command()
def remove(name: Annotated[str, typer.Argument(help="A name from `list`.")]) -> None:
    """Delete an environment; the next use makes it again."""
    try:
        typer.echo(f"freed {megabytes(remove_environment(name))}")
    except ValueError as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None
