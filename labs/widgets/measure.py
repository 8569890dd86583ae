"""Measure options in a cell, here or on a device: progress, time left, Cancel, and one row an option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from labs import bench
from labs.records import Comparison, Ledger, Measurement
from labs.records.ledger import ledger
from labs.records.targets import MAY_LOSE
from labs.runtimes.progress import OnProgress, part
from labs.widgets.progress import run_with_progress

if TYPE_CHECKING:
    from labs.edge.job import Candidate, Device


def compare(
    targets: Mapping[str, object],
    images: np.ndarray | None,
    labels: np.ndarray | None = None,
    *,
    baseline: str,
    batches: Sequence[int] = (1, 32),
    rounds: int = 20,
) -> pd.DataFrame:
    """Measure options in turns under a progress bar, write their records down, and return one row per option.

    Args:
        images: float32 (N, 3, 224, 224): one photo and a batch are made of them, and all are asked if there are labels.
            None for functions without arguments.
        labels: Integers (N,): right answers are counted, and the file's size is noted.
        batches: How many images at once.

    Returns:
        The columns of ``Comparison.table``; with labels also ``MB``, ``right of N``, and ``accuracy``: 'kept' beside
        the baseline, or 'not shown' (``Paired.kept``).

    Raises:
        Stopped: It was cancelled; nothing of the run in turns is kept.
    """
    run = run_with_progress(
        lambda report: bench.compare(
            targets, images, batches=batches, rounds=rounds, on_progress=report
        ),
        "Side by side",
    )
    for record in run:
        ledger().append(record)
    table = run.table(baseline)
    if labels is None or images is None:
        return table
    return table.join(_answered(evaluate(targets, images, labels), baseline))


def _answered(answers: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Return the table of ``evaluate`` with whether each option's accuracy is kept beside the baseline's."""
    records = ledger().read()
    pairs = {option: records.paired_accuracy(option, baseline) for option in answers.index}
    return answers.assign(
        accuracy=pd.Series({option: pair.kept(MAY_LOSE) for option, pair in pairs.items() if pair})
    )


def evaluate(targets: Mapping[str, object], images: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """Count right answers and bytes of options under a progress bar, write both down, and return one row an option.

    Raises:
        Stopped: It was cancelled; what was finished before is kept.
    """

    def work(report: OnProgress) -> dict[str, tuple[float, int]]:
        rows = {}
        for place, (option, target) in enumerate(targets.items()):
            ends = place / len(targets), (place + 1) / len(targets)
            right = bench.accuracy(
                target, images, labels, option=option, on_progress=part(report, *ends)
            )
            for record in (bench.size(target, option=option), right):
                ledger().append(record)
            rows[option] = right.model.size_bytes / 1e6, int(sum(right.samples))
        return rows

    rows = run_with_progress(work, "Answers", kept="What was finished before is in the ledger.")
    return pd.DataFrame.from_dict(rows, orient="index", columns=["MB", f"right of {len(labels)}"])


def measure_there(
    device: Device,
    task: str,
    candidates: Sequence[Candidate],
    *,
    batches: Sequence[int] = (1,),
    ledger: Ledger | None = None,
) -> list[Measurement]:
    """Measure on a device and return the records, which are in the ledger then; a rehearsed one is asked for little.

    Args:
        task: What, a key of ``labs.edge.job.TASKS``.
        batches: How many images at once, in 'compare' and 'options'.
        ledger: Where the records are kept; nowhere when None.

    Raises:
        Stopped: It was cancelled here; the device ends what it has begun, and nothing of it is kept.
    """
    from labs.edge.job import REHEARSAL, TASKS, Effort, Job, measure_on

    effort = REHEARSAL if getattr(device, "rehearsed", False) else Effort()
    job = Job(task, tuple(candidates), effort, tuple(batches))
    title = f"{'In rehearsal' if effort is REHEARSAL else 'On the device'}: {TASKS[task]}"
    return run_with_progress(
        lambda report: measure_on(device, job, ledger, on_progress=report),
        title,
        kept="Nothing of this one was kept.",
    )


def compare_there(
    device: Device,
    candidates: Sequence[Candidate],
    *,
    baseline: str,
    batches: Sequence[int] = (1,),
    answers: bool = False,
) -> pd.DataFrame:
    """Measure options in turns on a device, write their records down, and return a table as ``compare`` does.

    Args:
        answers: Whether right answers are counted as well.

    Raises:
        Stopped: As for ``measure_there``.
    """
    full = measure_there(device, "answers", candidates, ledger=ledger()) if answers else []
    run = measure_there(device, "compare", candidates, batches=batches, ledger=ledger())
    table = Comparison(tuple(run)).table(baseline)
    right = {one.option: one for one in full if one.kind == "accuracy"}
    if not right:
        return table
    rows = {
        name: (one.model.size_bytes / 1e6, int(sum(one.samples))) for name, one in right.items()
    }
    photos = len(next(iter(right.values())).samples)
    counted = pd.DataFrame.from_dict(rows, orient="index", columns=["MB", f"right of {photos}"])
    return table.join(_answered(counted, baseline))
