"""``make bench``: what the harness costs, what a worker costs, and the part 1 table of this machine."""

from __future__ import annotations

import pandas as pd
import typer

from labs.machine import fingerprint
from tests.benchmarks import harness, part1, workers

app = typer.Typer(add_completion=False, help=__doc__)


def show(title: str, table: pd.DataFrame) -> None:
    """Print a table under its title."""
    print(f"\n{title}\n{'-' * len(title)}\n{table.to_string(index=False)}")


@app.command()
def main(
    rounds: int = typer.Option(40, help="Rounds of each side-by-side comparison."),
    only: str = typer.Option("", help="'harness', 'workers' or 'part1' for one table alone."),
) -> None:
    """Print the benchmark tables."""
    print(f"Machine: {fingerprint().label}, id {fingerprint().machine_id}")
    if only in ("", "harness"):
        show("The harness against a bare loop", harness.table(part1.fp32_model(), rounds))
    if only in ("", "workers"):
        show("A call through a worker against the same call in this process", workers.table(part1.fp32_model(), rounds))
    if only in ("", "part1"):
        for title, table in part1.tables(rounds):
            show(title, table)


if __name__ == "__main__":
    app()
