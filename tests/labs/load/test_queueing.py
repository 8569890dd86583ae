"""Queueing formulas against tables, and against one queue that is played through."""

import numpy as np
import pytest

from labs.load.queueing import Queue
from labs.load.sender import arrivals


@pytest.mark.parametrize(
    ("servers", "offered", "expected"),
    # Worked by hand from the sum in the definition: c = 1 gives ρ, c = 2 gives a²/(2 + a).
    [(1, 0.3, 0.3), (1, 0.9, 0.9), (2, 1.0, 1 / 3), (2, 1.5, 2.25 / 3.5), (3, 2.0, 4 / 9)],
)
def test_erlangs_c_formula(servers: int, offered: float, expected: float) -> None:
    """The probability of having to wait equals the closed forms for few servers."""
    assert Queue(offered / 0.01, 0.01, servers).wait_probability == pytest.approx(expected)


@pytest.mark.parametrize("rate_rps", [0, 100, 200])
def test_a_queue_that_never_settles_is_refused_with_both_rates(rate_rps: int) -> None:
    """From a utilization of 1 on there is no mean; the message says by how much it is too much."""
    with pytest.raises(ValueError, match=rf"{rate_rps} requests/s arrive and 100 can be served"):
        Queue(rate_rps, 0.01)


@pytest.mark.parametrize("servers", [1, 2, 4])
@pytest.mark.parametrize("variability", [0.0, 1.0])
@pytest.mark.parametrize("utilization", [0.5, 0.8])
def test_the_formulas_agree_with_a_queue(servers: int, variability: float, utilization: float) -> None:
    """Mean wait and 95th percentile of a hundred thousand requests are the formula's, within its error."""
    queue = Queue(utilization * servers / 0.01, 0.01, servers, variability)
    begins_s = arrivals(queue.rate_rps, 100_000 / queue.rate_rps, seed=3)
    took_s = np.random.default_rng(7).exponential(0.01, len(begins_s)) if variability else np.full(len(begins_s), 0.01)
    free_s, waits_s = [0.0] * servers, []
    for at, took in zip(begins_s.tolist(), took_s.tolist(), strict=True):
        first = min(range(servers), key=free_s.__getitem__)
        waits_s.append(max(0.0, free_s[first] - at))
        free_s[first] = at + waits_s[-1] + took
    assert np.mean(waits_s) + 0.01 == pytest.approx(queue.mean_wait_s + 0.01, rel=0.06)
    assert np.percentile(waits_s, 95) + 0.01 == pytest.approx(queue.wait_s(95) + 0.01, rel=0.12)


def test_arrivals_are_poisson() -> None:
    """Their number has the mean and the variance of a Poisson count, and a seed repeats them."""
    counts = [len(arrivals(50, 2.0, seed)) for seed in range(400)]
    assert np.mean(counts) == pytest.approx(100, rel=0.02)
    assert np.var(counts) == pytest.approx(100, rel=0.25)
    assert np.array_equal(arrivals(50, 2.0, 1), arrivals(50, 2.0, 1))
    assert arrivals(50, 2.0, 1).max() < 2.0
    assert arrivals(1e-6, 2.0, 1).tolist() == [1.0]
