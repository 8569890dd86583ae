"""Statistics of measured samples: percentiles, and intervals that hold the true value at their
stated rate.

Records keep raw samples (see ``labs.records``); everything here can be derived from them again.
``tests/labs/test_stats_coverage.py`` simulates each interval and prints the rate at which it holds
the truth.

Only numpy is needed, because devices and nodes compute intervals too, and their environments have
no scipy.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import NormalDist

import numpy as np

#: Rounds from which the autocorrelation of a comparison's rounds is estimated; fewer say nothing
#: about it.
_ROUNDS_FOR_AUTOCORRELATION = 8

#: Rounds from which the largest and the smallest are left out of a comparison.
_ROUNDS_FOR_TRIMMING = 10

#: How many times as wide rounds that are alike make a comparison's interval at most.
_MOST_WIDENING = 1.75

#: Largest lag-1 autocorrelation that is believed: beyond it, next to nothing is left of the rounds.
_MOST_AUTOCORRELATION = 0.9

#: Standard deviations that hold 95 % of a normal distribution, on both sides together.
_Z = NormalDist().inv_cdf(0.975)

#: Power with which the minimum detectable effect is found: four times in five.
_POWER = 0.8

#: Blocks that a run of alike neighbours is cut into, and samples beyond its percentile that it
#: takes.
_BLOCKS, _FEWEST_BEYOND = 10, 20

#: Probability below which an outcome of the tosses is left out; rounding gives outcomes that no
#: toss has about this much.
_RAREST = 1e-15


#: Numbers in their order.
Samples = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval."""

    #: The estimate itself, in the unit of the samples (or a plain ratio).
    value: float
    #: Lower end of the interval, same unit.
    low: float
    #: Upper end of the interval, same unit.
    high: float
    #: Share of such intervals that would hold the true value, 0 to 1; 0 where nothing is promised.
    confidence: float = 0.95
    #: Why there is no interval, in one sentence, where a run was too short for one: ``low`` and
    #: ``high`` then equal ``value`` and ``confidence`` is 0, so that no claim can be made of it.
    too_short: str = ""

    @property
    def relative_half_width(self) -> float:
        """Half of the interval's width over its value, a fraction; infinite at zero."""
        if not self.value:
            return math.inf
        half_width = (self.high - self.low) / 2
        return half_width / abs(self.value)

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Ratio:
    """How much larger one set of samples is than another, measured side by side."""

    #: Ratio of the medians, numerator over denominator, averaged over the rounds, with its
    #: interval.
    interval: Interval
    #: Smallest relative difference (0.02 = 2 %) that this run would have found four times in five.
    minimum_detectable_effect: float


@dataclass(frozen=True)
class Paired:
    """How two options differ on the same images."""

    #: Share of right answers of the first less that of the second, -1 to 1, with its interval.
    interval: Interval
    #: Probability of at least so uneven a split if both were equally good; below 0.05 if 0 is not
    #: in the interval.
    p_value: float

    @property
    def difference(self) -> float:
        """Share of right answers of the first less that of the second, -1 to 1."""
        return self.interval.value

    @property
    def verdict(self) -> str:
        """Whether the first is 'better' or 'worse' than the second, or 'cannot tell'."""
        return verdict(self.interval, 0.0, above="better", below="worse")

    def kept(self, may_lose: float) -> str:
        """Return 'kept' if the first certainly loses less than this share of right answers (0.03 =
        3 points).

        Else 'not shown': the interval's lower end reaches the bound, because too much is lost, or
        because too few drawings were shown to tell.
        """
        return "kept" if self.interval.low > -may_lose else "not shown"


def verdict(
    interval: Interval, null: float = 1.0, *, above: str = "slower", below: str = "faster"
) -> str:
    """Return the verdict that an interval allows: ``above`` or ``below``, or 'cannot tell'.

    Every comparative claim of the course goes through here.

    Args:
        interval: A ratio, a difference or a measured value with its interval.
        null: The value at which there is nothing to say: 1 for a ratio, 0 for a difference, a limit
            for a value.
    """
    if interval.confidence <= 0 or null in interval:
        return "cannot tell"
    return above if interval.low > null else below


