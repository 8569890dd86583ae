"""One call that measures an option the way every lesson does, and keeps each result as soon as it is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from labs.backends import Backend
from labs.bench.accuracy import accuracy
from labs.bench.latency import latency
from labs.bench.recording import size
from labs.bench.throughput import throughput
from labs.progress import OnProgress, part, silent
from labs.records import Ledger, Measurement


def measure_option(
    backend: Backend,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    option: str,
    ledger: Ledger | None = None,
    dataset: str = "food11-mini/evaluation",
    batch_sizes: Sequence[int] = (1, 4, 16, 32),
    clock: Callable[[], float] = time.perf_counter,
    on_progress: OnProgress = silent,
) -> list[Measurement]:
    """Return records of size, accuracy, single-sample latency and throughput of one option.

    Args:
        backend: A loaded backend.
        images: Labelled pictures, float32 (N, 3, 224, 224); the first is the request whose latency is measured.
        labels: Integers (N,), 0 to 10.
        option: Name under which the records are kept.
        ledger: Each record is appended as soon as it exists, so stopping later loses nothing.
        dataset: Name of the data set and split.
        batch_sizes: Batch sizes whose throughput is measured.
        clock: Monotonic clock in seconds.
        on_progress: Told how far it is; may raise ``Cancelled``.
    """
    info = backend.describe()
    records: list[Measurement] = []

    def keep(*made: Measurement) -> None:
        records.extend(ledger.append(one) if ledger else one for one in made)

    keep(size(backend.model_path, option=option, backend=info.backend, precision=info.precision))
    # In batches whose throughput is measured too: torch.compile, TensorRT and others build anew for each further size,
    # which takes longer than all the pictures together.
    batches = {"batch_size": max(batch_sizes)} if batch_sizes else {}
    report = part(on_progress, 0.0, 0.35)
    keep(accuracy(backend, images, labels, option=option, dataset=dataset, on_progress=report, **batches))
    keep(latency(backend, images[:1], option=option, clock=clock, on_progress=part(on_progress, 0.35, 0.6)))
    for index, batch_size in enumerate(batch_sizes):
        # One at a time, so that each is in the ledger before the next, longer one begins.
        begin, end = (0.6 + 0.4 * (index + step) / len(batch_sizes) for step in (0, 1))
        keep(
            *throughput(
                backend,
                images,
                option=option,
                batch_sizes=(batch_size,),
                clock=clock,
                on_progress=part(on_progress, begin, end),
            )
        )
    on_progress(1.0, f"{option}: done")
    return records
