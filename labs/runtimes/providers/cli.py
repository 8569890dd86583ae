"""The commands `python -m labs providers …`."""

from typing import Annotated

import typer

from labs.runtimes.providers import EnvironmentUnavailableError, environment, environments
from labs.runtimes.providers import install as install_environment

app = typer.Typer(
    help="ONNX Runtime's execution providers, each wheel in its own environment.",
    no_args_is_help=True,
)


@app.command("list")
def list_environments() -> None:
    """List every environment with its packages and its folder; removing its folder removes it."""
    for listed in environments().values():
        place = str(listed.folder)
        if not listed.is_installed:
            size_mb = listed.installed_bytes / 1e6
            place = f"not installed, about {size_mb:,.0f} MB"
        providers = ", ".join(listed.providers)
        typer.echo(f"{listed.name}: {providers} ({place})")


@app.command()
def install(
    names: Annotated[list[str], typer.Argument(help="Names from `list`, such as openvino.")],
) -> None:
    """Make environments beforehand, so that no lesson need wait for them."""
    try:
        for wanted in [environment(name) for name in names]:
            installed = install_environment(wanted, lambda _, text: typer.echo(text))
            typer.echo(installed.folder)
    except (EnvironmentUnavailableError, ValueError) as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None
