"""The commands `python -m labs providers …`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from labs.backends import BackendUnavailableError
from labs.providers.environments import Environment, ensure_provider, environments_dir, folder_of, is_installed
from labs.providers.environments import remove as remove_environment
from labs.providers.wheels import CPU_PROVIDER, environment_specs, known_providers
from labs.records.format import megabytes

app = typer.Typer(help="ONNX Runtime's execution providers, each in an environment of its own.", no_args_is_help=True)


@app.command("list")
def list_environments() -> None:
    """Show every environment, what it brings and whether it is installed."""
    table = Table("environment", "providers", "state", box=None)
    table.add_row("the course's own", CPU_PROVIDER, "in use")
    for spec in environment_specs().values():
        if is_installed(spec):
            state = f"installed, {megabytes(Environment(spec, folder_of(spec)).build_report['size_bytes'])}"
        else:
            state = f"not installed, about {megabytes(spec.installed_bytes)}"
            state += ", with an NVIDIA GPU only" if spec.needs_nvidia_gpu else ""
        table.add_row(spec.name, ", ".join(spec.providers), state)
    console = Console()
    console.print(table)
    console.print(f"\nin {environments_dir()}")


@app.command()
def install(
    provider: Annotated[str, typer.Argument(help="OpenVINOExecutionProvider, or short: openvino.")],
) -> None:
    """Install the environment of a provider, so that the lesson need not wait for it."""
    by_short_name = {name.removesuffix("ExecutionProvider").lower(): name for name in known_providers()}
    name = by_short_name.get(provider.lower(), provider)
    if name == CPU_PROVIDER:
        typer.echo("the CPU provider is in the course's own environment")
        return
    try:
        with Progress(console=Console(stderr=True)) as bar:
            task = bar.add_task(name, total=1.0)
            environment = ensure_provider(name, lambda done, line: bar.update(task, completed=done))
    except (BackendUnavailableError, ValueError) as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None
    typer.echo(environment.folder)


@app.command()
def remove(environment: Annotated[str, typer.Argument(help="A name from `list`.")]) -> None:
    """Delete an environment; the next use installs it again."""
    try:
        typer.echo(f"freed {megabytes(remove_environment(environment))}")
    except ValueError as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None
