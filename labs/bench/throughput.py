"""Batch throughput over batch sizes: how many pictures a second when nobody waits for a single one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from labs.backends import Backend
from labs.bench.recording import Stopwatch, record
from labs.bench.warmup import warm_up
from labs.progress import OnProgress, silent
from labs.records import Measurement
from labs.records.format import rate


def throughput(
    backend: Backend,
    images: np.ndarray,
    *,
    option: str,
    batch_sizes: Sequence[int] = (1, 4, 16, 32),
    min_batches: int = 20,
    min_s: float = 1.0,
    limit_s: float = 8.0,
    clock: Callable[[], float] = time.perf_counter,
    on_progress: OnProgress = silent,
) -> list[Measurement]:
    """Return one record a batch size; its samples are the wall times of whole batches in seconds.

    Args:
        backend: A loaded backend.
        images: float32 (M, 3, 224, 224); repeated or cut to each batch size.
        option: Name under which the records are kept.
        batch_sizes: Sizes to measure, in this order.
        min_batches: Batches timed at least for each size.
        min_s: Seconds measured at least for each size.
        limit_s: Seconds after which half of ``min_batches`` will do: where a batch takes a second, nobody waits for
            twenty. The record's interval is then as wide as fewer samples make it.
        clock: Monotonic clock in seconds.
        on_progress: Told how far it is; may raise ``Cancelled``.
    """
    records = []
    for index, batch_size in enumerate(batch_sizes):
        on_progress(index / len(batch_sizes), f"{option}: batches of {batch_size}")
        batch = np.ascontiguousarray(np.resize(images, (batch_size, *images.shape[1:])))
        warmup = warm_up(backend, batch, block=2, clock=clock)
        watch, samples = Stopwatch(clock), []
        spent_s = 0.0
        while spent_s < min_s or len(samples) < (min_batches if spent_s < limit_s else min_batches / 2):
            samples += backend.time_calls(batch, 5, clock)
            spent_s = clock() - watch.start_s
            share = min(len(samples) / min_batches, spent_s / max(min_s, 1e-9), 1.0)
            on_progress((index + share) / len(batch_sizes), f"{option}: batches of {batch_size}")
        made = record("throughput", option, samples, backend, watch, batch_size=batch_size, warmup=warmup)
        records.append(made)
        on_progress(
            (index + 1) / len(batch_sizes),
            f"{option}: batches of {batch_size}, {rate(made.throughput_fps.value)}",
        )
    return records
