"""Percentiles, intervals and the claims that they allow; test_stats_coverage.py measures their
coverage.
"""

import itertools
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from labs import stats
from labs.stats import Interval

NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200)


@settings(deadline=None)
@given(NUMBERS, st.floats(0, 100))
def test_percentiles_are_numpys_and_lie_in_their_intervals(samples: list[float], q: float) -> None:
    """To the last bit: a record's summary and its check must not differ by a rounding."""
    interval = stats.median_interval(samples, q=q)
    assert interval.value == stats.percentile(samples, q) == np.percentile(samples, q)
    assert min(samples) <= interval.low <= interval.value <= interval.high <= max(samples)


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda: stats.percentile([], 50), "run the measurement"),
        (lambda: stats.median_interval([]), "run the measurement"),
        (lambda: stats.proportion_interval(0, 0), "at least one trial"),
        (lambda: stats.paired_proportions([1], [1, 0]), "the same ones"),
        (lambda: stats.paired_proportions([1, 0], [1, 1], range(1)), "the same ones"),
        (lambda: stats.ratio_of_medians([[1.0], [1.0]], [[1.0]]), "same number"),
    ],
)
def test_what_has_no_answer_is_refused(ask: Callable[[], object], says: str) -> None:
    """Nothing measured, other images, blocks without partners: with the way out, and nothing is cut
    to fit.
    """
    with pytest.raises(ValueError, match=says):
        ask()


