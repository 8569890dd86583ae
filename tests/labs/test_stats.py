"""Percentiles, intervals and what may be claimed with them; how often they hold is in test_stats_coverage.py."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from labs import stats
from labs.stats import Interval


def test_percentile_interpolates_as_documented() -> None:
    """The 95th percentile of 0..100 is 95, and of two samples it lies between them."""
    assert stats.percentile(range(101), 95) == 95
    assert stats.percentile([1.0, 2.0], 95) == pytest.approx(1.95)


def test_percentile_of_nothing_says_what_to_do() -> None:
    """Asking before measuring is an error that names the way out."""
    with pytest.raises(ValueError, match="run the measurement"):
        stats.percentile([], 50)


def test_an_intervals_value_is_that_percentile_to_the_last_bit() -> None:
    """One way sorts and the other is numpy's; a record's summary and its check must not differ by a rounding."""
    dice = np.random.default_rng(0)
    for count in (1, 2, 3, 10, 99, 100, 257):
        samples = dice.lognormal(size=count) * 0.01
        for q in (0, 5, 25, 50, 75, 95, 99, 99.9, 100):
            assert stats.median_interval(samples, q=q).value == stats.percentile(samples, q)
    with pytest.raises(ValueError, match="no samples"):
        stats.median_interval([])


def test_interval_holds_its_own_value() -> None:
    """However few the samples, the estimate lies inside its interval."""
    for n in (1, 2, 3, 10):
        found = stats.median_interval(list(range(n)))
        assert found.low <= found.value <= found.high


def test_nothing_needs_scipy() -> None:
    """Devices and nodes have no scipy; every interval can be worked out there."""
    code = (
        "import sys; sys.modules['scipy'] = None\n"
        "from labs import stats\n"
        "stats.median_interval([1, 2, 3]); stats.proportion_interval(3, 4); stats.mean_interval([1, 2])\n"
        "stats.paired_proportions([1, 0], [1, 1]); stats.ratio_of_medians([[1], [2]], [[1], [3]])\n"
        "stats.tail_interval([([0, 1], [0.1, 0.1])]); stats.steady_interval([1, 2, 3])"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_proportion_interval_is_wilsons() -> None:
    """It is scipy's Wilson interval, and all right does not claim certainty."""
    from scipy.stats import binomtest

    for right, trials in ((90, 100), (0, 7), (20, 20), (157, 209)):
        found, known = stats.proportion_interval(right, trials), binomtest(right, trials).proportion_ci(method="wilson")
        assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=1e-9)
    with pytest.raises(ValueError, match="at least one trial"):
        stats.proportion_interval(0, 0)


@pytest.mark.parametrize("freedom", [1, 1.7, 2, 4, 9, 19, 39, 400])
def test_student_quantiles_are_scipys(freedom: float) -> None:
    """Quantiles of Student's t agree with scipy's to four digits, for fractional degrees of freedom too."""
    from scipy.stats import t

    for p in (0.8, 0.975, 0.995):
        assert stats._student(p, freedom) == pytest.approx(t.ppf(p, freedom), rel=1e-4)


def test_a_clear_loss_on_the_same_images_is_called_one() -> None:
    """47 images lost and 7 gained of 660 is a difference, although both accuracies' own intervals overlap."""
    before = np.array([True] * 536 + [False] * 124)
    after = before.copy()
    after[:47], after[-7:] = False, True
    alone = [stats.proportion_interval(int(right.sum()), 660) for right in (before, after)]
    assert alone[1].high > alone[0].low
    found = stats.paired_proportions(after, before)
    assert found.difference == pytest.approx(-40 / 660)
    assert (found.only_first, found.only_second, found.verdict) == (7, 47, "worse")
    assert found.p_value == pytest.approx(2.3e-8, rel=0.1)


