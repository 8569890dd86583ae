"""Queueing theory for a model server: what the wait should be, from the rate of requests and the time that one takes.

The notation in one place: requests arrive at ``rate_rps`` (λ), one takes ``service_s`` (1/μ), ``servers`` (c) work side
by side, and the utilization is ρ = λ / (c μ). ``variability`` is the squared coefficient of variation of the service
time: 0 where every request takes the same (M/D/c), 1 where times are exponential (M/M/c).

Everything here assumes Poisson arrivals, a service time that does not depend on the load, and a queue without an end.
A server on a shared machine breaks the second assumption; lesson 41 shows where.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


class UnstableQueueError(ValueError):
    """More arrives than can be served: the queue grows without end and has no mean wait."""


@dataclass(frozen=True)
class Queue:
    """One queue in front of some equal servers."""

    #: Requests a second that arrive, on average.
    rate_rps: float
    #: Mean seconds that a server takes for a request.
    service_s: float
    #: Servers (instances of the model) that take from the one queue.
    servers: int = 1
    #: Squared coefficient of variation of the service time: 0 constant, 1 exponential.
    variability: float = 0.0

    def __post_init__(self) -> None:
        if self.rate_rps <= 0 or self.service_s <= 0 or self.servers < 1 or self.variability < 0:
            raise ValueError("rate and service time must be above zero, servers at least one, variability at least 0")

    @property
    def utilization(self) -> float:
        """Offered load of a server: the share of the time that it is busy, as long as this is below 1.

        From 1 on nothing settles, and the number says by how much more arrives than can be served, not how busy a
        server is: that is never more than all of the time.
        """
        return self.rate_rps * self.service_s / self.servers

    @property
    def capacity_rps(self) -> float:
        """Requests a second at which it would be busy all the time."""
        return self.servers / self.service_s

    @property
    def wait_probability(self) -> float:
        """Probability that a request finds all servers busy, for exponential service (exact for one server)."""
        return erlang_c(self.servers, self._stable().rate_rps * self.service_s)

    @property
    def mean_wait_s(self) -> float:
        """Mean seconds in the queue.

        Exact for one server (Pollaczek and Khinchine) and for exponential service; otherwise the usual approximation,
        which scales the wait of M/M/c by (1 + variability) / 2.

        Source: Lee and Longton (1959); Allen, 'Probability, Statistics and Queueing Theory' (2nd ed.), section 5.3.
        """
        exponential = self.wait_probability / (self.capacity_rps - self.rate_rps)
        return exponential * (1 + self.variability) / 2

    @property
    def mean_latency_s(self) -> float:
        """Mean seconds from arrival to answer."""
        return self.mean_wait_s + self.service_s

    @property
    def mean_waiting(self) -> float:
        """Mean number of requests in the queue, where it is stable.

        Source: Little's law, L = λ W (Little, 1961), for what arrives and leaves in the long run. On a run that is
        cut off while the queue still grows, more arrives than leaves and the law says nothing.
        """
        return self.rate_rps * self.mean_wait_s

    def wait_s(self, q: float) -> float:
        """Return the ``q``-th percentile of the wait in seconds, 0 to below 100.

        Exact for M/M/c, where the wait of those who wait is exponential; otherwise the same form with the mean fitted.
        """
        waits = self.wait_probability
        if 1 - q / 100 >= waits:
            return 0.0
        return self.mean_wait_s / waits * math.log(waits / (1 - q / 100))

    def at(self, rate_rps: float) -> Queue:
        """Return the same servers at another rate."""
        return replace(self, rate_rps=rate_rps)

    def _stable(self) -> Queue:
        if self.utilization >= 1:
            raise UnstableQueueError(
                f"{self.rate_rps:.0f} requests/s arrive and {self.capacity_rps:.0f} can be served (utilization "
                f"{self.utilization:.2f}): the queue grows for as long as this lasts. Ask for a lower rate."
            )
        return self


def erlang_c(servers: int, offered: float) -> float:
    """Return the probability that an arrival has to wait in M/M/c.

    Args:
        servers: c, at least 1.
        offered: λ/μ in Erlang, below ``servers``.

    Source: Erlang's C formula through the recursion of his B formula (Cooper, 'Introduction to Queueing Theory',
    2nd ed., equations 3.5 and 4.10), which does not overflow.
    """
    blocked = 1.0
    for index in range(1, servers + 1):
        blocked = offered * blocked / (index + offered * blocked)
    return blocked / (1 - offered / servers * (1 - blocked))


@dataclass(frozen=True)
class BatchCost:
    """What a batch costs: a fixed part that all its requests share, and a part for each."""

    #: Seconds for a batch of any size.
    fixed_s: float
    #: Seconds more for each picture in it.
    per_picture_s: float

    def service_s(self, batch_size: float) -> float:
        """Return the seconds that a batch takes."""
        return self.fixed_s + self.per_picture_s * batch_size

    def capacity_rps(self, max_batch_size: int, servers: int = 1) -> float:
        """Return the pictures a second at which full batches run all the time."""
        return servers * max_batch_size / self.service_s(max_batch_size)


def fit_batch_cost(batch_sizes: Sequence[float], durations_s: Sequence[float]) -> BatchCost:
    """Return the straight line through measured batches (least squares, no part below zero).

    Args:
        batch_sizes: At least two different sizes.
        durations_s: Seconds that a batch of each took.

    Raises:
        ValueError: There are not two different sizes.
    """
    if len(set(batch_sizes)) < 2 or len(batch_sizes) != len(durations_s):
        raise ValueError("a line needs batches of at least two sizes, each with its duration")
    sizes = np.asarray(batch_sizes, float)
    # Divided by the durations, so that a large batch does not outweigh ten small ones.
    weights = 1 / np.asarray(durations_s, float)
    columns = np.stack([weights, sizes * weights], axis=1)
    fixed_s, per_picture_s = np.linalg.lstsq(columns, np.ones(len(sizes)), rcond=None)[0]
    if fixed_s < 0 or per_picture_s < 0:
        # The part that would be below zero is none; the other one alone fits best.
        alone = columns[:, 1] if fixed_s < 0 else columns[:, 0]
        best = float(alone.sum() / (alone @ alone))
        fixed_s, per_picture_s = (0.0, best) if fixed_s < 0 else (best, 0.0)
    return BatchCost(float(fixed_s), float(per_picture_s))


@dataclass(frozen=True)
class BatchQueue:
    """One server that takes all waiting requests at once, up to a largest batch, whenever it becomes free."""

    #: Requests a second that arrive.
    rate_rps: float
    #: What its batches cost.
    cost: BatchCost
    #: Largest batch.
    max_batch_size: int

    @property
    def mean_batch(self) -> float:
        """Requests in a batch while it is busy: those that came during the batch before, b = λ s(b), at least 1."""
        growth = self.rate_rps * self.cost.per_picture_s
        if growth >= 1:
            return float(self.max_batch_size)
        return float(np.clip(self.rate_rps * self.cost.fixed_s / (1 - growth), 1, self.max_batch_size))

    @property
    def utilization(self) -> float:
        """Share of the time that it is busy. Close to 1 long before it is full: the batches grow instead."""
        return min(1.0, self.rate_rps * self.cost.service_s(self.mean_batch) / self.mean_batch)

    @property
    def mean_latency_s(self) -> float:
        """Mean seconds from arrival to answer, approximately.

        A request that finds the server busy waits for what is left of the batch (half of it on average, since batches
        of one size take one time) and then shares the next: ρ s(b) / 2 + s(b). The approximation takes every batch for
        a mean one; ``labs.load.simulate`` needs no such thing, and the tests hold one against the other.

        Raises:
            UnstableQueueError: Full batches cannot keep up.
        """
        capacity_rps = self.cost.capacity_rps(self.max_batch_size)
        if self.rate_rps >= capacity_rps:
            raise UnstableQueueError(
                f"{self.rate_rps:.0f} requests/s arrive and full batches serve {capacity_rps:.0f}: ask for fewer."
            )
        service_s = self.cost.service_s(self.mean_batch)
        return service_s * (1 + self.utilization / 2)

    def at(self, rate_rps: float) -> BatchQueue:
        """Return the same server at another rate."""
        return replace(self, rate_rps=rate_rps)
