"""Percentiles and intervals."""

from __future__ import annotations

import numpy as np
import pytest

from labs import stats


def test_percentile_interpolates_as_documented() -> None:
    """The 95th percentile of 0..100 is 95, and of two samples it lies between them."""
    assert stats.percentile(range(101), 95) == 95
    assert stats.percentile([1.0, 2.0], 95) == pytest.approx(1.95)


def test_percentile_of_nothing_says_what_to_do() -> None:
    """Asking before measuring is an error that names the way out."""
    with pytest.raises(ValueError, match="run the measurement"):
        stats.percentile([], 50)


@pytest.mark.parametrize("q", [50, 95])
def test_order_statistic_interval_covers_the_true_percentile(q: float) -> None:
    """Of 400 intervals from a skewed distribution, about 95 % hold the true percentile."""
    rng = np.random.default_rng(1)
    truth = np.percentile(rng.lognormal(size=1_000_000), q)
    hits = sum(truth in stats.median_interval(rng.lognormal(size=200), q=q) for _ in range(400))
    assert 0.92 <= hits / 400 <= 0.995


def test_interval_holds_its_own_value() -> None:
    """However few the samples, the estimate lies inside its interval."""
    for n in (1, 2, 3, 10):
        found = stats.median_interval(list(range(n)))
        assert found.low <= found.value <= found.high


def test_proportion_interval_is_wilsons() -> None:
    """90 of 100 gives Wilson's textbook interval, and all right does not claim certainty."""
    found = stats.proportion_interval(90, 100)
    assert (found.low, found.high) == (pytest.approx(0.8256, abs=1e-4), pytest.approx(0.9448, abs=1e-4))
    assert stats.proportion_interval(20, 20).low < 0.9


def test_ratio_cancels_a_drift_that_both_sides_saw() -> None:
    """A machine that slows down threefold during the run does not hide that A takes twice as long as B."""
    rng = np.random.default_rng(3)
    drift = np.linspace(1, 3, 30)
    b = [slow * rng.normal(1.0, 0.02, 10) for slow in drift]
    a = [slow * rng.normal(2.0, 0.04, 10) for slow in drift]
    found = stats.ratio_of_medians(a, b)
    assert found.interval.value == pytest.approx(2.0, rel=0.02)
    assert found.is_resolved
    assert found.minimum_detectable_effect < 0.02


def test_equal_options_are_not_called_different() -> None:
    """Two options with the same speed have a ratio whose interval holds 1, in about 95 runs of 100."""
    rng = np.random.default_rng(4)

    def blocks() -> list[np.ndarray]:
        return [rng.normal(1.0, 0.05, 10) for _ in range(20)]

    resolved = sum(stats.ratio_of_medians(blocks(), blocks()).is_resolved for _ in range(200))
    assert resolved <= 30


def test_ratio_needs_partners() -> None:
    """Blocks without partners are refused rather than cut to fit."""
    with pytest.raises(ValueError, match="same number"):
        stats.ratio_of_medians([[1.0], [1.0]], [[1.0]])
