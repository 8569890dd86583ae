"""``make bench``: the best that this machine can do with the course's models, services and language model, and whether
that keeps what the course promises."""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
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
from labs.load.race import cost_ratio, latency_ratio, rate_ratio
from labs.machine import fingerprint
from labs.optimize.bytes_in import take_bytes
from labs.runtimes.progress import OnProgress
from labs.serve import models as served
from labs.tokens import levers, serving
from labs.workspace import WORKSPACE_VARIABLE, models_dir, programs_dir
from tests.benchmarks import harness, models
from tests.benchmarks.bars import BARS, Result

app = typer.Typer(add_completion=False, help=__doc__)

#: When the run began, in seconds of the monotonic clock.
_BEGIN_S = time.monotonic()

#: A title, its table, and results by the names of ``BARS``.
Section = tuple[str, pd.DataFrame, dict[str, Result]]


def show(title: str, table: pd.DataFrame, results: dict[str, Result]) -> None:
    """Print a table under its title and its bars, at once: whoever stops a long run keeps what was measured."""
    lines = [
        f"{'-' * len(title)}",
        table.to_string(index=False),
        *(BARS[name].line(results[name]) for name in results),
    ]
    print(f"\n{title}", *lines, sep="\n", flush=True)


def report(fraction: float, text: str, *, seen: list[str] = [""]) -> None:  # noqa: B006 - remembers the last line
    """Say what is under way, on the error stream, so that the tables can be kept without it."""
    step = text.partition(":")[0]
    if step != seen[0]:
        seen[0] = step
        print(f"{duration(time.monotonic() - _BEGIN_S):>10}  {step}", file=sys.stderr, flush=True)


def _harness(rounds: int, folder: Path, on_progress: OnProgress) -> Section:
    on_progress(0.0, "the harness against a bare loop")
    return (
        "The harness against a bare loop",
        harness.table(served.fp32_model(folder), 10 * rounds),
        {},
    )


def _models(rounds: int, folder: Path, on_progress: OnProgress) -> Section:
    table, results = models.measure(folder, rounds, on_progress)
    return "Models, all taking turns with one photo and with 32", table, results


def _services(rounds: int, folder: Path, on_progress: OnProgress) -> Section:
    """Race the services of students and of other makers; the programs are the solutions', in a workspace of its own."""
    with mock.patch.dict(os.environ, {WORKSPACE_VARIABLE: str(folder)}):
        write_solved(programs_dir() / "repository", served.fp32_model())
        write_programs("http", programs_dir() / "http")
        _write_whole_request(programs_dir() / "whole")
        more = servers.whole_request()
        records = servers.compare(rounds=max(3, rounds // 4), more=more, on_progress=on_progress)
    first, *_, last = more
    results = {
        "processor": Result.of(cost_ratio(records, first, last).interval, last),
        "answers": Result.of(rate_ratio(records, last, first).interval, last),
        "request": Result.of(latency_ratio(records, last, first).interval, last),
    }
    return (
        "Services under one contract, 16 clients, all taking turns",
        servers.servers_table(records),
        results,
    )


def _write_whole_request(folder: Path) -> None:
    """Write what *The whole request* leaves in its folder: its apps, the model that takes bytes, and its table."""
    write_programs("whole", folder)
    known = take_bytes(part_1_files(models_dir())["edge-int8-u8s8"], folder / "bytes.onnx")
    (cell,) = (
        cell for cell in solved_cells("whole") if cell.metadata.get("question") == "whole.levels"
    )
    byte_of = alone(cell.source, "byte_of")
    channels = zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)
    table = [
        byte_of(np.arange(256), *channel, known.scale, known.zero_point) for channel in channels
    ]
    np.save(folder / "bytes.npy", table)


def _tokens(rounds: int, folder: Path, on_progress: OnProgress) -> Section:
    """Ask the solution's language model with each lever's workloads."""
    write_programs("tokens", folder / "tokens")
    with serving.start(folder / "tokens" / "app.py", on_progress=on_progress) as service:
        records = levers.measure(service.url, rounds=max(3, rounds // 4), on_progress=on_progress)
    results = {}
    for name, lever in {"together": levers.BATCHING, "prefix": levers.PREFIX}.items():
        without, using = next(pair for (kind, _), pair in levers.PAIRS.items() if kind == lever)
        ratio = (
            rate_ratio(records, using, without)
            if name == "together"
            else latency_ratio(records, without, using)
        )
        results[name] = Result.of(ratio.interval, using)
    return (
        "A language model, each lever with a workload in which it does nothing",
        levers.table(records),
        results,
    )


SECTIONS = {"harness": _harness, "models": _models, "services": _services, "tokens": _tokens}


def sections(only: str, rounds: int, folder: Path) -> Iterator[Section]:
    """Yield what was measured, each as soon as it is there."""
    for name, measure in SECTIONS.items():
        if only in ("", name):
            yield measure(rounds, folder, report)


@app.command()
def main(
    rounds: int = typer.Option(
        20, help="Rounds of the models' turns; the harness gets ten times as many."
    ),
    only: str = typer.Option("", help=f"one table alone: {', '.join(SECTIONS)}."),
    folder: Annotated[
        Path | None,
        typer.Option(
            "--models", help="Keeps the models' files, so that the next run need not make them."
        ),
    ] = None,
) -> None:
    """Print the benchmark tables, and a line that begins with 'met:' or 'missed:' for each bar; under 20 minutes."""
    if only not in ("", *SECTIONS):
        raise typer.BadParameter(
            f"{only!r} is no table: {', '.join(SECTIONS)}", param_hint="--only"
        )
    print(f"Machine: {fingerprint().label}, id {fingerprint().machine_id}", flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as made:
        for section in sections(only, rounds, folder or Path(made)):
            show(*section)
    report(1.0, "done")


if __name__ == "__main__":
    app()
