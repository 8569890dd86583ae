"""A device's work on a job: the course's benchmark, from a file to records as JSON lines."""

import functools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

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
    """Yield the records of a job, each as soon as it is there.

    The job's files are in ``models``, or in the workspace.
    """
    yield from _TASKS[job.task](job, models or models_dir(), on_progress)


def _options(job: Job, models: Path, on_progress: OnProgress) -> Iterator[Measurement]:
    """Yield what candidates answer and, unless the job asks for that alone, their times."""
    count = len(job.candidates)
    answers_only = job.task == "answers"
    for index, candidate in enumerate(job.candidates):
        report = part(on_progress, index / count, (index + 1) / count)
        images, labels = pictures(candidate.input_px, job.effort.pictures)
        session = candidate.open(models)
        yield bench.size(session, option=candidate.option)
        yield bench.accuracy(
            session,
            images,
            labels,
            option=candidate.option,
            dataset=_dataset_name(candidate.input_px),
            on_progress=part(report, 0.0, 1.0 if answers_only else 0.5),
        )
        if not answers_only:
            yield from _times(job, candidate.option, session, images, part(report, 0.5, 1.0))


def _dataset_name(size_px: int) -> str:
    name = f"{DATASET}/evaluation"
    return name if size_px == INPUT_SIZE_PX else f"{name} at {size_px} px"


def _times(
    job: Job, option: str, session: object, images: np.ndarray, on_progress: OnProgress
) -> Iterator[Measurement]:
    effort = job.effort
    yield bench.latency(
        session,
        images[:1],
        option=option,
        min_samples=effort.latency_samples,
        limit_s=effort.latency_limit_s,
        on_progress=part(on_progress, 0.0, 0.6),
    )
    yield from bench.throughput(
        session,
        images,
        option=option,
        batch_sizes=job.batch_sizes,
        min_batches=effort.batches,
        min_s=effort.latency_limit_s / 10,
        on_progress=part(on_progress, 0.6, 1.0),
    )


def _compare(job: Job, models: Path, on_progress: OnProgress) -> Iterator[Measurement]:
    largest_batch = max(job.batch_sizes)
    images, sessions = {}, {}
    for candidate in job.candidates:
        images[candidate.option], _ = pictures(candidate.input_px, largest_batch)
    for candidate in job.candidates:
        sessions[candidate.option] = candidate.open(models)
    yield from bench.compare(
        sessions,
        images,
        rounds=job.effort.rounds,
        block_calls=job.effort.block_calls,
        batches=job.batch_sizes,
        on_progress=on_progress,
    )


def _sustained(job: Job, models: Path, on_progress: OnProgress) -> Iterator[Measurement]:
    candidate = job.candidates[0]
    images, _ = pictures(candidate.input_px, 1)
    yield sustained(
        candidate.open(models),
        images,
        option=candidate.option,
        duration_s=job.effort.sustained_s,
        window_s=job.effort.window_s,
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
    """Do the job in a file, and return how many records it gave.

    They are written as JSON lines when all are there, in place of older ones.
    """
    job = Job.from_json(json.loads(job_path.read_text(encoding="utf-8")))
    measured = list(measure(job, on_progress=on_progress))
    records = [replace(record, details={**record.details, "job": job.task}) for record in measured]
    records_path.parent.mkdir(parents=True, exist_ok=True)
    partial = records_path.with_suffix(".partial")
    lines = [json.dumps(record.to_json()) + "\n" for record in records]
    partial.write_text("".join(lines), encoding="utf-8")
    partial.replace(records_path)
    return len(records)
