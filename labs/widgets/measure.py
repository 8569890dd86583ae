"""Measure an option in a cell, here or on a device: progress, time left, Cancel, and the records as a small table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from labs import bench
from labs.bench import measure_option
from labs.display.format import in_unit, rate
from labs.display.shown import Shown
from labs.display.table import Cell, Group, html_table, text_table
from labs.display.theme import card
from labs.records import Comparison, Ledger, Measurement
from labs.records.ledger import ledger
from labs.runtimes.progress import OnProgress, part
from labs.widgets.progress import run_with_progress

if TYPE_CHECKING:
    from labs.edge.job import Candidate, Device


def measure(
    target: object,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    option: str,
    ledger: Ledger | None = None,
    batch_sizes: Sequence[int] = (1, 4, 16, 32),
    **said: object,
) -> Records:
    """Measure size, accuracy, latency and throughput of an option, and return the records when all are there.

    The cell stays busy meanwhile, so that the cells below find the results. Each record goes into the ledger as soon as
    it exists: Cancel (or the toolbar's stop button) loses only the one that is being made.

    Args:
        target: What is measured: an ONNX Runtime session, a torch module, an OpenVINO compiled model or a callable.
        images: Labelled images, float32 (N, 3, 224, 224).
        labels: Integers (N,), 0 to 10.
        option: Name under which the records are kept, such as 'onnx-all'.
        ledger: Where they are kept; nowhere when None.
        batch_sizes: Batch sizes whose throughput is measured.
        said: Further words for ``labs.bench.measure_option``: ``dataset``, and what the target does not show of
            itself, such as ``model_path``.

    Raises:
        Stopped: It was cancelled; the message says what stays.
    """
    settings = {"option": option, "ledger": ledger, "batch_sizes": batch_sizes, **said}
    kept = "What was finished before is in the ledger." if ledger is not None else "Nothing was kept."
    return Records(
        run_with_progress(
            lambda report: measure_option(target, images, labels, on_progress=report, **settings),
            f"Measure {option}",
            kept=kept,
        )
    )


def compare(
    targets: Mapping[str, object], images: np.ndarray | None, *, baseline: str, rounds: int = 20
) -> pd.DataFrame:
    """Measure options in turns under a progress bar, write their records down, and return one row an option.

    Args:
        targets: What is called, by option name (``labs.bench.compare``).
        images: One batch, the same for all.
        baseline: The option that the others are compared with.
        rounds: How often each has its turn.

    Returns:
        ``median ms``, and ``times as fast`` as the baseline with the ends of its 95 % interval.

    Raises:
        Stopped: It was cancelled; nothing is kept.
    """
    run = run_with_progress(
        lambda report: bench.compare(targets, images, rounds=rounds, on_progress=report), "Side by side"
    )
    for record in run:
        ledger().append(record)
    return run.table(baseline)


def evaluate(targets: Mapping[str, object], images: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """Count right answers and bytes of options under a progress bar, write both down, and return one row an option.

    Args:
        targets: What predicts, by option name.
        images: Labelled images, float32 (N, 3, H, W).
        labels: Integers (N,), 0 to 10.

    Raises:
        Stopped: It was cancelled; what was finished before is kept.
    """

    def work(report: OnProgress) -> dict[str, tuple[float, int]]:
        rows = {}
        for place, (option, target) in enumerate(targets.items()):
            ends = place / len(targets), (place + 1) / len(targets)
            right = bench.accuracy(target, images, labels, option=option, on_progress=part(report, *ends))
            for record in (bench.size(target, option=option), right):
                ledger().append(record)
            rows[option] = right.model.size_bytes / 1e6, int(sum(right.samples))
        return rows

    rows = run_with_progress(work, "Answers", kept="What was finished before is in the ledger.")
    return pd.DataFrame.from_dict(rows, orient="index", columns=["MB", f"right of {len(labels)}"])


def measure_there(
    device: Device, task: str, candidates: Sequence[Candidate], *, ledger: Ledger | None = None
) -> Records:
    """Measure on a device and return the records, which are in the ledger then; a rehearsed one is asked for little.

    Args:
        device: Where; ``provisioning.lab.device.open_device`` returns one.
        task: What, a key of ``labs.edge.job.TASKS``.
        candidates: The options.
        ledger: Where the records are kept; nowhere when None.

    Raises:
        Stopped: It was cancelled here; the device ends what it has begun, and nothing of it is kept.
    """
    from labs.edge.job import REHEARSAL, TASKS, Effort, Job, measure_on

    effort = REHEARSAL if getattr(device, "rehearsed", False) else Effort()
    job = Job(task, tuple(candidates), effort)
    title = f"{'In rehearsal' if effort is REHEARSAL else 'On the device'}: {TASKS[task]}"
    work = lambda report: measure_on(device, job, ledger, on_progress=report)  # noqa: E731 - one call with one argument
    return Records(run_with_progress(work, title, kept="Nothing of this one was kept."))


def compare_there(
    device: Device, candidates: Sequence[Candidate], *, baseline: str, answers: bool = False
) -> pd.DataFrame:
    """Measure options in turns on a device, write their records down, and return one row an option as ``compare`` does.

    Args:
        device: As for ``measure_there``.
        candidates: The options.
        baseline: The option that the others are compared with.
        answers: Whether size and accuracy are measured before; the right answers are a column then.

    Raises:
        Stopped: As for ``measure_there``.
    """
    full = measure_there(device, "answers", candidates, ledger=ledger()) if answers else []
    table = Comparison(tuple(measure_there(device, "compare", candidates, ledger=ledger()))).table(baseline)
    right = {one.option: one.samples for one in full if one.kind == "accuracy"}
    if right:
        photos = len(next(iter(right.values())))
        table[f"right of {photos}"] = pd.Series({option: int(sum(samples)) for option, samples in right.items()})
    return table


class Records(list):
    """A list of measurements that a notebook shows as a table."""

    def __init__(self, records: Iterable[Measurement] = ()) -> None:
        """Hold the records in the order in which they were made."""
        super().__init__(records)

    @property
    def text(self) -> str:
        """The table as text."""
        return self._shown().text

    def __repr__(self) -> str:
        # Only what a run on another machine would say as well: a notebook stores this beside the table.
        made = [f"{one.kind} of {one.option}" + (f" × {one.batch_size}" if _batched(one) else "") for one in self]
        return f"{len(self)} records: {', '.join(made)}" if self else "no records"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        return self._shown()._repr_mimebundle_()

    def _shown(self) -> Shown:
        header = ["what was measured", "value", "95 % interval", "samples", "warm-up"]
        rows = self._rows()
        machines = "; ".join(dict.fromkeys(one.machine.label for one in self))
        options = ", ".join(dict.fromkeys(one.option for one in self)) or "nothing"
        footer = f"Measured on {machines}" if machines else ""
        html = card(f"Measured: {options}", html_table(header, rows), footer=footer)
        return Shown(html, f"Measured: {options}\n{text_table(header, rows)}\n{footer}", plain=repr(self))

    def _rows(self) -> list[Sequence[Cell] | Group]:
        """Return one row a record; those of several options stand under their option's name."""
        options = list(dict.fromkeys(one.option for one in self))
        rows: list[Sequence[Cell] | Group] = []
        for option in options:
            rows += [Group(option)] * (len(options) > 1)
            rows += [_row(one) for one in self if one.option == option]
        return rows


def _batched(record: Measurement) -> bool:
    return record.kind == "throughput"


def _row(record: Measurement) -> list[Cell]:
    """Return the cells of one record: its headline number, how certain it is, and what that rests on."""
    if _batched(record):
        name, value, write = f"throughput, batches of {record.batch_size}", record.throughput_fps, rate
    else:
        name, value = record.kind.replace("_", " "), record.value

        def write(number: float) -> str:
            return in_unit(number, record.unit)

    if record.kind == "latency":
        name = "latency, median (p50)"
    interval = "" if value.low == value.high else f"{write(value.low)} – {write(value.high)}"
    calls = f"{record.warmup_count} calls" if record.warmup_count else ""
    warmup = Cell(calls + ("" if record.warmup_settled else ", never settled"), kind="msl-soft")
    return [Cell(name), Cell(write(value.value)), Cell(interval), Cell(f"{len(record.samples):,}"), warmup]