def percentile(samples: Samples, q: float) -> float:
    """Return the ``q``-th percentile (0 to 100) of ``samples`` by linear interpolation.

    Raises:
        ValueError: Nothing was measured.

    Source: numpy 2.x ``percentile``, method ``linear`` (Hyndman and Fan's type 7).
    """
    if len(samples) == 0:
        raise ValueError("no samples: run the measurement before asking for its percentiles")
    return float(np.percentile(np.asarray(samples, dtype=float), q))


def median_interval(samples: Samples, *, q: float = 50) -> Interval:
    """Return a percentile of independent samples with a distribution-free 95 % interval.

    The number of samples below the true percentile is binomial, so two ranks enclose it with the
    wanted confidence for any distribution. It is cheap enough to run after every block of a
    measurement.

    It shows the precision of *this run*. Requests that waited in one queue are not independent; use
    ``steady_interval`` for them. To compare two runs of two options, use ``ratio_of_medians``.

    With too few samples for an extreme percentile, perhaps no sample is beyond it. That end of the
    interval is then the largest (or smallest) sample, and too near. A p99 needs 368 samples, a p95
    needs 72.

    Source: Le Boudec, 'Performance Evaluation of Computer and Communication Systems', theorem 2.1
    (normal approximation of the binomial ranks).
    """
    ordered = np.sort(np.asarray(samples, dtype=float))
    n = len(ordered)
    p = q / 100
    value = percentile(ordered, q)
    rank = n * p
    spread = _Z * math.sqrt(rank * (1 - p))
    low_rank = math.floor(rank - spread) - 1
    high_rank = math.ceil(rank + spread)
    low = float(ordered[min(max(low_rank, 0), n - 1)])
    high = float(ordered[min(max(high_rank, 0), n - 1)])
    return Interval(value, min(low, value), max(high, value))


def proportion_interval(successes: int, trials: int) -> Interval:
    """Return a proportion (such as accuracy) with Wilson's score interval.

    It is the interval of one option alone; two options on the same images are compared by
    ``paired_proportions``.

    Raises:
        ValueError: There were no trials, or more successes than trials.

    Source: Wilson, 'Probable Inference, the Law of Succession, and Statistical Inference' (JASA
    1927).
    """
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(
            f"{successes} of {trials} is no proportion: count the successes among at least one "
            "trial"
        )
    share = successes / trials
    z = _Z
    shrink = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / shrink
    variance = share * (1 - share) / trials
    half_width = z / shrink * math.sqrt(variance + z * z / (4 * trials**2))
    low = 0.0 if successes == 0 else centre - half_width
    high = 1.0 if successes == trials else centre + half_width
    return Interval(share, low, high)


def accuracy_interval(right: Samples, groups: Sequence[int] | None = None) -> Interval:
    """Return the share of right answers with a 95 % interval over drawings, if they are known.

    It is Wilson's interval for the effective number of independent images, because images of one
    drawing stand or fall together.

    Args:
        right: 1 (or True) for each image that was right, else 0.
        groups: Which drawing each image shows; when None, each image shows a different one.

    Raises:
        ValueError: There are no images.

    Source: design effect, Kish, 'Survey Sampling' (1965); variance of a ratio over clusters,
    Cochran (1977), 6.3.
    """
    values = np.asarray(right, dtype=float)
    images = len(values)
    of_images = proportion_interval(round(float(values.sum())), images)
    share = of_images.value
    if groups is None or share in (0.0, 1.0):
        return of_images
    _, group_of_image = np.unique(np.asarray(groups), return_inverse=True)
    away = np.bincount(group_of_image, values - share)
    drawings = len(away)
    variance = float(away @ away) * drawings / (drawings - 1) / images**2
    independent = images
    if variance:
        as_many = round(share * (1 - share) / variance)
        independent = min(images, max(1, as_many))
    interval = proportion_interval(round(share * independent), independent)
    return replace(interval, value=share)


