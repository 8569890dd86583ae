"""How often intervals hold the truth: of a hundred 95 % intervals, 93 to 97 must.

Each test prints its table (``pytest -s``); ``python -m tests.benchmarks --only coverage`` prints them all.
"""

import pytest

from tests.labs import coverage


def assert_promised(table, repetitions: int, low: float = 0.93, high: float = 0.97) -> None:
    """Print a table, and fail unless every coverage in it is what 95 % intervals promise, as far as can be told.

    Args:
        table: With a column 'coverage'.
        repetitions: How often each row was simulated; two standard errors of that are allowed on both sides.
        low: Smallest coverage.
        high: Largest coverage.
    """
    print("\n" + table.to_string(index=False))
    room = 2 * (0.95 * 0.05 / repetitions) ** 0.5
    wrong = table[~table["coverage"].between(low - room, high + room)]
    assert wrong.empty, f"outside {low:.0%} to {high:.0%}:\n{wrong.to_string(index=False)}"


def test_median_of_independent_samples() -> None:
    """Order statistics hold a percentile of independent samples, whatever their distribution."""
    assert_promised(coverage.medians(2000), 2000)


@pytest.mark.parametrize("rounds", [20, 40])
def test_ratio_of_interleaved_blocks(rounds: int) -> None:
    """It holds with heavy tails, drift, likeness within the run and from round to round, and says something.

    Where one block in ten is hit by something else, the interval may be wider than it would have to be.
    """
    table = coverage.ratios(rounds, 2000)
    stalls = table["noise"].str.contains("stalls")
    assert_promised(table[~stalls], 2000)
    assert_promised(table[stalls], 2000, high=1.0)
    assert (table["over a plain one"] < 2).all()
    assert table["over a plain one"][0] < 1.3


def test_paired_proportions_by_drawing() -> None:
    """The difference on the course's own images holds, and a true null is rejected five times of a hundred."""
    table = coverage.paired(1000)
    assert_promised(table, 1000, high=0.98)
    null = table[table["lost"] == table["gained"]]
    assert (null["p < 0.05"] < 0.05 + 0.015).all()


@pytest.mark.parametrize("utilization", [0.6, 0.8, 0.9])
def test_tail_of_an_open_loop(utilization: float) -> None:
    """A p95 of M/D/1 holds where enough was measured, and where it was not, hardly a run promises anything."""
    table = coverage.tails(utilization, 300)
    promised = table["no interval"] < 0.5
    assert promised.any()
    assert (table[~promised]["wrong promises"] < 0.03).all()
    print("\n" + table[~promised].to_string(index=False))
    assert_promised(table[promised], 300)


def test_percentiles_of_samples_with_a_memory() -> None:
    """A closed loop's percentile holds for independent samples, a little cautiously, and for a lag-1 of 0.9."""
    assert_promised(coverage.steady(600), 600, high=0.98)
