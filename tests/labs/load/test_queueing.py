"""Queueing formulas against tables, against limits that are known exactly, and against a simulation."""

from __future__ import annotations

import numpy as np
import pytest

from labs.load.queueing import Queue, UnstableQueueError, simulate
from labs.load.sender import arrivals


@pytest.mark.parametrize(
    ("servers", "offered", "expected"),
    # Worked by hand from the sum in the definition: c = 1 gives ρ, c = 2 gives a²/(2 + a).
    [(1, 0.3, 0.3), (1, 0.9, 0.9), (2, 1.0, 1 / 3), (2, 1.5, 2.25 / 3.5), (3, 2.0, 4 / 9)],
)
def test_erlangs_c_formula(servers: int, offered: float, expected: float) -> None:
    """The probability of having to wait equals the closed forms for few servers."""
    assert Queue(offered / 0.01, 0.01, servers).wait_probability == pytest.approx(expected)


def test_one_exponential_server() -> None:
    """M/M/1 at half load: waits as long as it serves, and half of its requests do not wait."""
    queue = Queue(rate_rps=50, service_s=0.01, variability=1)
    assert queue.utilization == pytest.approx(0.5)
    assert queue.mean_wait_s == pytest.approx(0.01)
    assert queue.wait_s(50) == 0
    assert queue.wait_s(95) == pytest.approx(0.01 / 0.5 * np.log(0.5 / 0.05))


def test_a_constant_service_halves_the_wait() -> None:
    """M/D/1 waits half as long as M/M/1: Pollaczek and Khinchine's formula."""
    constant, exponential = Queue(80, 0.01), Queue(80, 0.01, variability=1)
    assert constant.mean_wait_s == pytest.approx(exponential.mean_wait_s / 2)
    assert constant.mean_wait_s == pytest.approx(0.8 * 0.01 / (2 * 0.2))


@pytest.mark.parametrize("rate_rps", [100, 110, 200])
def test_a_queue_that_never_settles_is_refused_with_both_rates(rate_rps: int) -> None:
    """From a utilization of 1 on there is no mean; the message says by how much it is too much."""
    with pytest.raises(UnstableQueueError, match=rf"{rate_rps} requests/s arrive and 100 can be served"):
        Queue(rate_rps, 0.01)
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
    latencies, _ = simulate(arrivals(queue.rate_rps, 100_000 / queue.rate_rps, seed=3), draw, servers=servers)
    assert latencies.mean() == pytest.approx(queue.mean_wait_s + service_s, rel=0.06)
    if variability == 0:
        assert np.percentile(latencies, 95) == pytest.approx(queue.wait_s(95) + service_s, rel=0.12)


@pytest.mark.parametrize("share", [0.5, 0.85])
def test_the_size_at_which_batches_settle_agrees_with_a_simulation(share: float) -> None:
    """Where most of a batch is shared, it is within a quarter of what arrives while one batch is served."""
    fixed_s, per_image_s = 0.004, 0.001
    rate_rps = share * 16 / (fixed_s + 16 * per_image_s)
    _, sizes = simulate(arrivals(rate_rps, 60, seed=5), lambda size: fixed_s + per_image_s * size, max_batch_size=16)
    settled = rate_rps * fixed_s / (1 - rate_rps * per_image_s)
    assert np.mean(sizes) == pytest.approx(min(max(settled, 1), 16), rel=0.25)


def test_waiting_for_company_costs_a_lonely_request() -> None:
    """Nobody comes: the whole delay is lost. A full batch goes at once, and the next when a server is free."""
    lonely, _ = simulate(np.array([0.0, 1.0, 2.0]), lambda size: 0.005, max_batch_size=8, delay_s=0.01)
    assert lonely == pytest.approx([0.015] * 3)
    full, sizes = simulate(np.array([0.0, 0.001, 0.002]), lambda size: 0.01, max_batch_size=2, delay_s=0.1, servers=2)
    assert full == pytest.approx([0.011, 0.010, 0.110])
    assert sizes == [2, 1]


def test_arrivals_are_poisson() -> None:
    """Their number has the mean and the variance of a Poisson count, and a seed repeats them."""
    counts = [len(arrivals(50, 2.0, seed)) for seed in range(400)]
    assert np.mean(counts) == pytest.approx(100, rel=0.02)
    assert np.var(counts) == pytest.approx(100, rel=0.25)
    assert np.array_equal(arrivals(50, 2.0, 1), arrivals(50, 2.0, 1))
    assert arrivals(50, 2.0, 1).max() < 2.0
    assert arrivals(1e-6, 2.0, 1).tolist() == [1.0]
