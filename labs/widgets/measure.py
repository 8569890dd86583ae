"""Measure options in a cell, here or on a device: progress, time left, Cancel, and one row an option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from labs import bench
from labs.records import Comparison, Ledger, Measurement
from labs.records.ledger import ledger
from labs.runtimes.progress import OnProgress, part
from labs.widgets.progress import run_with_progress

if TYPE_CHECKING:
    from labs.edge.job import Candidate, Device


def compare(
    targets: Mapping[str, object], images: np.ndarray | None, *, baseline: str, rounds: int = 20
) -> pd.DataFrame:
    """Measure options in turns under a progress bar, write their records down, and return one row an option.

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
) -> list[Measurement]:
    """Measure on a device and return the records, which are in the ledger then; a rehearsed one is asked for little.

    Args:
        task: What, a key of ``labs.edge.job.TASKS``.
        ledger: Where the records are kept; nowhere when None.

    Raises:
        Stopped: It was cancelled here; the device ends what it has begun, and nothing of it is kept.
    """
    from labs.edge.job import REHEARSAL, TASKS, Effort, Job, measure_on

    effort = REHEARSAL if getattr(device, "rehearsed", False) else Effort()
    job = Job(task, tuple(candidates), effort)
    title = f"{'In rehearsal' if effort is REHEARSAL else 'On the device'}: {TASKS[task]}"
    return run_with_progress(
        lambda report: measure_on(device, job, ledger, on_progress=report), title, kept="Nothing of this one was kept."
    )


def compare_there(
    device: Device, candidates: Sequence[Candidate], *, baseline: str, answers: bool = False
) -> pd.DataFrame:
    """Measure options in turns on a device, write their records down, and return one row an option as ``compare`` does.

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
