"""What a device does with a job: the course's one benchmark, told from a file, with records as JSON lines."""

import functools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from labs import assets, bench
from labs.bench.sustained import sustained
from labs.data.dataset import load_split
from labs.data.preprocess import INPUT_SIZE_PX
from labs.edge.job import Job
from labs.records import Measurement
from labs.runtimes.progress import OnProgress, part, silent
from labs.workspace import models_dir

#: The data set that every device measures with.
DATASET = "food11-mini"


def measure(
    job: Job, *, models: Path | None = None, on_progress: OnProgress = silent
) -> Iterator[Measurement]:
    """Yield the records of a job, each as soon as it is there; its files lie in ``models``, or in the workspace."""
    yield from _TASKS[job.task](job, models or models_dir(), on_progress)


def _options(job: Job, models: Path, on_progress: OnProgress) -> Iterator[Measurement]:
    """Yield what candidates answer and, unless that is all that is asked for, how long they take."""
    effort, is_all = job.effort, job.task == "answers"
    for index, one in enumerate(job.candidates):
        report = part(on_progress, index / len(job.candidates), (index + 1) / len(job.candidates))
        images, labels = pictures(one.input_px, effort.pictures)
        session = one.open(models)
        yield bench.size(session, option=one.option)
        name = f"{DATASET}/evaluation" + (
            f" at {one.input_px} px" if one.input_px != INPUT_SIZE_PX else ""
        )
        begun = part(report, 0.0, 1.0 if is_all else 0.5)
        yield bench.accuracy(
            session, images, labels, option=one.option, dataset=name, on_progress=begun
        )
        if is_all:
            continue
        yield bench.latency(
            session,
            images[:1],
            option=one.option,
            min_samples=effort.latency_samples,
            limit_s=effort.latency_limit_s,
            on_progress=part(report, 0.5, 0.8),
        )
        sizes: dict[str, Any] = {
            "batch_sizes": job.batch_sizes,
            "min_batches": effort.batches,
            "min_s": effort.latency_limit_s / 10,
        }
        yield from bench.throughput(
            session, images, option=one.option, on_progress=part(report, 0.8, 1.0), **sizes
        )


def _compare(job: Job, models: Path, on_progress: OnProgress) -> Iterator[Measurement]:
    images = {
        candidate.option: pictures(candidate.input_px, max(job.batch_sizes))[0]
        for candidate in job.candidates
    }
    sessions = {candidate.option: candidate.open(models) for candidate in job.candidates}
    settings: dict[str, Any] = {
        "rounds": job.effort.rounds,
        "block_calls": job.effort.block_calls,
        "batches": job.batch_sizes,
    }
    yield from bench.compare(sessions, images, on_progress=on_progress, **settings)


def _sustained(job: Job, models: Path, on_progress: OnProgress) -> Iterator[Measurement]:
    one, effort = job.candidates[0], job.effort
    images, _ = pictures(one.input_px, 1)
    yield sustained(
        one.open(models),
        images,
        option=one.option,
        duration_s=effort.sustained_s,
        window_s=effort.window_s,
        on_progress=on_progress,
    )


_TASKS: dict[str, Callable[[Job, Path, OnProgress], Iterator[Measurement]]] = {
    "options": _options,
    "answers": _options,
    "compare": _compare,
    "sustained": _sustained,
}


# One set at a time: 660 pictures are 400 MB, and candidates of one size follow each other.
@functools.lru_cache(maxsize=1)
def pictures(size_px: int, limit: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the evaluation pictures in the size that a candidate takes, and their labels."""
    return load_split(assets.dataset(DATASET), "evaluation", limit=limit, size_px=size_px)


def run_job(job_path: Path, records_path: Path, on_progress: OnProgress) -> int:
    """Do the job in a file, write its records as JSON lines in place of older ones when all are there; count them."""
    job = Job.from_json(json.loads(job_path.read_text(encoding="utf-8")))
    measured = list(measure(job, on_progress=on_progress))
    records = [replace(record, details={**record.details, "job": job.task}) for record in measured]
    records_path.parent.mkdir(parents=True, exist_ok=True)
    partial = records_path.with_suffix(".partial")
    partial.write_text(
        "".join(json.dumps(record.to_json()) + "\n" for record in records), encoding="utf-8"
    )
    partial.replace(records_path)
    return len(records)
