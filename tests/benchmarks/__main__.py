"""``make bench``: the best that this machine can do with the course's models, services and language
model, and whether that keeps what the course promises."""

import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from labs.display.format import duration
from labs.machine import fingerprint
from labs.runtimes.progress import OnProgress
from labs.serve import models as served
from labs.workspace import PROJECT_DIR
from tests.benchmarks import harness, models
from tests.benchmarks.bars import Section, bars_lines, model_bars

app = typer.Typer(add_completion=False, help=__doc__)

#: When the run began, in seconds of the monotonic clock.
_BEGIN_S = time.monotonic()

#: Measures in a number of rounds, with the models' files in a folder.
Benchmark = Callable[[int, Path, OnProgress], Section]


def show(section: Section) -> None:
    """Print a table under its title and its bars, at once, so that a stopped run has shown its
    measurements.
    """
    underline = "-" * len(section.title)
    table = section.table.to_string(index=False)
    print(f"\n{section.title}", underline, table, *section.lines, sep="\n", flush=True)


def report(fraction: float, text: str, *, seen: list[str] = [""]) -> None:  # noqa: B006 - remembers the last line
    """Say what is under way, on the error stream, so that the tables can be kept without it."""
    step = text.partition(":")[0]
    if step != seen[0]:
        seen[0] = step
        print(f"{duration(time.monotonic() - _BEGIN_S):>10}  {step}", file=sys.stderr, flush=True)


def _harness(rounds: int, folder: Path, on_progress: OnProgress) -> Section:
    on_progress(0.0, "the harness against a bare loop")
    table = harness.table(served.fp32_model(folder), 10 * rounds)
    return Section("The harness against a bare loop", table, [])


def _models(rounds: int, folder: Path, on_progress: OnProgress) -> Section:
    table, results = models.measure(folder, rounds, on_progress)
    title = "Models, all taking turns with one photo and with 32"
    return Section(title, table, bars_lines(model_bars(), results))


def _of_deep_dives() -> Iterator[tuple[str, Benchmark]]:
    """Yield the benchmarks of deep dives by name; each lies with its lesson's tests."""
    for path in sorted(PROJECT_DIR.glob("notebooks/source/*/deeper/*/tests/benchmark.py")):
        spec = importlib.util.spec_from_file_location(f"benchmark_{path.parts[-3]}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module.NAME, module.measure


SECTIONS: dict[str, Benchmark] = {
    "harness": _harness,
    "models": _models,
    **dict(_of_deep_dives()),
}


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
    """Print the benchmark tables, and a line that begins with 'met:' or 'missed:' for each bar;
    under 20 minutes.
    """
    if only not in ("", *SECTIONS):
        raise typer.BadParameter(
            f"{only!r} is no table: {', '.join(SECTIONS)}", param_hint="--only"
        )
    print(f"Machine: {fingerprint().label}, id {fingerprint().machine_id}", flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        for section in sections(only, rounds, folder or Path(temporary)):
            show(section)
    report(1.0, "done")


if __name__ == "__main__":
    app()
