"""A bar is judged by the estimate alone, at the bound as well, and an aim never is."""

from dataclasses import replace

import pytest

from labs.machine import fingerprint
from labs.stats import Interval
from tests.benchmarks.bars import Bar, Result, model_bars


@pytest.mark.parametrize("at_most", [True, False])
@pytest.mark.parametrize("side", [-0.01, 0.0, 0.01])
def test_a_line_begins_with_met_or_missed(at_most, side):
    """Whatever the interval holds."""
    line = Bar("one photo", "ms", 2.0, 1.0 if at_most else 3.0, at_most).line(
        Result.of(Interval(2.0 + side, 1.0, 3.0, 0.95), "food11")
    )
    assert line.startswith("met: " if side == 0.0 or (side < 0) == at_most else "missed: ")
    assert line.count("met") + line.count("missed") == 1
    assert "(1.00 to 3.00)" in line
    assert f"aim {1 if at_most else 3}" in line


def test_an_aim_that_does_not_lie_beyond_its_bar_is_refused():
    """Or a run would reach the aim and miss the bar."""
    with pytest.raises(ValueError, match="beyond"):
        Bar("one photo", "ms", 2.0, 3.0, at_most=True)
    with pytest.raises(ValueError, match="beyond"):
        Bar("answers", "×", 2.0, 1.0)


@pytest.mark.parametrize(("flags", "bound"), [((), 0.55), (("avx512f", "amx_tile"), 0.65)])
def test_a_processor_whose_float32_is_fast_has_its_own_bar(flags, bound):
    """INT8 gains less there."""
    bars = model_bars(replace(fingerprint(), cpu_flags=flags))
    assert bars["p50"].bound == bound
    assert bars["batch"].bound == 2.6
