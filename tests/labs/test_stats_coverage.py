"""How often the intervals of ``labs.stats`` hold the truth: of a hundred 95 % intervals, 93 to 97
must.

Each test prints its table (``pytest -s``).
"""

import math

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
import scipy.stats

from labs import assets, stats

_BLOCK = 10


def autoregression(
    rng: np.random.Generator, shape: tuple[int, ...], lag_1: float, *, heavy: bool = False
) -> np.ndarray:
    """Return series with this lag-1 autocorrelation along the last axis, of mean 0 and standard
    deviation 1.
    """
    new = rng.standard_t(3, size=shape) / np.sqrt(3) if heavy else rng.standard_normal(shape)
    series = np.empty(shape)
    series[..., 0] = new[..., 0]
    shocks = np.sqrt(1 - lag_1**2) * new
    for step in range(1, shape[-1]):
        series[..., step] = lag_1 * series[..., step - 1] + shocks[..., step]
    return series


def medians(repetitions: int = 2000) -> pd.DataFrame:
    """Return the coverage of ``median_interval`` on independent lognormal samples."""
    rng, rows = np.random.default_rng(1), []
    for q, truth in ((50, 1.0), (95, float(np.exp(1.6448536)))):
        for n in (100, 400) if q == 50 else (400,):
            hits = [
                truth in stats.median_interval(rng.lognormal(size=n), q=q)
                for _ in range(repetitions)
            ]
            rows.append({"samples": n, "percentile": q, "coverage": np.mean(hits)})
    return pd.DataFrame(rows)


