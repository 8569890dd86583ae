"""Warm-up: predict until the timings have settled, and say whether they did."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np

from labs.backends import Backend

#: Two neighbouring blocks whose medians differ by less than this count as settled.
SETTLED_WITHIN = 0.03


@dataclass(frozen=True)
class WarmUp:
    """What it took to settle."""

    #: Predictions made and thrown away.
    count: int
    #: True when timings settled, False when patience ran out first.
    settled: bool


def warm_up(
    backend: Backend,
    images: np.ndarray,
    *,
    block: int = 5,
    limit_s: float = 10.0,
    clock: Callable[[], float] = time.perf_counter,
) -> WarmUp:
    """Predict until two neighbouring blocks take the same time, and return what it took.

    One discarded call is not enough: a compiled model builds its kernels at the first calls, caches and clock speeds
    follow, and thread pools wake up.

    Args:
        backend: A loaded backend.
        images: One batch, as it will be measured.
        block: Predictions in a block.
        limit_s: Seconds after which it gives up. The very first prediction does not count towards them: it may
            compile for half a minute.
        clock: Monotonic clock in seconds.
    """
    backend.time_calls(images, 1, clock)
    count, previous = 1, None
    begin_s = clock()
    while clock() - begin_s < limit_s:
        current = median(backend.time_calls(images, block, clock))
        count += block
        if previous is not None and abs(current - previous) <= SETTLED_WITHIN * previous:
            return WarmUp(count, True)
        previous = current
    return WarmUp(count, False)
