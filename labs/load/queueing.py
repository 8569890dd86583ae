"""Queueing theory for a model server, and a simulation that needs none of its assumptions.

The notation in one place: requests arrive at ``rate_rps`` (λ), one takes ``service_s`` (1/μ), ``servers`` (c) work side
by side, and the utilization is ρ = λ / (c μ). The formulas assume Poisson arrivals, a service time that does not depend
on the load, and ρ < 1. The deep dive 'Queueing theory' shows these bodies and tests each assumption on a real server.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


class UnstableQueueError(ValueError):
    """As much arrives as can be served, or more: the queue grows without end and has no mean wait."""


@dataclass(frozen=True)
class Queue:
    """One queue in front of some equal servers; refused where it would never settle."""

    #: Requests a second that arrive, on average.
    rate_rps: float
    #: Mean seconds that a server takes for a request.
    service_s: float
    #: Servers (instances of the model) that take from the one queue.
    servers: int = 1
    #: Squared coefficient of variation of the service time: 0 constant (M/D/c), 1 exponential (M/M/c).
    variability: float = 0.0

    def __post_init__(self) -> None:
        if self.rate_rps <= 0 or self.service_s <= 0 or self.servers < 1 or self.variability < 0:
            raise ValueError("rate and service time must be above zero, servers at least one, variability at least 0")
        if self.utilization >= 1:
            raise UnstableQueueError(
                f"{self.rate_rps:.0f} requests/s arrive and {self.servers / self.service_s:.0f} can be served "
                f"(utilization {self.utilization:.2f}): the queue grows for as long as this lasts; ask for less."
            )

    @property
    def utilization(self) -> float:
        """Share of the time that a server is busy, below 1."""
        return self.rate_rps * self.service_s / self.servers

    @property
    def wait_probability(self) -> float:
        """Probability that a request finds all servers busy, for exponential service (exact for one server).

        Source: Erlang's C formula through the recursion of his B formula (Cooper, 'Introduction to Queueing Theory',
        2nd ed., equations 3.5 and 4.10), which does not overflow.
        """
        offered, blocked = self.rate_rps * self.service_s, 1.0
        for index in range(1, self.servers + 1):
            blocked = offered * blocked / (index + offered * blocked)
        return blocked / (1 - self.utilization * (1 - blocked))

    @property
    def mean_wait_s(self) -> float:
        """Mean seconds in the queue.

        Exact for one server (Pollaczek and Khinchine) and for exponential service; otherwise the usual approximation,
        which scales the wait of M/M/c by (1 + variability) / 2.

        Source: Lee and Longton (1959); Allen, 'Probability, Statistics and Queueing Theory' (2nd ed.), section 5.3.
        """
        exponential_s = self.wait_probability / (self.servers / self.service_s - self.rate_rps)
        return exponential_s * (1 + self.variability) / 2

    def wait_s(self, q: float) -> float:
        """Return the ``q``-th percentile of the wait in seconds, 0 to below 100.

        Exact for M/M/c, where the wait of those who wait is exponential; otherwise the same form with the mean fitted.
        """
        waits = self.wait_probability
        if 1 - q / 100 >= waits:
            return 0.0
        return self.mean_wait_s / waits * math.log(waits / (1 - q / 100))


def simulate(
    arrivals_s: np.ndarray,
    service_s: Callable[[int], float],
    *,
    servers: int = 1,
    max_batch_size: int = 1,
    delay_s: float = 0.0,
) -> tuple[np.ndarray, list[int]]:
    """Return the latency of each request, from its arrival to the end of its batch, and the sizes of the batches.

    A free server takes what is waiting, up to a full batch. Unless the batch is full, the oldest request waits up to
    ``delay_s`` for company first.

    Args:
        arrivals_s: Times of arrival in seconds, rising.
        service_s: Seconds that a batch of a given size takes; called once a batch, so it may draw at random.
        servers: Instances that take from the one queue.
        max_batch_size: Most requests in a batch.
        delay_s: Seconds that a request may wait for company.

    Returns:
        float64 (N,) in seconds, and one size for each batch.

    Source: Triton's model configuration, 'Dynamic Batcher', whose rule this follows.
    """
    arrivals_s = np.asarray(arrivals_s, float)
    ended_s, sizes = np.empty(len(arrivals_s)), []
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
        sizes.append(last - first)
        end_s = ready_s + service_s(last - first)
        ended_s[first:last] = end_s
        heapq.heappush(free_s, end_s)
        first = last
    return ended_s - arrivals_s, sizes
