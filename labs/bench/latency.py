"""Single-request latency: call after call, until the median is known as precisely as was asked."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from labs import stats
from labs.backends import Backend
from labs.bench.recording import Stopwatch, record
from labs.bench.warmup import warm_up
from labs.progress import OnProgress, silent
from labs.records import Measurement
from labs.records.format import milliseconds

#: Calls between two looks at the precision; few enough that progress moves, many enough that looking costs nothing.
BLOCK = 20

#: Calls made at least. With fewer than 368 samples, all of them lie below the true p99 more than once in forty times
#: (0.99 ** n > 0.025), and its 95 % interval has no upper end.
MIN_SAMPLES = 400


def latency(
    backend: Backend,
    images: np.ndarray,
    *,
    option: str,
    precision: float = 0.02,
    min_samples: int = MIN_SAMPLES,
    limit_s: float = 30.0,
    clock: Callable[[], float] = time.perf_counter,
    on_progress: OnProgress = silent,
) -> Measurement:
    """Return a record of request latencies in seconds, with all samples.

    Args:
        backend: A loaded backend.
        images: One request: float32 (N, 3, 224, 224); N is 1 for single-sample latency.
        option: Name under which the record is kept.
        precision: Wanted half-width of the median's 95 % interval, as a fraction of the median.
        min_samples: Calls made at least, however precise the median is: tails need them.
        limit_s: Seconds after which it stops as soon as ``min_samples`` are there.
        clock: Monotonic clock in seconds.
        on_progress: Told how far it is; may raise ``Cancelled``.
    """
    on_progress(0.0, f"{option}: warming up")
    warmup = warm_up(backend, images, clock=clock)
    watch, samples = Stopwatch(clock), []
    while True:
        samples += backend.time_calls(images, BLOCK, clock)
        median = stats.median_interval(samples)
        spent_s = clock() - watch.start_s
        on_progress(
            _fraction(len(samples) / min_samples, precision / max(median.relative_half_width, 1e-9), spent_s / limit_s),
            f"{option}: {len(samples)} requests, median {milliseconds(median.value)} "
            f"± {median.relative_half_width:.1%}",
        )
        enough = median.relative_half_width <= precision or spent_s >= limit_s
        if len(samples) >= min_samples and enough:
            break
    return record("latency", option, samples, backend, watch, batch_size=len(images), warmup=warmup)


def _fraction(samples: float, precision: float, time_spent: float) -> float:
    """Return how far a measurement is: it ends with enough samples and either precision or its time spent."""
    return min(1.0, samples, max(precision, time_spent))
