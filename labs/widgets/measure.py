"""Measure options in a cell, here or on a device: progress, Cancel, and one row an option."""

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
    from labs.edge.job import Candidate, RemoteDevice


def compare(
    targets: Mapping[str, object],
    images: np.ndarray | None,
    labels: np.ndarray | None = None,
    *,
    baseline: str,
    batches: Sequence[int] = (1, 32),
    rounds: int = 20,
) -> pd.DataFrame:
    """Measure options in turns under a progress bar, record them, and return one row an option.

    Args:
        images: float32 (N, 3, 224, 224): one photo and a batch are made of them, and all are asked
            if there are labels. None for functions without arguments.
        labels: Integers (N,): right answers are counted, and the file's size is noted.
        batches: How many images at once.

    Returns:
        The columns of ``Comparison.table``; with labels also ``MB``, ``right of N``, and
        ``accuracy``: 'kept' beside the baseline, or 'not shown' (``Paired.kept``).

    Raises:
        Stopped: It was cancelled; nothing of the run in turns is kept.
    """

    def work(report: OnProgress) -> Comparison:
        return bench.compare(targets, images, batches=batches, rounds=rounds, on_progress=report)

    run = run_with_progress(work, "Side by side")
    for record in run:
        ledger().append(record)
    table = run.table(baseline)
    if labels is None or images is None:
        return table
    return table.join(_answered(evaluate(targets, images, labels), baseline))


def _answered(answers: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Return ``evaluate``'s table with whether each accuracy is kept beside the baseline's."""
    records = ledger().read()
    verdicts = {}
    for option in answers.index:
        if pair := records.paired_accuracy(option, baseline):
            verdicts[option] = pair.kept(MAY_LOSE)
    return answers.assign(accuracy=pd.Series(verdicts))


def _counts(right: Measurement) -> tuple[float, int]:
    """Return the file's megabytes and how many answers were right, from a record of accuracy."""
    return right.model.size_bytes / 1e6, int(sum(right.samples))


def _table(counts: Mapping[str, tuple[float, int]], photos: int) -> pd.DataFrame:
    columns = ["MB", f"right of {photos}"]
    return pd.DataFrame.from_dict(counts, orient="index", columns=columns)


def evaluate(targets: Mapping[str, object], images: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """Count right answers and bytes of options, record both, and return one row an option.

    Raises:
        Stopped: It was cancelled; the finished part is kept.
    """

    def work(report: OnProgress) -> dict[str, tuple[float, int]]:
        rows = {}
        count = len(targets)
        for place, (option, target) in enumerate(targets.items()):
            right = bench.accuracy(
                target,
                images,
                labels,
                option=option,
                on_progress=part(report, place / count, (place + 1) / count),
            )
            size = bench.size(target, option=option)
            ledger().append(size)
            ledger().append(right)
            rows[option] = _counts(right)
        return rows

    rows = run_with_progress(
        work, "Answers", after_stop="What was finished before is in the ledger."
    )
    return _table(rows, len(labels))


def measure_there(
    device: RemoteDevice,
    task: str,
    candidates: Sequence[Candidate],
    *,
    batches: Sequence[int] = (1,),
    ledger: Ledger | None = None,
) -> list[Measurement]:
    """Measure on a device and return the records; a rehearsed device is asked for little.

    Args:
        task: What, a key of ``labs.edge.job.TASKS``.
        batches: How many images at once, in 'compare' and 'options'.
        ledger: Where the records are kept; nowhere when None.

    Raises:
        Stopped: It was cancelled here; the device ends what it has begun, and nothing of it is
            kept.
    """
    from labs.edge.job import REHEARSAL, TASKS, Effort, Job, measure_on

    effort = REHEARSAL if getattr(device, "rehearsed", False) else Effort()
    job = Job(task, tuple(candidates), effort, tuple(batches))
    place = "In rehearsal" if effort is REHEARSAL else "On the device"
    return run_with_progress(
        lambda report: measure_on(device, job, ledger, on_progress=report),
        f"{place}: {TASKS[task]}",
        after_stop="Nothing of this one was kept.",
    )


def compare_there(
    device: RemoteDevice,
    candidates: Sequence[Candidate],
    *,
    baseline: str,
    batches: Sequence[int] = (1,),
    answers: bool = False,
) -> pd.DataFrame:
    """Measure options in turns on a device, record them, and return ``compare``'s table.

    Args:
        answers: Whether right answers are counted as well.

    Raises:
        Stopped: As for ``measure_there``.
    """
    answered = measure_there(device, "answers", candidates, ledger=ledger()) if answers else []
    run = measure_there(device, "compare", candidates, batches=batches, ledger=ledger())
    table = Comparison(tuple(run)).table(baseline)
    right = {record.option: record for record in answered if record.kind == "accuracy"}
    if not right:
        return table
    counts = {option: _counts(record) for option, record in right.items()}
    first = next(iter(right.values()))
    return table.join(_answered(_table(counts, len(first.samples)), baseline))
