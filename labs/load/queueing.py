"""Queueing theory for a model server.

Requests arrive at ``rate_rps`` (λ), one takes ``service_s`` (1/μ), ``servers`` (c) work side by side, and the
utilization is ρ = λ / (c μ). The formulas assume Poisson arrivals, a service time that does not depend on the load, and
ρ < 1. The deep dive 'Queueing theory' tests each assumption on a real server.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Queue:
    """One queue in front of some equal servers; refused (ValueError) where it would never settle."""

    #: Requests a second that arrive, on average.
    rate_rps: float
    #: Mean seconds that a server takes for a request.
    service_s: float
    #: Servers (instances of the model) that take from the one queue.
    servers: int = 1
    #: Squared coefficient of variation of the service time: 0 constant (M/D/c), 1 exponential (M/M/c).
    variability: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.utilization < 1:
            raise ValueError(
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
