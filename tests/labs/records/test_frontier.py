"""The frontier holds exactly the options that no other option dominates."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from labs.records.options import OBJECTIVES, OptionSummary, dominates, dominators
from labs.stats import Interval


def option(name: str, accuracy: float, p50_s: float, batch_fps: float, size_bytes: float) -> OptionSummary:
    """Return a summary with four exact numbers."""
    numbers = {"accuracy": accuracy, "p50_s": p50_s, "batch_fps": batch_fps, "size_bytes": size_bytes}
    return OptionSummary(name, "Test CPU × 2", "id", **{key: Interval(v, v, v) for key, v in numbers.items()})


EAGER = option("eager", 0.88, 12e-3, 130, 9.2e6)
ALL = option("all", 0.88, 2.7e-3, 340, 8.9e6)
INT8 = option("int8", 0.86, 1.8e-3, 650, 2.4e6)


def winners(options: list[OptionSummary]) -> list[str]:
    """Return the names of the options that nobody dominates."""
    return [name for name, better in dominators(options).items() if not better]


def test_equal_options_do_not_throw_each_other_out():
    """Two options with the same numbers are both on the frontier."""
    assert winners([ALL, option("twin", 0.88, 2.7e-3, 340, 8.9e6)]) == ["all", "twin"]


def test_the_winner_is_named():
    """The table can say by which option another one is beaten."""
    assert dominators([EAGER, ALL, INT8]) == {"eager": ["all"], "all": [], "int8": []}


def test_an_option_that_was_not_measured_in_full_takes_no_part():
    """What is not known can neither win nor lose."""
    partial = OptionSummary("partial", "Test CPU × 2", "id", p50_s=Interval(1e-4, 1e-4, 1e-4))
    assert dominators([EAGER, partial]) == {"eager": []}


def test_agrees_with_the_definition_on_random_options():
    """On 40 random options, exactly those without a better one in every objective are on the frontier."""
    draws = np.random.default_rng(7).integers(1, 6, (40, 4))
    options = [option(f"o{i}", *map(float, row)) for i, row in enumerate(draws)]
    sign = np.array([1, -1, 1, -1])
    expected = [
        f"o{i}"
        for i, row in enumerate(draws * sign)
        if not any((other >= row).all() and (other > row).any() for other in draws * sign)
    ]
    assert OBJECTIVES == ("accuracy", "p50_s", "batch_fps", "size_bytes")
    assert winners(options) == expected
    assert all(not (dominates(a, b) and dominates(b, a)) for a, b in itertools.combinations(options, 2))


def test_noise_beats_nobody():
    """The same file under two names is on the frontier twice, although one of them read faster by chance."""
    noisy = {"p50_s": Interval(2.7e-3, 2.6e-3, 2.8e-3), "batch_fps": Interval(340, 330, 350)}
    lucky = {"p50_s": Interval(2.65e-3, 2.6e-3, 2.8e-3), "batch_fps": Interval(345, 330, 350)}
    assert winners([replace(ALL, **noisy), replace(ALL, option="twin", **lucky)]) == ["all", "twin"]