def paired_proportions(
    right_a: Sequence[float],
    right_b: Sequence[float],
    groups: Sequence[int] | None = None,
) -> Paired:
    """Return how much more often the first option is right than the second, image by image.

    Images that show one drawing stand or fall together. If ``groups`` names the drawings, the
    sample is therefore 182 drawings instead of 660 images. One test gives interval and p value, so
    they always agree: the interval contains 0 exactly if p is 0.05 or more.

    For a given shift, the test takes each drawing's difference minus the shift, and tosses its
    sign. It adds up the probability of all tosses whose sum is at least as large as the observed
    sum. For one toss, this holds for shifts between two roots that surround the estimate. So each
    end of the interval is a quantile of these roots, and needs no search. The test adds a drawing
    of average size to each side, because differences are rare, and equal answers on few drawings do
    not prove that accuracy is kept. Nothing is drawn at random: the same answers always give the
    same interval.

    Args:
        right_a: 1 (or True) for each image that the first had right, else 0.
        right_b: The same images, in the same order.
        groups: Which drawing each image shows; when None, each image shows a different one.

    Raises:
        ValueError: The numbers of images differ, or are 0.

    Source: sign-flip test, Fisher's randomization, exact; all tosses' sums by a convolution, as in
    Pagano and Tritchler, 'On Obtaining Permutation Distributions in Polynomial Time' (1983); its
    inversion, Lehmann and Romano, 'Testing Statistical Hypotheses', section 5.12; the added
    drawings, Bonett and Price, 'Adjusted Wald Confidence Interval for a Difference of Binomial
    Proportions Based on Paired Data' (2012).
    """
    a = np.asarray(right_a, dtype=float) > 0.5
    b = np.asarray(right_b, dtype=float) > 0.5
    n = len(a)
    group_names = np.arange(n) if groups is None else np.asarray(groups)
    if n == 0 or not (n == len(b) == len(group_names)):
        raise ValueError(
            f"{n} and {len(b)} images: both options have to be shown the same ones, at least one"
        )
    _, group_of_image = np.unique(group_names, return_inverse=True)
    sizes = np.bincount(group_of_image)
    of_groups = np.bincount(group_of_image, a.astype(float) - b).astype(int)
    roots_below, roots_above, weights = _roots(of_groups, sizes)
    low, p_low = _end(roots_below, weights)
    minus_high, p_high = _end(-roots_above, weights)
    difference = float(a.sum() - b.sum()) / n
    low = max(-1.0, min(low, difference))
    high = min(1.0, max(-minus_high, difference))
    return Paired(Interval(difference, low, high), min(p_low, p_high))


