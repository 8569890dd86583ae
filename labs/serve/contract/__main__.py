"""The command ``python -m labs.serve.contract``."""

import contextlib
import importlib
from collections.abc import Iterator
from typing import Annotated

import typer

from labs.serve.contract.cases import Serve, Target, rows
from labs.serve.contract.interface import interface_of
from labs.serve.contract.own import SERVICES
from labs.workspace import NotWrittenError

#: The modules of the deep dives that serve, by the names that the command takes. A module is
#: imported once it is asked for: its deep dive may not be here.
OF_DEEP_DIVES = {
    "tokens": "labs.deeper.tokens.contract",
    "litserve": "labs.deeper.whole.contract",
    "ray": "labs.deeper.whole.contract",
}


def serving(server: str) -> Serve:
    """Return what yields a server, by its address or by a name.

    Raises:
        ValueError: It is neither.
        ModuleNotFoundError: The deep dive with this server is not here.
    """
    if "://" in server:
        return running(server.rstrip("/"))
    if server in SERVICES:
        return SERVICES[server]
    if server in OF_DEEP_DIVES:
        return importlib.import_module(OF_DEEP_DIVES[server]).SERVICES[server]
    names = ", ".join([*SERVICES, *OF_DEEP_DIVES])
    raise ValueError(f"{server} is no address such as http://127.0.0.1:8090, and none of {names}")


def running(url: str) -> Serve:
    """Return what yields a server that somebody else has started."""

    @contextlib.contextmanager
    def serve() -> Iterator[Target]:
        yield Target(url, interface_of(url))

    return serve


def main(
    server: Annotated[str, typer.Argument(help="Address of a running server, or a name.")],
) -> None:
    """Attack a server, and print a row per case: http://HOST:PORT, or a service of the course."""
    fell = 0
    try:
        for row in rows(serving(server)):
            fell += row.held is False
            typer.echo(f"{row.case:<22}{row.verdict:<11}{row.seen}")
    except (ValueError, ModuleNotFoundError, NotWrittenError) as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        raise typer.Exit(2) from None
    raise typer.Exit(bool(fell))


if __name__ == "__main__":
    typer.run(main)
