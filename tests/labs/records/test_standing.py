"""Targets are judged by the option that comes nearest, and a GPU's figure never stands in for a CPU's."""

from __future__ import annotations

from dataclasses import replace

from labs.records.options import OptionSummary
from labs.records.targets import keeps, limits, standing, standings, target
from labs.stats import Interval


def option(name: str, *, p50_s: float, batch_fps: float | None = None, size_bytes: float | None = None, gpu=False):
    """Return a summary with exact numbers."""
    numbers = {"p50_s": p50_s, "batch_fps": batch_fps, "size_bytes": size_bytes}
    known = {key: Interval(value, value, value) for key, value in numbers.items() if value is not None}
    provider = "CUDAExecutionProvider" if gpu else "CPUExecutionProvider"
    return OptionSummary(name, "Test CPU × 2", "id", provider=provider, **known)


def test_limits_of_a_target_are_the_numbers_it_bounds():
    """The device has no throughput target, the server no size target."""
    assert limits(target("device")) == {"p50_s": 0.015, "size_bytes": 5_000_000}
    assert limits(target("server-cpu")) == {"p50_s": 0.003, "batch_fps": 1000}


def test_a_ceiling_is_missed_at_the_limit_and_a_floor_is_kept_there():
    """'Under 3 ms' is not 3 ms; 'at least 1000' is 1000."""
    assert not keeps(0.003, "p50_s", 0.003)
    assert keeps(1000, "batch_fps", 1000)


def test_a_target_is_met_only_when_every_limit_is_kept():
    """Fast enough but too few a second is not met, and the standing says which limit was missed."""
    found = standing(target("server-cpu"), [option("int8", p50_s=0.002, batch_fps=650)])
    assert not found.met
    assert found.kept == {"p50_s": True, "batch_fps": False}
    assert standing(target("server-cpu"), [option("int8", p50_s=0.002, batch_fps=1200)]).met


def test_the_nearest_option_is_the_one_whose_worst_number_is_nearest():
    """An option that keeps both limits wins over one that is far better in a single number."""
    options = [option("sprinter", p50_s=0.0001, batch_fps=100), option("balanced", p50_s=0.0029, batch_fps=1100)]
    assert standing(target("server-cpu"), options).option.option == "balanced"


def test_gpu_and_cpu_options_do_not_stand_in_for_each_other():
    """A CUDA figure neither meets the CPU server's target nor the other way round."""
    options = [option("cuda", p50_s=0.0005, batch_fps=9000, size_bytes=1e6, gpu=True)]
    assert [one.met for one in standings(options)] == [False, True, False]
    assert standing(target("server-cpu"), options).option is None


def test_options_of_an_mi100_stand_against_its_own_targets():
    """1.2 ms and 3000 a second with MIGraphX meet the AMD edition's target, and would miss the A100's."""
    fast = replace(option("migraphx", p50_s=0.0012, batch_fps=3000, gpu=True), provider="MIGraphXExecutionProvider")
    there = replace(fast, machine="Test CPU × 2, AMD Instinct MI100")
    assert [one.met for one in standings([there])] == [False, True, False]
    assert [one.met for one in standings([fast])] == [False, False, False]


def test_an_option_without_a_bounded_number_takes_no_part():
    """A device target asks for a size; an option whose size is unknown cannot meet it."""
    assert standing(target("device"), [option("int8", p50_s=0.002)]).option is None


def test_room_inside_the_limits_is_no_reason_to_lose_accuracy():
    """Of two options that keep every limit, the more accurate one stands for the target, though it has less room."""
    small = replace(option("small", p50_s=0.001, size_bytes=1e6), accuracy=Interval(0.7, 0.6, 0.8))
    exact = replace(option("exact", p50_s=0.010, size_bytes=4e6), accuracy=Interval(0.9, 0.8, 1.0))
    assert standing(target("device"), [small, exact]).option.option == "exact"
