"""Targets are judged by the option that comes nearest, and a GPU's figure never stands in for a CPU's."""

import pytest

from labs.records.options import OptionSummary
from labs.records.reference import published_imagenet, recorded_on_epyc_7763
from labs.records.targets import TARGETS, limits, standing, standings, target, targets_for
from labs.stats import Interval

MI100 = "AMD EPYC 7763 × 128, AMD Instinct MI100, AMD Instinct MI100 (c03-01)"


def option(name: str, machine: str = "Test CPU × 2", provider: str = "CPU", **numbers: float) -> OptionSummary:
    """Return a summary with exact numbers."""
    known = {key: Interval(value, value, value) for key, value in numbers.items()}
    return OptionSummary(name, machine, provider=f"{provider}ExecutionProvider", **known)


def test_targets_are_the_managers_three_and_an_mi100_has_its_own():
    """Three milliseconds on the server's processor, one on its GPU, fifteen and five megabytes on the device."""
    assert [one.p50_s for one in TARGETS] == [0.003, 0.001, 0.015]
    assert limits(target("device")) == {"p50_s": 0.015, "size_bytes": 5_000_000}
    amd = {one.name: one for one in targets_for(MI100)}
    assert (amd["server-gpu"].p50_s, amd["server-gpu"].batch_fps) == (0.0015, 2500)
    assert (amd["server-cpu"], amd["device"]) == (target("server-cpu"), target("device"))
    assert targets_for("AMD EPYC 7763 × 128, NVIDIA A100-PCIE-40GB") == targets_for("") == TARGETS


@pytest.mark.parametrize(
    ("p50_s", "batch_fps", "kept"),
    [(0.002, 1200, (True, True)), (0.002, 650, (True, False)), (0.003, 1000, (False, True))],
)
def test_a_target_is_met_when_every_limit_is_kept(p50_s: float, batch_fps: float, kept: tuple):
    """The standing says which limit was missed; 'under 3 ms' is not 3 ms, and 'at least 1000' is 1000."""
    found = standing(target("server-cpu"), [option("int8", p50_s=p50_s, batch_fps=batch_fps)])
    assert (found.met, found.kept) == (all(kept), dict(zip(("p50_s", "batch_fps"), kept, strict=True)))


@pytest.mark.parametrize(
    ("name", "options", "nearest"),
    [
        ("server-cpu", {"sprinter": (1e-4, 100, 1e6, 0.9), "balanced": (29e-4, 1100, 1e6, 0.9)}, "balanced"),
        ("server-cpu", {"sprinter": (1e-4, 100, 1e6, 0.9), "nearer": (4e-3, 900, 1e6, 0.7)}, "nearer"),
        ("device", {"small": (1e-3, 9, 1e6, 0.7), "exact": (1e-2, 9, 4e6, 0.9)}, "exact"),
    ],
)
def test_the_nearest_option_stands_for_a_target(name: str, options: dict, nearest: str):
    """By its worst number where none keeps every limit; of those that do, the most accurate: room is no reason."""
    names = ("p50_s", "batch_fps", "size_bytes", "accuracy")
    made = [option(one, **dict(zip(names, numbers, strict=True))) for one, numbers in options.items()]
    assert standing(target(name), made).option.option == nearest


def test_gpu_and_cpu_options_do_not_stand_in_for_each_other():
    """A CUDA figure does not meet the CPU server's target, nor an option whose size is unknown the device's."""
    cuda = option("cuda", provider="CUDA", p50_s=5e-4, batch_fps=9000, size_bytes=1e6)
    assert [one.met for one in standings([cuda])] == [False, True, False]
    assert standing(target("server-cpu"), [cuda]).option is None
    assert standing(target("device"), [option("int8", p50_s=0.002)]).option is None
    amd = {"provider": "MIGraphX", "p50_s": 0.0012, "batch_fps": 3000}
    assert [standings([option("amd", machine, **amd)])[1].met for machine in (MI100, "CPU")] == [True, False]


def test_published_and_recorded_figures_are_tables():
    """Top-1 accuracy in per cent and millions of weights, as timm's; right answers of 220 photos on two processors."""
    table = published_imagenet()
    assert table.loc["resnet50"].tolist() == [80.382, 25.56]
    assert len(table) == 12
    assert recorded_on_epyc_7763().loc["U8S8"].tolist() == [177, 168, False]
