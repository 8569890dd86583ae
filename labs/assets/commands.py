"""The commands `python -m labs assets …`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from labs.assets import catalog, store
from labs.assets.addresses import address_of, config_file
from labs.assets.errors import AssetError
from labs.assets.manifest import embedded
from labs.assets.places import cache_dir
from labs.assets.remote import REMOTE

app = typer.Typer(help="Data sets and models: what there is, fetching, checking.", no_args_is_help=True)


@contextmanager
def _errors_in_words() -> Iterator[None]:
    """End the command with a message instead of a traceback when an asset is at fault."""
    try:
        yield
    except AssetError as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None


@app.command("list")
def list_assets() -> None:
    """Show every data set and model, and where it is."""
    table = Table("name", "kind", "state", "size MB", box=None)
    with _errors_in_words():
        for item in embedded().values():
            size_bytes = sum(record.size_bytes for record in item.files.values())
            table.add_row(item.name, item.kind, "comes with the checkout", f"{size_bytes / 1e6:.1f}")
        for remote in REMOTE.values():
            receipt = store.receipt_of(remote)
            if receipt is not None:
                size_bytes = sum(record.size_bytes for record in receipt.files.values())
                state = "in the cache" if receipt.pinned else "in the cache, hash recorded at first fetch"
                table.add_row(remote.name, remote.kind, state, f"{size_bytes / 1e6:.1f}")
                continue
            address = address_of(remote.name)
            state = f"to be fetched from {address.shown}" if address else "no address set"
            table.add_row(remote.name, remote.kind, state, "")
    console = Console()
    console.print(table)
    console.print(f"\ncache: {cache_dir()}\naddresses: {config_file()} or variables, see labs/assets/addresses.py")


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A name from `list`.")],
    anew: Annotated[bool, typer.Option("--anew", help="Fetch it even when it is in the cache.")] = False,
) -> None:
    """Fetch a data set or model into the cache and print where it is."""
    with _errors_in_words():
        carried = embedded()
        if name in carried:
            typer.echo(catalog.verify(name))
            return
        remote = catalog.remote_of(name)
        with _progress_bar(name) as report:
            path = store.obtain(remote, report, anew=anew)
        receipt = store.receipt_of(remote)
        typer.echo(path)
        if receipt is not None and not receipt.pinned:
            typer.echo(f"trusted at first fetch; to pin it, configure sha256 {receipt.sha256}")


@app.command()
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names from `list`; all that are here when left out.")
    ] = None,
) -> None:
    """Read every file again and compare it with its recorded hash."""
    with _errors_in_words():
        here = [*embedded(), *(remote.name for remote in REMOTE.values() if store.receipt_of(remote))]
    failed = False
    for name in names or here:
        try:
            typer.echo(f"ok       {name}  {catalog.verify(name)}")
        except AssetError as error:
            failed = True
            typer.secho(f"not ok   {name}  {error}", err=True, fg=typer.colors.RED)
    raise typer.Exit(int(failed))


@contextmanager
def _progress_bar(name: str) -> Iterator[store.Progress]:
    """Show a bar while a download runs, on the error stream so that the output stays one path."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
