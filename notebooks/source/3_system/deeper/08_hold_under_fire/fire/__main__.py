"""The command ``python -m labs.deeper.fire``."""

from typing import Annotated

import typer

from labs.deeper.fire.engine import DURATION_S, fire
from labs.deeper.fire.score import table
from labs.load.record import NothingAnsweredError
from labs.load.target import Served, predict
from labs.records import ModelFile
from labs.serve.contract.cases import Target
from labs.serve.contract.interface import photos
from labs.serve.photos import photo


def main(
    address: Annotated[
        str, typer.Argument(help="Of the service, such as http://127.0.0.1:8090.")
    ],
    seed: Annotated[int, typer.Option(help="Fixes arrivals and attacks.")] = 0,
    seconds: Annotated[
        float, typer.Option(help="How long it takes.", min=10)
    ] = DURATION_S,
    pid: Annotated[
        int | None,
        typer.Option(help="A process above the service's, to kill and drain them."),
    ] = None,
) -> None:
    """Attack a service with POST /predict and GET /healthz, and print what it lost."""
    url = address.rstrip("/")
    pids = () if pid is None else (pid,)
    unknown = Served(ModelFile("unknown", "", 0), backend="unknown")
    good = predict(url, [photo(number) for number in range(8)], unknown, pids=pids)
    target = Target(url, photos(), pids)
    try:
        record = fire(good, lambda: target, seed=seed, option="fire", duration_s=seconds)
    except NothingAnsweredError as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        raise typer.Exit(2) from None
    typer.echo(table({url: record}).to_string())
    for at_s, text in record.details["events"]:
        typer.echo(f"{at_s:7.1f} s  {text}")


if __name__ == "__main__":
    typer.run(main)