def test_nothing_needs_scipy() -> None:
    """Devices and nodes have no scipy; every interval can be worked out there."""
    code = (
        "import sys; sys.modules['scipy'] = None\n"
        "from labs import stats\n"
        "stats.median_interval([1, 2, 3]); stats.proportion_interval(3, 4); "
        "stats.mean_interval([1, 2])\n"
        "stats.paired_proportions([1, 0], [1, 1]); stats.ratio_of_medians([[1], [2]], [[1], "
        "[3]])\n"
        "stats.steady_interval([1, 2, 3])"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@settings(deadline=None)
@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_proportions_are_scipys(counted: tuple[int, int]) -> None:
    """Wilson's interval."""
    wilson = binomtest(*counted).proportion_ci(method="wilson")
    interval = stats.proportion_interval(*counted)
    assert (interval.low, interval.high) == pytest.approx((wilson.low, wilson.high), abs=1e-9)


#: Of each drawing: how many images it has, how many of them only the first had right, and only the
#: second.
DRAWINGS = st.tuples(st.integers(1, 4), st.integers(0, 1), st.integers(0, 1))


def answers_of(drawings: list[tuple[int, int, int]]) -> tuple[list[int], list[int], list[int]]:
    """Return which images of some drawings each option had right, and the drawing of each image."""
    a, b, groups = [], [], []
    for place, (size, only_a, only_b) in enumerate(drawings):
        only_b = min(only_b, size - only_a)
        a += [1] * only_a + [0] * only_b + [1] * (size - only_a - only_b)
        b += [0] * only_a + [1] * only_b + [1] * (size - only_a - only_b)
        groups += [place] * size
    return a, b, groups


@settings(deadline=None)
@given(st.lists(DRAWINGS, min_size=1, max_size=40))
def test_interval_and_p_value_never_disagree(drawings: list[tuple[int, int, int]]) -> None:
    """They are one test: the interval contains 0 exactly if p is 0.05 or more, and it always
    contains the estimate.
    """
    comparison = stats.paired_proportions(*answers_of(drawings))
    assert (0 in comparison.interval) == (comparison.p_value >= 0.05)
    assert -1 <= comparison.interval.low <= comparison.difference <= comparison.interval.high <= 1


@settings(deadline=None)
@given(st.lists(DRAWINGS, min_size=1, max_size=7), st.integers(-97, 97))
def test_the_interval_holds_the_shifts_that_no_toss_of_signs_refuses(
    drawings: list, percent: int
) -> None:
    """All tosses of up to nine signs, one by one, for any shift: Fisher's test, and nothing
    cleverer.
    """
    comparison = stats.paired_proportions(*answers_of(drawings))
    shift = percent / 100
    sizes = np.array([size for size, _, _ in drawings], dtype=float)
    usual = sizes.mean()
    uneven = [only_a - min(only_b, size - only_a) for size, only_a, only_b in drawings]
    away = np.array([*uneven, usual, -usual]) - shift * np.array([*sizes, usual, usual])
    signs = np.array(list(itertools.product([-1, 1], repeat=len(away))))
    share = np.mean(np.abs(signs @ away) >= abs(away.sum()) - 1e-9)
    interval = comparison.interval
    distance_to_ends = min(abs(shift - interval.low), abs(shift - interval.high))
    if distance_to_ends > 1e-6:
        assert (shift in interval) == (share >= 0.05)


def counted_sums(drawings: list[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Return how many tosses of signs give each pair of sums, drawing by drawing."""
    counts = {(0, 0): 1}
    for difference, size in drawings:
        larger: dict[tuple[int, int], int] = {}
        for (a, b), count in counts.items():
            for sign in (-1, 1):
                sums = (a + sign * difference, b + sign * size)
                larger[sums] = larger.get(sums, 0) + count
        counts = larger
    return counts


@pytest.mark.parametrize("seed", range(3))
def test_the_ends_are_exact_on_many_drawings(seed: int) -> None:
    """All 2 ** 42 tosses of forty drawings are counted: at an end of the interval, the test's share
    crosses 5 %.
    """
    rng = np.random.default_rng(seed)
    drawings = []
    for size in rng.integers(1, 5, 40).tolist():
        only_a, only_b = (rng.random(2) < (0.1, 0.15)).astype(int).tolist()
        drawings.append((size, only_a, only_b))
    comparison = stats.paired_proportions(*answers_of(drawings))
    uneven = [only_a - min(only_b, size - only_a) for size, only_a, only_b in drawings]
    sizes = [size for size, _, _ in drawings]
    # Forty times as large, so that a drawing of average size is a whole number too.
    pairs = [(40 * a, 40 * size) for a, size in zip(uneven, sizes, strict=True)]
    images = sum(sizes)
    pairs += [(images, images), (-images, images)]
    counts = counted_sums(pairs)

    def share(shift: float) -> float:
        seen = abs(40 * sum(uneven) - shift * (40 + 2) * images)
        as_uneven = 0
        for (a, b), count in counts.items():
            if abs(a - shift * b) >= seen - 1e-6:
                as_uneven += count
        return as_uneven / 2 ** len(pairs)

    interval = comparison.interval
    assert share(interval.low - 1e-5) < 0.05 <= share(interval.low + 1e-5)
    assert share(interval.high + 1e-5) < 0.05 <= share(interval.high - 1e-5)
    assert comparison.p_value == pytest.approx(share(0.0), abs=1e-9)


def test_nothing_is_left_to_chance() -> None:
    """Drawings in another order, under other numbers, give the same verdict to the last decimal."""
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 182, 660)
    before = rng.random(660) < 0.8
    after = before ^ (rng.random(660) < 0.06)
    first = stats.paired_proportions(after, before, groups).interval
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(660)
        names = np.random.default_rng(seed).permutation(182)
        interval = stats.paired_proportions(after[order], before[order], names[groups[order]])
        assert interval.interval.low == pytest.approx(first.low, abs=1e-12)
        assert interval.interval.high == pytest.approx(first.high, abs=1e-12)


def test_a_difference_beyond_every_toss_has_a_p_value_of_zero() -> None:
    """Of thousands of images, far more are lost than any toss would show."""
    before = np.ones(3000)
    after = before.copy()
    after[:600] = 0
    comparison = stats.paired_proportions(after, before)
    assert comparison.p_value == 0
    assert comparison.interval.low < -0.2 < comparison.interval.high < 0


@settings(deadline=None)
@given(
    st.lists(DRAWINGS, min_size=2, max_size=60),
    st.integers(2, 4),
    st.sampled_from([0.01, 0.03, 0.1, 0.3]),
)
def test_fewer_drawings_never_pass_more(drawings: list, times: int, may_lose: float) -> None:
    """An accuracy kept on some drawings is kept on several times the number of similar ones; a few
    drawings alone are not enough.
    """
    few, many = (stats.paired_proportions(*answers_of(list(drawings) * n)) for n in (1, times))
    assert few.kept(may_lose) == "not shown" or many.kept(may_lose) == "kept"
    assert stats.paired_proportions([1] * 30, [1] * 30).kept(0.03) == "not shown"
    assert stats.paired_proportions([1] * 182, [1] * 182).kept(0.03) == "kept"


def test_a_clear_loss_on_the_same_images_is_called_one() -> None:
    """47 images lost and 7 gained of 660 is a difference, although both accuracies' own intervals
    overlap.
    """
    before = np.array([True] * 536 + [False] * 124)
    after = before.copy()
    after[:47], after[-7:] = False, True
    alone = [stats.proportion_interval(int(right.sum()), 660) for right in (before, after)]
    assert alone[1].high > alone[0].low
    comparison = stats.paired_proportions(after, before)
    assert comparison.difference == pytest.approx(-40 / 660)
    assert comparison.verdict == "worse"
    assert comparison.p_value < 0.001
    assert comparison.kept(0.03) == "not shown"


def test_equal_answers_are_not_different() -> None:
    """Two options that are right on the same images cannot be told from each other, and the order
    does not matter.
    """
    comparison = stats.paired_proportions([1, 0, 1], [1, 0, 1])
    assert (comparison.difference, comparison.p_value, comparison.verdict) == (0, 1, "cannot tell")
    forth = stats.paired_proportions([1, 0, 1], [0, 0, 1]).interval
    back = stats.paired_proportions([0, 0, 1], [1, 0, 1]).interval
    assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low))


def test_ratio_cancels_a_drift_that_both_sides_saw() -> None:
    """A machine that slows down threefold during the run does not hide that A takes twice as long
    as B.
    """
    rng = np.random.default_rng(3)
    drift = np.linspace(1, 3, 30)
    b = [slow * rng.normal(1.0, 0.02, 10) for slow in drift]
    a = [slow * rng.normal(2.0, 0.04, 10) for slow in drift]
    ratio = stats.ratio_of_medians(a, b)
    assert ratio.interval.value == pytest.approx(2.0, rel=0.02)
    assert stats.verdict(ratio.interval) == "slower"
    assert ratio.minimum_detectable_effect < 0.02
    turned = stats.ratio_of_medians(b, a).interval
    assert 1 / turned.high == pytest.approx(ratio.interval.low)


def test_alike_rounds_say_less() -> None:
    """The same values have a wider interval where neighbours are alike; equal ones have none."""
    values = np.sin(np.arange(20) / 3)
    mixed = np.random.default_rng(0).permutation(values)
    assert (
        stats.mean_interval(values).relative_half_width
        > 1.5 * stats.mean_interval(mixed).relative_half_width
    )
    assert stats.mean_interval([0.1, 0.1, 0.1]).confidence == 0


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        (Interval(1.2, 1.1, 1.3), "slower"),
        (Interval(0.8, 0.7, 0.9), "faster"),
        (Interval(1.2, 0.9, 1.5), "cannot tell"),
        (Interval(1.2, 1.2, 1.2, confidence=0.0), "cannot tell"),
    ],
)
def test_a_claim_inside_the_noise_is_refused(interval: Interval, verdict: str) -> None:
    """Only an interval beyond the null allows a claim, and only if it promises anything."""
    assert stats.verdict(interval) == verdict


def test_a_quotient_promises_no_more_than_its_parts() -> None:
    """The extremes of both make its ends; a part without an interval leaves it without one."""
    whole = stats.quotient(Interval(2, 1, 4), Interval(1, 0.5, 2))
    assert (whole.value, whole.low, whole.high) == (2, 0.5, 8)
    assert stats.quotient(Interval(2, 1, 4), Interval(1, 1, 1, 0.0)).confidence == 0


def test_a_tail_that_is_too_short_says_so() -> None:
    """A few samples promise nothing, and say what it takes."""
    short = stats.steady_interval([1.0] * 100)
    assert (short.low, short.high, short.confidence) == (short.value, short.value, 0)
    assert "400 samples" in short.too_short
