"""Queueing formulas against tables, against limits that are known exactly, and against a simulation."""

from __future__ import annotations

import numpy as np
import pytest

from labs.load.sender import arrivals
from labs.load.simulate import simulate
from labs.queueing import BatchCost, BatchQueue, Queue, UnstableQueueError, erlang_c, fit_batch_cost


@pytest.mark.parametrize(
    ("servers", "offered", "expected"),
    # Worked by hand from the sum in the definition: c = 1 gives ρ, c = 2 gives a²/(2 + a).
    [(1, 0.3, 0.3), (1, 0.9, 0.9), (2, 1.0, 1 / 3), (2, 1.5, 2.25 / 3.5), (3, 2.0, 4 / 9)],
)
def test_erlangs_c_formula(servers: int, offered: float, expected: float) -> None:
    """The probability of having to wait equals the closed forms for few servers."""
    assert erlang_c(servers, offered) == pytest.approx(expected)


def test_one_exponential_server() -> None:
    """M/M/1 at half load: waits as long as it serves, Little's law holds, and half of its requests do not wait."""
    queue = Queue(rate_rps=50, service_s=0.01, variability=1)
    assert queue.utilization == pytest.approx(0.5)
    assert queue.mean_wait_s == pytest.approx(0.01)
    assert queue.mean_waiting == pytest.approx(0.5)
    assert queue.wait_s(50) == 0
    assert queue.wait_s(95) == pytest.approx(0.01 / 0.5 * np.log(0.5 / 0.05))


def test_a_constant_service_halves_the_wait() -> None:
    """M/D/1 waits half as long as M/M/1: Pollaczek and Khinchine's formula."""
    constant, exponential = Queue(80, 0.01), Queue(80, 0.01, variability=1)
    assert constant.mean_wait_s == pytest.approx(exponential.mean_wait_s / 2)
    assert constant.mean_wait_s == pytest.approx(0.8 * 0.01 / (2 * 0.2))


def test_too_much_is_refused_with_both_rates() -> None:
    """A queue without an end has no mean; the message says by how much it is too much."""
    with pytest.raises(UnstableQueueError, match=r"200 requests/s arrive and 100 can be served"):
        _ = Queue(200, 0.01).mean_wait_s
    with pytest.raises(UnstableQueueError, match="full batches serve"):
        _ = BatchQueue(10_000, BatchCost(0.002, 0.001), 8).mean_latency_s
    with pytest.raises(ValueError, match="above zero"):
        Queue(0, 0.01)


@pytest.mark.parametrize("servers", [1, 2, 4])
@pytest.mark.parametrize("variability", [0.0, 1.0])
@pytest.mark.parametrize("utilization", [0.5, 0.8])
def test_the_formulas_agree_with_a_simulation(servers: int, variability: float, utilization: float) -> None:
    """Mean wait and 95th percentile of a hundred thousand simulated requests are the formula's, within its error."""
    service_s = 0.01
    queue = Queue(utilization * servers / service_s, service_s, servers, variability)
    rng = np.random.default_rng(7)
    draw = (lambda size: service_s) if variability == 0 else (lambda size: rng.exponential(service_s))
    latencies = simulate(arrivals(queue.rate_rps, 100_000 / queue.rate_rps, seed=3), draw, servers=servers)
    assert latencies.mean() == pytest.approx(queue.mean_latency_s, rel=0.06)
    if variability == 0:
        assert np.percentile(latencies, 95) == pytest.approx(queue.wait_s(95) + service_s, rel=0.12)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.85])
def test_the_batch_formula_agrees_with_a_simulation(load: float) -> None:
    """Where it is used (batches from one to nearly full), the approximation is within a quarter of the simulation."""
    cost = BatchCost(fixed_s=0.004, per_picture_s=0.001)
    queue = BatchQueue(load * cost.capacity_rps(16), cost, 16)
    latencies = simulate(arrivals(queue.rate_rps, 60, seed=5), cost.service_s, max_batch_size=16)
    assert latencies.mean() == pytest.approx(queue.mean_latency_s, rel=0.25)


def test_batching_carries_more_than_it_could_one_by_one() -> None:
    """At a rate that single requests cannot carry, batches do; and the wait for company costs a lonely request."""
    cost = BatchCost(0.004, 0.001)
    assert BatchQueue(400, cost, 16).mean_latency_s < 0.03
    with pytest.raises(UnstableQueueError):
        _ = Queue(400, cost.service_s(1)).mean_wait_s
    lonely = simulate(np.array([0.0, 1.0, 2.0]), cost.service_s, max_batch_size=8, delay_s=0.01)
    assert lonely == pytest.approx([0.015] * 3)


def test_a_full_batch_goes_at_once() -> None:
    """The delay ends when the batch is full; the next one begins when a server is free."""
    latencies = simulate(
        np.array([0.0, 0.001, 0.002]), BatchCost(0.01, 0.0).service_s, max_batch_size=2, delay_s=0.1, servers=2
    )
    assert latencies == pytest.approx([0.011, 0.010, 0.110])


def test_the_line_through_batches_is_found() -> None:
    """Fixed and per-picture parts come back from the durations that they made; one size alone is refused."""
    sizes = [1, 2, 4, 8, 16]
    found = fit_batch_cost(sizes, [0.003 + 0.002 * size for size in sizes])
    assert (found.fixed_s, found.per_picture_s) == pytest.approx((0.003, 0.002))
    with pytest.raises(ValueError, match="two sizes"):
        fit_batch_cost([4, 4], [0.01, 0.011])


def test_arrivals_are_poisson() -> None:
    """Their number has the mean and the variance of a Poisson count, and a seed repeats them."""
    counts = [len(arrivals(50, 2.0, seed)) for seed in range(400)]
    assert np.mean(counts) == pytest.approx(100, rel=0.02)
    assert np.var(counts) == pytest.approx(100, rel=0.25)
    assert np.array_equal(arrivals(50, 2.0, 1), arrivals(50, 2.0, 1))
    assert arrivals(50, 2.0, 1).max() < 2.0
    assert arrivals(1e-6, 2.0, 1).tolist() == [1.0]