def _roots(differences: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the two shifts at which each toss is as uneven as the data, and the toss's weight.

    With signs e, ``|sum(e (d - shift s))| >= |sum(d - shift s)|`` holds between
    ``(D - A) / (S - B)`` and ``(D + A) / (S + B)``, where D, S, A and B are the sums of d, s, e d
    and e s.

    Args:
        differences: For each drawing, how many more of its images the first had right.
        sizes: The drawings' numbers of images.
    """
    a_of_drawings, b_of_drawings, shares = _signed_sums(differences, sizes)
    # The two drawings that are added, and the four ways to toss their signs.
    usual = sizes.mean()
    a_of_added = np.array([0.0, 2 * usual, -2 * usual, 0.0])
    b_of_added = np.array([2 * usual, 0.0, 0.0, -2 * usual])
    a = np.add.outer(a_of_added, a_of_drawings).ravel()
    b = np.add.outer(b_of_added, b_of_drawings).ravel()
    weights = np.tile(shares / 4, 4)
    d = differences.sum()
    s = sizes.sum() + 2 * usual
    with np.errstate(divide="ignore", invalid="ignore"):
        roots = np.stack([(d - a) / (s - b), (d + a) / (s + b)])
    all_alike = np.abs(b) > s - 0.5  # as uneven at any shift
    roots[:, all_alike] = [[-np.inf], [np.inf]]
    return roots.min(axis=0), roots.max(axis=0), weights


def _signed_sums(
    differences: np.ndarray, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all pairs of sums (e d) and (e s) that tosses of the signs e give, each with its
    probability.

    Each drawing falls as heads or tails, and a toss is known by the sums of d and of s over its
    heads. These are integers, so the convolution of all drawings is a product of their Fourier
    transforms on a lattice.
    """
    rows = int(np.abs(differences).sum()) + 1
    columns = int(sizes.sum()) + 1
    row_phases = np.exp(-2j * np.pi * np.arange(rows) / rows)[:, None]
    column_phases = np.exp(-2j * np.pi * np.arange(columns // 2 + 1) / columns)
    kinds, counts = np.unique(np.column_stack([differences, sizes]), axis=0, return_counts=True)
    transform = np.ones((rows, len(column_phases)), complex)
    for (difference, size), count in zip(kinds.tolist(), counts.tolist(), strict=True):
        heads = row_phases**difference * column_phases**size
        transform *= ((1 + heads) / 2) ** count
    shares = np.fft.irfft2(transform, (rows, columns))
    row, size_of_heads = np.nonzero(shares > _RAREST)
    largest = int(differences[differences > 0].sum())
    difference_of_heads = np.where(row > largest, row - rows, row)
    a = 2 * difference_of_heads - differences.sum()
    b = 2 * size_of_heads - sizes.sum()
    return a, b, shares[row, size_of_heads]


def _end(roots: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Return the smallest shift that is not refused at 5 %, and the p value at 0."""
    order = np.argsort(roots)
    sorted_roots = roots[order]
    p_values = np.round(np.cumsum(weights[order]), 9)
    not_refused = sorted_roots[np.searchsorted(p_values, 0.05)]
    below = int(np.searchsorted(sorted_roots, 0.0, side="right"))
    p_value = float(p_values[below - 1]) if below else 0.0
    return float(not_refused), p_value


def mean_interval(values: Samples) -> Interval:
    """Return the mean of values in the order in which they were measured, with an interval.

    Values next to each other may be alike, since the machine was in the same state. Then n values
    are worth a smaller number of independent ones. This number follows from their lag-1
    autocorrelation r. In short series, r is too small by about (1 + 4 r) / n, so this is added
    first. Fewer than eight values are taken as independent.

    Args:
        values: At least two, such as the log ratios of rounds, or the means of blocks of a run.

    Raises:
        ValueError: There are fewer than two.

    Source: Student's t with the effective sample size of a first-order autoregression: Bayley and
    Hammersley, 'The Effective Number of Independent Observations in an Autocorrelated Time Series'
    (1946); bias of the autocorrelation: Kendall, 'Note on Bias in the Estimation of
    Autocorrelation' (1954), Marriott and Pope (1954).
    """
    mean, error, freedom = _mean_error(values)
    if not error:  # equal to the last bit: no clock's, and nothing is promised
        return Interval(mean, mean, mean, 0.0)
    half = _student(0.975, freedom) * error
    return Interval(mean, mean - half, mean + half)


def ratio_of_medians(
    numerator: Sequence[Sequence[float]],
    denominator: Sequence[Sequence[float]],
) -> Ratio:
    """Return the ratio of two medians, from interleaved blocks.

    Each round gives one ratio, of blocks that ran next to each other and saw the same machine. The
    result is the mean of these ratios, as logarithms, so that A over B and B over A agree. The mean
    leaves out the largest and the smallest ratio, so one bad round of twenty has no effect.
    Neighbouring rounds that are alike widen the interval, by three quarters at most. With 20 rounds
    it holds the truth 93 to 97 times of a hundred (``tests/labs/test_stats_coverage.py``).

    Args:
        numerator: Blocks of samples of one option, in the order in which they ran.
        denominator: The same number of blocks of the other, each run right after (or before) its
            partner.

    Raises:
        ValueError: The two sides have different numbers of blocks, or fewer than two.

    Source: paired t interval of log ratios, Kalibera and Jones, 'Quantifying Performance Changes
    with Effect Size Confidence Intervals' (2012), section 5; trimmed, Tukey and McLaughlin, 'Less
    Vulnerable Confidence and Significance Procedures for Location' (1963); for neighbours that are
    alike, Bayley and Hammersley (1946), as ``mean_interval``.
    """
    if len(numerator) != len(denominator) or len(numerator) < 2:
        raise ValueError(
            "a comparison needs the same number of interleaved blocks on both sides, two at least"
        )
    medians = _medians(tuple(map(tuple, numerator)))
    medians_below = _medians(tuple(map(tuple, denominator)))
    mean, error, freedom = _trimmed_error(np.log(medians) - np.log(medians_below))
    reach = _student(0.975, freedom)
    detectable = (reach + _student(_POWER, freedom)) * error
    # Rounds that are equal to the last bit are no clock's, and promise nothing.
    confidence = 0.95 if error else 0.0
    low = _exp(mean - reach * error)
    high = _exp(mean + reach * error)
    interval = Interval(_exp(mean), low, high, confidence)
    return Ratio(interval, math.expm1(min(detectable, _MOST_LOG)))


#: Largest logarithm whose power is a float.
_MOST_LOG = 700.0


def _exp(log: float) -> float:
    return math.exp(min(log, _MOST_LOG))


def _trimmed_error(values: np.ndarray) -> tuple[float, float, float]:
    """Return a mean without both extremes, its standard error and the degrees of freedom."""
    n = len(values)
    cut = 1 if n >= _ROUNDS_FOR_TRIMMING else 0
    left = n - 2 * cut
    ordered = np.sort(values)
    trimmed = ordered[cut : n - cut]
    mean = float(trimmed.mean())
    pulled_in = np.clip(values, trimmed[0], trimmed[-1])
    away = pulled_in - pulled_in.mean()
    squares = float(away @ away)
    if _is_rounding(squares, n, float(values.mean())):
        return mean, 0.0, left - 1.0
    autocorrelation = 0.0
    if n >= _ROUNDS_FOR_AUTOCORRELATION:
        # Short series show less of it than there is; by how much this raises it was found by
        # simulation.
        raised = 1.4 * _of_neighbours(away) / squares + 2 / n
        autocorrelation = min(max(raised, 0.0), _MOST_AUTOCORRELATION)
    wider = math.sqrt((1 + autocorrelation) / (1 - autocorrelation))
    error = math.sqrt(squares / (left * (left - 1)))
    return mean, error * min(wider, _MOST_WIDENING), left - 1.0


def _is_rounding(squares: float, n: int, mean: float) -> bool:
    """Return whether n values differ by rounding alone, and show no autocorrelation."""
    rounding = 1e-14 * max(1e-300, abs(mean))
    return squares <= n * rounding**2


def _of_neighbours(away: np.ndarray) -> float:
    """Return the sum of the products of neighbouring deviations."""
    return float(away[1:] @ away[:-1])


def quotient(numerator: Interval, denominator: Interval) -> Interval:
    """Return the ratio of one measured value to another from a separate run.

    The ends are the most extreme quotients of the two intervals, which is cautious. Where one of
    the two promises nothing (``confidence`` 0), neither does the quotient.

    Raises:
        ValueError: A value is not above zero.
    """
    if numerator.value <= 0 or denominator.value <= 0:
        raise ValueError("a quotient takes two values above zero")
    value = numerator.value / denominator.value
    if 0 in (numerator.confidence, denominator.confidence):
        return Interval(value, value, value, 0.0)
    high = numerator.high / denominator.low if denominator.low > 0 else math.inf
    return Interval(value, numerator.low / denominator.high, high)


def steady_interval(samples: Samples, *, q: float = 95) -> Interval:
    """Return a percentile of samples whose neighbours are alike, such as a closed loop's latencies.

    The run is cut into ten blocks. The interval holds every x for which the blocks' shares of
    samples at or below x agree with q. The test is Student's t, corrected for the blocks' own
    autocorrelation and skewness. With fewer than twenty samples beyond the percentile there is no
    interval: a p95 needs 400 samples.

    Args:
        samples: In the order in which they were taken.
        q: Percentile, above 0 and below 100.

    Source: non-overlapping batch means of the indicator, Heidelberger and Lewis, 'Quantile
    Estimation in Dependent Sequences' (Operations Research 1984); Law, 'Simulation Modeling and
    Analysis' (5th ed.), section 9.5.3.
    """
    taken = np.asarray(samples, dtype=float)
    value = percentile(taken, q)
    p = q / 100
    share_beyond = min(p, 1 - p)
    if len(taken) * share_beyond < _FEWEST_BEYOND:
        enough = math.ceil(_FEWEST_BEYOND / share_beyond)
        too_short = f"too short for an interval of p{q:g}: it takes about {enough} samples"
        return Interval(value, value, value, 0.0, too_short)
    begins = np.arange(_BLOCKS) * len(taken) // _BLOCKS
    lengths = np.diff([*begins, len(taken)])

    def score(limit: float) -> float:
        at_or_below = (taken <= limit).astype(float)
        shares = np.add.reduceat(at_or_below, begins) / lengths
        t, freedom = _skew_corrected(shares - p)
        return abs(t) - _student(0.975, freedom)

    low, high = _believed(taken, p, 12 / math.sqrt(_BLOCKS), score)
    return Interval(value, low, high)


def _believed(
    samples: np.ndarray, p: float, reach: float, score: Callable[[float], float]
) -> tuple[float, float]:
    """Return the range of values around the ``p``-quantile whose score is not above zero.

    Args:
        reach: How far to look on both sides, in standard deviations of one independent sample's
            rank.
        score: At most zero for a value that is believed.
    """
    ordered = np.sort(samples)
    reach_in_share = reach * math.sqrt(p * (1 - p))
    lowest = max(0.0, p - reach_in_share)
    highest = min(1.0, p + reach_in_share)
    ranks = np.linspace(lowest, highest, 241) * (len(ordered) - 1)
    tried = np.unique(ordered[ranks.astype(int)])
    last = len(tried) - 1
    value = float(np.quantile(ordered, p))
    middle = min(int(np.searchsorted(tried, value)), last)
    place_low = _last_believed(tried, middle, 0, score)
    # The true percentile may lie anywhere below the first value that is not believed.
    place_high = min(_last_believed(tried, middle, last, score) + 1, last)
    low = float(tried[place_low])
    high = float(tried[place_high])
    return min(low, value), max(high, value)


def _last_believed(tried: np.ndarray, start: int, end: int, score: Callable[[float], float]) -> int:
    """Return the place of the last believed value from ``start`` on, found by halving."""
    if score(tried[end]) <= 0:
        return end
    while abs(end - start) > 1:
        middle = (start + end) // 2
        if score(tried[middle]) <= 0:
            start = middle
        else:
            end = middle
    return start


def _skew_corrected(values: np.ndarray) -> tuple[float, float]:
    """Return Johnson's modified t statistic of a mean against zero, and its degrees of freedom."""
    mean, error, freedom = _mean_error(values)
    if error == 0:
        return (math.copysign(math.inf, mean) if mean else 0.0), freedom
    away = values - mean
    variance = float(np.mean(away**2))
    skewness = float(np.mean(away**3)) / variance**1.5
    t = mean / error
    correction = skewness / (6 * math.sqrt(len(values))) * (1 + 2 * t * t)
    return t + correction, freedom


def _mean_error(values: Samples) -> tuple[float, float, float]:
    """Return the mean of values in time order, its standard error and degrees of freedom."""
    samples = np.asarray(values, dtype=float)
    n = len(samples)
    if n < 2:
        raise ValueError("an interval of a mean takes two values at least")
    mean = float(samples.mean())
    away = samples - mean
    squares = float(away @ away)
    if _is_rounding(squares, n, mean):
        return mean, 0.0, n - 1.0
    autocorrelation = 0.0
    if n >= _ROUNDS_FOR_AUTOCORRELATION:
        seen = _of_neighbours(away) / squares
        raised = (seen + 1 / n) / (1 - 4 / n)
        autocorrelation = min(max(raised, 0.0), _MOST_AUTOCORRELATION)
    lags = np.arange(1, n if autocorrelation else 1)
    covariances = (1 - lags / n) * autocorrelation**lags
    # n times the variance of the mean over that of a value; 1 for independent values.
    inflation = 1 + 2 * float(np.sum(covariances))
    error = math.sqrt(squares / (n - inflation) * inflation / n)
    # Whole tenths, so that their quantiles are looked up and not worked out again.
    tenths = math.floor(10 * (n / inflation - 1))
    return mean, error, max(tenths / 10, 1.0)


@lru_cache(maxsize=1024)  # an option is compared with many others
def _medians(blocks: tuple[tuple[float, ...], ...]) -> np.ndarray:
    """Return each block's median."""
    if len({len(block) for block in blocks}) == 1:
        return np.median(np.asarray(blocks, dtype=float), axis=1)
    return np.array([np.median(block) for block in blocks])


@lru_cache(maxsize=1024)
def _student(p: float, freedom: float) -> float:
    """Return the ``p``-quantile of Student's t, p above one half, for degrees of freedom from 1 on.

    With t = √ν / tan φ its density becomes sin(φ) ** (ν - 1). The sum begins at the far end of the
    tail, φ = 0, over a grid that is finest there (φ = u² π / 2).
    """
    u = np.linspace(0.0, 1.0, 4_001)
    sines = np.sin(u**2 * (math.pi / 2))
    density = sines ** (freedom - 1) * u
    steps = (density[1:] + density[:-1]) / 2
    area = np.concatenate([[0.0], np.cumsum(steps)])
    tails = 2 * (1 - p)
    u_of_p = float(np.interp(tails, area / area[-1], u))
    return math.sqrt(freedom) / math.tan(u_of_p**2 * (math.pi / 2))
