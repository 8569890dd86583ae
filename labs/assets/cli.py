"""The commands `python -m labs assets …`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from labs import assets
from labs.assets.fetched import PUBLISHED
from labs.assets.manifest import carried
from labs.assets.places import AssetError, address, address_file
from labs.workspace import cache_dir

app = typer.Typer(
    help="Data sets and models. The real Food-11 and the course's published model are fetched from the folder whose "
    "address SERVING_LABS_ASSETS_URL holds (https://…/folder/#sha256=…): Food-11.zip, food11.pth and food11.onnx.",
    no_args_is_help=True,
)


@app.command("list")
def list_assets() -> None:
    """Show every data set and model, where it is, and whether what comes with the checkout is unchanged."""
    table = Table("name", "kind", "state", box=None)
    wrong = []
    try:
        where = address()
        for item in carried().values():
            state = "comes with the checkout"
            try:
                _ = item.checked
            except AssetError as error:
                wrong.append(str(error))
                state += ", and was changed"
            table.add_row(item.name, item.kind, state)
        for one in PUBLISHED.values():
            state = f"to be fetched from {where.shown}" if where else "no address set"
            if where and one.home(where).is_dir():
                state = "in the cache"
            table.add_row(one.name, one.kind, state)
    except AssetError as error:
        wrong.append(str(error))
    console = Console()
    console.print(table)
    console.print(f"\ncache: {cache_dir()}\naddress: {address_file()} or SERVING_LABS_ASSETS_URL")
    _fail_if(wrong)


@app.command()
def fetch(name: Annotated[str, typer.Argument(help="A name from `list`.")]) -> None:
    """Fetch a data set or model into the cache, or check the one that is here, and print where it is."""
    try:
        typer.echo(assets.obtain(name))
    except AssetError as error:
        _fail_if([str(error)])


def _fail_if(wrong: list[str]) -> None:
    """End the command with sentences instead of a traceback."""
    for sentence in wrong:
        typer.secho(sentence, err=True, fg=typer.colors.RED)
    if wrong:
        raise typer.Exit(1)