def _turns(logs: np.ndarray, rounds: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the two options' blocks of a machine's log pace, second rounds in reverse order."""
    by_turn = logs.reshape(len(logs), rounds, 2, _BLOCK)
    forwards = (np.arange(rounds) % 2 == 0)[None, :, None]
    first, second = by_turn[:, :, 0], by_turn[:, :, 1]
    return np.where(forwards, first, second), np.where(forwards, second, first)


def _ratio_coverage(a: np.ndarray, b: np.ndarray, truth: float) -> dict[str, float]:
    """Return coverage and half-width of the ratio for log times of shape (repetitions, rounds,
    block).
    """
    intervals = []
    for log_a, log_b in zip(a, b, strict=True):
        ratio = stats.ratio_of_medians(np.exp(log_a) * truth, np.exp(log_b))
        intervals.append(ratio.interval)
    rounds = a.shape[1]
    logs = np.median(a, axis=2) - np.median(b, axis=2)
    quantile = scipy.stats.t.ppf(0.975, rounds - 1)
    plain = quantile * logs.std(axis=1, ddof=1) / math.sqrt(rounds)
    half = np.array([np.log(interval.high / interval.low) / 2 for interval in intervals])
    coverage = np.mean([truth in interval for interval in intervals])
    return {
        "coverage": coverage,
        "half-width": np.median(half),
        "over a plain one": half.mean() / plain.mean(),
    }


def ratios(rounds: int, repetitions: int = 2000, truth: float = 1.1) -> pd.DataFrame:
    """Return the coverage of ``ratio_of_medians`` for kinds of noise that a machine makes."""
    rng = np.random.default_rng(rounds)
    length = rounds * _BLOCK
    shape = (repetitions, rounds, _BLOCK)
    of_machine = (repetitions, 2 * length)
    heavy = [rng.standard_t(3, size=shape) * 0.05 for _ in "ab"]
    within = [autoregression(rng, shape, 0.9, heavy=True) * 0.1 for _ in "ab"]
    alike = [
        (autoregression(rng, (repetitions, length), 0.9, heavy=True) * 0.1).reshape(shape)
        for _ in "ab"
    ]
    pace = autoregression(rng, of_machine, 0.9, heavy=True) * 0.15
    shared = _turns(pace, rounds)
    noise = autoregression(rng, of_machine, 0.99, heavy=True) * 0.15
    drifting = _turns(np.linspace(0, 0.5, 2 * length) + noise, rounds)
    stalls = []
    for _ in "ab":
        is_hit = rng.random(shape[:2]) < 0.1
        stalls.append(is_hit[..., None] * rng.exponential(0.5, size=shape))
    normal = [rng.standard_normal(shape) * 0.05 for _ in "ab"]
    of_the_machine = [x + y * 0.5 for x, y in zip(shared, heavy, strict=True)]
    with_drift = [x + y * 0.5 for x, y in zip(drifting, heavy, strict=True)]
    with_stalls = [x + rng.standard_normal(shape) * 0.03 for x in stalls]
    kinds = {
        "independent, normal": normal,
        "independent, heavy tails": heavy,
        "lag-1 0.9 within a block": within,
        "lag-1 0.9 of the machine": of_the_machine,
        "drift of half, lag-1 0.99": with_drift,
        "lag-1 0.9 of each option": alike,
        "one block in ten stalls": with_stalls,
    }
    return pd.DataFrame(
        [
            {"rounds": rounds, "noise": kind, **_ratio_coverage(a, b, truth)}
            for kind, (a, b) in kinds.items()
        ]
    )


def paired(repetitions: int) -> pd.DataFrame:
    """Return the coverage of ``paired_proportions`` on the course's 182 drawings, whose images
    stand or fall together.

    Each drawing loses a share of its images and gains another: Dirichlet, so that two images of one
    drawing are correlated by ``alike``.
    """
    groups = np.array(assets.drawings("evaluation"))
    rng = np.random.default_rng(4)
    rows = []
    for lost, gained, alike in (
        (0.05, 0.05, 0.3),
        (0.05, 0.05, 0.7),
        (0.07, 0.01, 0.5),
        (0.15, 0.05, 0.5),
    ):
        shares = np.array([lost, gained, 1 - lost - gained]) * (1 - alike) / alike
        held, by_image, called = [], [], []
        for _ in range(repetitions):
            odds = rng.dirichlet(shares, groups.max() + 1)[groups]
            tossed = rng.random(len(groups))
            only_b = tossed < odds[:, 0]
            only_a = ~only_b & (tossed < odds[:, 0] + odds[:, 1])
            both = ~only_a & ~only_b
            right_a = only_a | both
            right_b = only_b | both
            comparison = stats.paired_proportions(right_a, right_b, groups)
            held.append(gained - lost in comparison.interval)
            called.append(comparison.p_value < 0.05)
            of_images = stats.paired_proportions(right_a, right_b)
            by_image.append(gained - lost in of_images.interval)
        row = {"lost": lost, "gained": gained, "alike": alike}
        row["coverage"] = np.mean(held)
        row["by image"] = np.mean(by_image)
        row["p < 0.05"] = np.mean(called)
        rows.append(row)
    return pd.DataFrame(rows)


def steady(repetitions: int = 600) -> pd.DataFrame:
    """Return the coverage of ``steady_interval`` for independent samples and for such with a
    memory.
    """
    from statistics import NormalDist

    rng, rows = np.random.default_rng(6), []
    for lag_1 in (0.0, 0.9):
        for q, n in ((50, 200), (95, 500), (95, 1000)):
            series = autoregression(rng, (repetitions, n), lag_1)
            truth = NormalDist().inv_cdf(q / 100)
            hits = [truth in stats.steady_interval(samples, q=q) for samples in series]
            rows.append({"lag-1": lag_1, "percentile": q, "samples": n, "coverage": np.mean(hits)})
    return pd.DataFrame(rows)


def assert_promised(table, repetitions: int, low: float = 0.93, high: float = 0.97) -> None:
    """Print a table, and fail unless every coverage in it is what 95 % intervals promise, as far as
    can be told.
    """
    print("\n" + table.to_string(index=False))
    room = 2 * (0.95 * 0.05 / repetitions) ** 0.5
    wrong = table[~table["coverage"].between(low - room, high + room)]
    assert wrong.empty, f"outside {low:.0%} to {high:.0%}:\n{wrong.to_string(index=False)}"


def test_median_of_independent_samples() -> None:
    """Order statistics hold a percentile of independent samples, whatever their distribution."""
    assert_promised(medians(2000), 2000)


@pytest.mark.parametrize("rounds", [20, pytest.param(40, marks=pytest.mark.slow)])
def test_ratio_of_interleaved_blocks(rounds: int) -> None:
    """It holds with heavy tails, drift, likeness within the run and from round to round, and says
    something.
    """
    table = ratios(rounds, 2000)
    stalls = table["noise"].str.contains("stalls")
    assert_promised(table[~stalls], 2000)
    assert_promised(table[stalls], 2000, high=1.0)
    assert (table["over a plain one"] < 2).all()
    assert table["over a plain one"][0] < 1.3


@pytest.mark.slow
def test_paired_proportions_by_drawing() -> None:
    """The difference on the course's own images holds, and a true null is rejected five times of a
    hundred.
    """
    table = paired(600)
    assert_promised(table, 600, high=0.98)
    null = table[table["lost"] == table["gained"]]
    assert (null["p < 0.05"] < 0.05 + 0.015).all()
    assert (table["by image"] < 0.9).all()


def test_percentiles_of_samples_with_a_memory() -> None:
    """A closed loop's percentile holds for independent samples, a little cautiously, and for a
    lag-1 of 0.9.
    """
    assert_promised(steady(600), 600, high=0.98)
