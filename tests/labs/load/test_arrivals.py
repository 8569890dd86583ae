"""When requests of an open loop are due."""

import numpy as np
import pytest

from labs.load.sender import arrivals


def test_arrivals_are_poisson() -> None:
    """Their number has the mean and the variance of a Poisson count, and a seed repeats them."""
    counts = [len(arrivals(50, 2.0, seed)) for seed in range(400)]
    assert np.mean(counts) == pytest.approx(100, rel=0.02)
    assert np.var(counts) == pytest.approx(100, rel=0.25)
    assert np.array_equal(arrivals(50, 2.0, 1), arrivals(50, 2.0, 1))
    assert arrivals(50, 2.0, 1).max() < 2.0
    assert arrivals(1e-6, 2.0, 1).tolist() == [1.0]
