"""``make bench``: what the harness costs, what a worker costs, and this machine's tables of part 1 and of serving."""

import os
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated
from unittest import mock

import numpy as np
import pandas as pd
import typer

from grading.builder.repository import solved_cells, write_programs, write_solved
from labs.course.cells import alone
from labs.data.intake import IMAGENET_MEAN, IMAGENET_STD
from labs.display.format import duration
from labs.edge.files import part_1_files
from labs.load import servers
from labs.machine import fingerprint
from labs.optimize.bytes_in import take_bytes
from labs.serve import models as served
from labs.workspace import WORKSPACE_VARIABLE, models_dir, programs_dir
from tests.benchmarks import grading, harness, part1

app = typer.Typer(add_completion=False, help=__doc__)

#: When the run began, in seconds of the monotonic clock.
_BEGIN_S = time.monotonic()


def show(title: str, table: pd.DataFrame) -> None:
    """Print a table under its title, at once: whoever stops a long run keeps what was found."""
    print(f"\n{title}\n{'-' * len(title)}\n{table.to_string(index=False)}", flush=True)


def report(fraction: float, text: str, *, seen: list[str] = [""]) -> None:  # noqa: B006 - remembers the last line
    """Say what is under way, on the error stream, so that the tables can be kept without it."""
    step = text.partition(":")[0]
    if step != seen[0]:
        seen[0] = step
        print(f"{duration(time.monotonic() - _BEGIN_S):>10}  {step}", file=sys.stderr, flush=True)


def wanted_tables(only: str, rounds: int, models: Path | None) -> Iterable[tuple[str, pd.DataFrame]]:
    """Return titled tables one after the other, each as soon as it is there."""
    if only in ("", "harness"):
        report(0.0, "the harness against a bare loop")
        model = served.fp32_model(models or Path(part1.TEMPORARY.name))
        yield "The harness against a bare loop", harness.table(model, 10 * rounds)
    if only in ("", "part1"):
        yield from part1.tables(rounds, report, models)
    if only in ("", "servers"):
        # Triton serves what a student has written; here it is the solution's, in no workspace of anybody's.
        with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, {WORKSPACE_VARIABLE: folder}):
            write_solved(programs_dir() / "repository", served.fp32_model())
            write_programs("http", programs_dir() / "http")
            write_whole_request(programs_dir() / "whole")
            more = servers.whole_request()
            records = servers.compare(rounds=max(3, rounds // 4), more=more, on_progress=report)
        yield "Servers under one contract, 16 clients, all taking turns", servers.servers_table(records)
    # Some ten minutes, and of no interest to a student: only on request.
    if only == "grading":
        yield "Classes, graded on this machine", grading.classes(report)


def write_whole_request(folder: Path) -> None:
    """Write what *The whole request* leaves in its folder: its apps, the model that takes bytes, and its table."""
    write_programs("whole", folder)
    known = take_bytes(part_1_files(models_dir())["edge-int8-u8s8"], folder / "bytes.onnx")
    (cell,) = (cell for cell in solved_cells("whole") if cell.metadata.get("question") == "whole.levels")
    byte_of = alone(cell.source, "byte_of")
    channels = zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)
    table = [byte_of(np.arange(256), *channel, known.scale, known.zero_point) for channel in channels]
    np.save(folder / "bytes.npy", table)


@app.command()
def main(
    rounds: int = typer.Option(20, help="Rounds of the part 1 race; the harness gets ten times as many."),
    only: str = typer.Option("", help="one table alone: harness, part1, servers; grading."),
    models: Annotated[
        Path | None, typer.Option(help="Folder that keeps part 1's models, so that the next run need not make them.")
    ] = None,
) -> None:
    """Print the benchmark tables; some ten minutes on two cores."""
    print(f"Machine: {fingerprint().label}, id {fingerprint().machine_id}", flush=True)
    for title, table in wanted_tables(only, rounds, models):
        show(title, table)
    report(1.0, "done")


if __name__ == "__main__":
    app()
