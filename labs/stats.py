"""Statistics of measured samples: percentiles, and intervals that say how certain they are.

Raw samples are what is kept (see ``labs.records``); everything here is derived from them and can be derived again.
scipy is imported inside the functions that need it, so that a measuring worker stays small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Two-sided 95 % and one-sided 80 % points of the standard normal distribution: the usual test size and power.
_Z_SIZE, _Z_POWER = 1.959964, 0.841621


@dataclass(frozen=True)
class Interval:
    """An estimate with the range that it may reasonably lie in."""

    #: The estimate itself, in the unit of the samples (or a plain ratio).
    value: float
    #: Lower end of the interval, same unit.
    low: float
    #: Upper end of the interval, same unit.
    high: float
    #: Share of such intervals that would hold the true value, 0 to 1.
    confidence: float = 0.95

    @property
    def relative_half_width(self) -> float:
        """Half of the interval's width over its value, as a fraction; infinite for a value of zero."""
        return (self.high - self.low) / 2 / abs(self.value) if self.value else float("inf")

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Ratio:
    """How much larger one set of samples is than another, measured side by side."""

    #: Ratio of the medians, numerator over denominator, averaged over the blocks, with its bootstrap interval.
    interval: Interval
    #: Smallest relative difference (0.02 = 2 %) that this run would have found four times in five.
    minimum_detectable_effect: float

    @property
    def is_resolved(self) -> bool:
        """Whether the interval excludes 1, so that the two may be called different."""
        return 1.0 not in self.interval


def percentile(samples: Sequence[float], q: float) -> float:
    """Return the ``q``-th percentile of ``samples`` by linear interpolation.

    Args:
        samples: At least one finite number.
        q: Percentile, 0 to 100.

    Raises:
        ValueError: Nothing was measured.

    Source: numpy 2.x ``percentile``, method ``linear`` (Hyndman and Fan's type 7).
    """
    if len(samples) == 0:
        raise ValueError("no samples: run the measurement before asking for its percentiles")
    return float(np.percentile(np.asarray(samples, dtype=float), q))


def median_interval(samples: Sequence[float], *, q: float = 50, confidence: float = 0.95) -> Interval:
    """Return a percentile with a distribution-free interval from order statistics.

    The number of samples below the true percentile is binomial, so two ranks enclose it with the wanted confidence
    whatever the distribution looks like. Cheap enough to be asked after every block of a measurement.

    Where there are too few samples for an extreme percentile, no sample is sure to lie beyond it: that end of the
    interval is then the largest (or smallest) sample, and too near. A p99 takes 368 samples, a p95 72.

    Args:
        samples: At least one finite number.
        q: Percentile, 0 to 100.
        confidence: 0 to 1.

    Source: Le Boudec, 'Performance Evaluation of Computer and Communication Systems', theorem 2.1 (normal
    approximation of the binomial ranks).
    """
    ordered = np.sort(np.asarray(samples, dtype=float))
    n, p = len(ordered), q / 100
    value = percentile(samples, q)
    spread = _normal_quantile((1 + confidence) / 2) * float(np.sqrt(n * p * (1 - p)))
    low = int(np.clip(np.floor(n * p - spread) - 1, 0, n - 1))
    high = int(np.clip(np.ceil(n * p + spread), 0, n - 1))
    return Interval(value, float(min(ordered[low], value)), float(max(ordered[high], value)), confidence)


def proportion_interval(successes: int, trials: int, *, confidence: float = 0.95) -> Interval:
    """Return a proportion (such as accuracy) with its Wilson interval.

    Source: scipy 1.x ``scipy.stats.binomtest(...).proportion_ci(method="wilson")``.
    """
    from scipy.stats import binomtest

    found = binomtest(successes, trials).proportion_ci(confidence_level=confidence, method="wilson")
    return Interval(successes / trials, float(found.low), float(found.high), confidence)


def ratio_of_medians(
    numerator: Sequence[Sequence[float]],
    denominator: Sequence[Sequence[float]],
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Ratio:
    """Return how many times larger one option's median is than the other's, from interleaved blocks.

    The ratio is taken in each pair of blocks and averaged over the pairs (as logarithms, so that A over B and B over A
    agree). Whole pairs are resampled: neighbouring samples are alike (the machine's clock drifts), and a pair of blocks
    that ran next to each other saw the same machine.

    Args:
        numerator: Blocks of samples of one option, in the order in which they ran.
        denominator: As many blocks of the other, each run right after (or before) its partner.
        confidence: 0 to 1.
        resamples: How many bootstrap samples are drawn.
        seed: Makes the interval reproducible from the stored samples.

    Raises:
        ValueError: The two sides have different numbers of blocks, or fewer than two.

    Source: Efron and Tibshirani, 'An Introduction to the Bootstrap', chapter 8 (paired, blocked data).
    """
    if len(numerator) != len(denominator) or len(numerator) < 2:
        raise ValueError("a comparison needs the same number of interleaved blocks on both sides, two at least")
    logs = np.log(
        [np.median(a) / np.median(b) for a, b in zip(numerator, denominator, strict=True)],
    )
    draws = np.random.default_rng(seed).choice(logs, size=(resamples, len(logs)), replace=True)
    means = draws.mean(axis=1)
    tail = (1 - confidence) / 2 * 100
    low, high = np.exp(np.percentile(means, [tail, 100 - tail]))
    standard_error = float(np.std(logs, ddof=1) / np.sqrt(len(logs)))
    return Ratio(
        Interval(float(np.exp(logs.mean())), float(low), float(high), confidence),
        float(np.expm1((_Z_SIZE + _Z_POWER) * standard_error)),
    )


def _normal_quantile(p: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(p)