def test_the_p_value_is_mcnemars() -> None:
    """It is the exact binomial test of the images on which the two disagree."""
    from scipy.stats import binomtest

    # The last one is nobody's measurement: factorials of as many as that would keep a grader busy for minutes.
    for gained, lost in ((0, 5), (3, 9), (4, 4), (30, 50), (75_300, 74_700)):
        a = [True] * gained + [False] * lost + [True] * 20
        b = [False] * gained + [True] * lost + [True] * 20
        assert stats.paired_proportions(a, b).p_value == pytest.approx(binomtest(gained, gained + lost).pvalue)


def test_equal_answers_are_not_different() -> None:
    """Two options that are right on the same images cannot be told from each other, and the order does not matter."""
    found = stats.paired_proportions([1, 0, 1], [1, 0, 1])
    assert (found.difference, found.p_value, found.verdict) == (0, 1, "cannot tell")
    there, back = stats.paired_proportions([1, 0, 1], [0, 0, 1]), stats.paired_proportions([0, 0, 1], [1, 0, 1])
    assert (there.interval.low, there.interval.high) == pytest.approx((-back.interval.high, -back.interval.low))
    with pytest.raises(ValueError, match="the same ones"):
        stats.paired_proportions([1], [1, 0])


def test_ratio_cancels_a_drift_that_both_sides_saw() -> None:
    """A machine that slows down threefold during the run does not hide that A takes twice as long as B."""
    rng = np.random.default_rng(3)
    drift = np.linspace(1, 3, 30)
    b = [slow * rng.normal(1.0, 0.02, 10) for slow in drift]
    a = [slow * rng.normal(2.0, 0.04, 10) for slow in drift]
    found = stats.ratio_of_medians(a, b)
    assert found.interval.value == pytest.approx(2.0, rel=0.02)
    assert found.verdict == "slower"
    assert found.minimum_detectable_effect < 0.02
    turned = stats.ratio_of_medians(b, a).interval
    assert 1 / turned.high == pytest.approx(found.interval.low)


def test_ratio_needs_partners() -> None:
    """Blocks without partners are refused rather than cut to fit."""
    with pytest.raises(ValueError, match="same number"):
        stats.ratio_of_medians([[1.0], [1.0]], [[1.0]])


def test_alike_rounds_say_less() -> None:
    """The same values have a wider interval where neighbours are alike; equal ones have none."""
    values = np.sin(np.arange(20) / 3)
    mixed = np.random.default_rng(0).permutation(values)
    assert stats.mean_interval(values).relative_half_width > 1.5 * stats.mean_interval(mixed).relative_half_width
    assert stats.mean_interval([0.1, 0.1, 0.1]).high == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        (Interval(1.2, 1.1, 1.3), "slower"),
        (Interval(0.8, 0.7, 0.9), "faster"),
        (Interval(1.2, 0.9, 1.5), "cannot tell"),
        (Interval(1.2, 1.2, 1.2, confidence=0.0), "cannot tell"),
    ],
)
def test_a_claim_inside_the_noise_is_refused(interval: Interval, said: str) -> None:
    """Only an interval beyond the null allows a claim, and only if it promises anything."""
    assert stats.verdict(interval) == said


def test_a_quotient_promises_no_more_than_its_parts() -> None:
    """The extremes of both make its ends; a part without an interval leaves it without one."""
    whole = stats.quotient(Interval(2, 1, 4), Interval(1, 0.5, 2))
    assert (whole.value, whole.low, whole.high) == (2, 0.5, 8)
    assert stats.quotient(Interval(2, 1, 4), Interval(1, 1, 1, 0.0)).confidence == 0


def test_a_tail_that_is_too_short_says_so() -> None:
    """A few busy periods, or a queue that never emptied, promise nothing and say what it takes."""
    short = stats.tail_interval([([0.0, 1.0, 2.0], [0.1, 0.2, 0.1])])
    assert short.low == short.value == short.high
    assert short.confidence == 0
    assert "times as many requests" in short.too_short
    full = stats.tail_interval([(np.arange(500) / 100, np.linspace(1, 4, 500))])
    assert "hardly ever idle" in full.too_short
    assert "400 samples" in stats.steady_interval([1.0] * 100).too_short
