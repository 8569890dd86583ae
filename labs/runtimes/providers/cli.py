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
    """Name every environment, what it brings and where it is; removing its folder removes it."""
    for one in environments().values():
        where = (
            one.folder
            if one.is_installed
            else f"not installed, about {one.installed_bytes / 1e6:,.0f} MB"
        )
        typer.echo(f"{one.name}: {', '.join(one.providers)} ({where})")


@app.command()
def install(
    names: Annotated[list[str], typer.Argument(help="Names from `list`, such as openvino.")],
) -> None:
    """Make environments beforehand, so that no lesson need wait for them."""
    try:
        for wanted in [environment(name) for name in names]:
            typer.echo(install_environment(wanted, lambda _, text: typer.echo(text)).folder)
    except (EnvironmentUnavailableError, ValueError) as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None
