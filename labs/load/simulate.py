"""A small discrete-event simulation of a model server: what formulas are held against, and what they cannot say.

It knows a queue, equal servers, batches, and a delay for company: Triton's scheduler in forty lines.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np


def simulate(
    arrivals_s: np.ndarray,
    service_s: Callable[[int], float],
    *,
    servers: int = 1,
    max_batch_size: int = 1,
    delay_s: float = 0.0,
) -> np.ndarray:
    """Return the latency of each request, from its arrival to the end of its batch.

    A free server takes what is waiting, up to a full batch. Unless the batch is full, the oldest request waits up to
    ``delay_s`` for company first.

    Args:
        arrivals_s: Times of arrival in seconds, rising.
        service_s: Seconds that a batch of a given size takes; called once a batch, so it may draw at random.
        servers: Instances that take from the one queue.
        max_batch_size: Most requests in a batch.
        delay_s: Seconds that a request may wait for company.

    Returns:
        float64 (N,), seconds.

    Source: Triton's model configuration, 'Dynamic Batcher', whose rule this follows.
    """
    arrivals_s = np.asarray(arrivals_s, float)
    ended_s = np.empty(len(arrivals_s))
    free_s = [0.0] * servers
    first = 0
    while first < len(arrivals_s):
        oldest_s = arrivals_s[first]
        ready_s = max(heapq.heappop(free_s), oldest_s)
        full = first + max_batch_size - 1
        if delay_s > 0 and max_batch_size > 1:
            # It goes when it is full or when the oldest has waited long enough, whichever comes first.
            full_s = arrivals_s[full] if full < len(arrivals_s) else np.inf
            ready_s = max(ready_s, min(full_s, oldest_s + delay_s))
        last = min(int(np.searchsorted(arrivals_s, ready_s, side="right")), full + 1)
        end_s = ready_s + service_s(last - first)
        ended_s[first:last] = end_s
        heapq.heappush(free_s, end_s)
        first = last
    return ended_s - arrivals_s
