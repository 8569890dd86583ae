"""Customers, and targets: judged by the option that comes nearest; a GPU's figure never stands in for a CPU's."""

from dataclasses import replace

import pytest

from labs.records import Answer, DifferentMachinesError, Records
from labs.records.candidates import choosable, of_machine
from labs.records.options import OptionSummary, summarize
from labs.records.reference import published_imagenet, recorded_on_epyc_7763
from labs.records.targets import TARGETS, limits, standing, standings, target, targets_for
from labs.stats import Interval
from tests.entries import Entries

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
    """Top-1 accuracy in per cent and millions of weights; right answers of 220 photos on two processors."""
    assert published_imagenet().loc["resnet50"].tolist() == [80.382, 25.56]
    assert recorded_on_epyc_7763().loc["U8S8"].tolist() == [177, 168, False]


def test_a_summary_gathers_all_kinds_of_one_option(make_measurement):
    """The newest of each kind, the largest batch, and of latencies only those of one image; answers are passed over."""
    records = [
        make_measurement(kind="size", samples=(9e6,), providers_used={}, provider_requested="", precision=""),
        make_measurement(kind="accuracy", samples=(1.0, 1.0, 1.0, 0.0)),
        make_measurement(samples=(0.009,) * 3),
        make_measurement(samples=(0.001, 0.002, 0.003)),
        make_measurement(samples=(0.1,), batch_size=8),
        make_measurement(kind="throughput", samples=(0.1,) * 5, batch_size=32),
        make_measurement(kind="throughput", samples=(0.01,) * 5, batch_size=4),
        Answer("q", "yes", "2026-01-01T00:00:00+00:00"),
    ]
    with pytest.raises(DifferentMachinesError):
        summarize([*records, replace(records[0], machine=replace(records[0].machine, cpu_model="Other CPU"))])
    (one,) = summarize(records)
    assert (one.size_bytes.value, one.accuracy.value, one.p50_s.value) == (9e6, 0.75, 0.002)
    assert (one.batch_size, one.batch_fps.value) == (32, pytest.approx(320))
    assert one.provider == "CPUExecutionProvider"


def in_full(entries: Entries, option: str, milliseconds: float, **more: object) -> None:
    """Append size, accuracy and latency of an option."""
    entries.measured("size", option, [100], **more)
    entries.measured("accuracy", option, [1] * 90 + [0] * 10, details={"labels": [0] * 100}, **more)
    entries.measured("latency", option, [milliseconds / 1e3] * 40, **more)


def test_one_machine_decides_what_may_be_chosen() -> None:
    """Of the machine that measured the baseline last, whatever is measured in full and computes on no GPU."""
    entries = Entries()
    in_full(entries, "food11", 3.0)
    in_full(entries, "small", 2.0)
    in_full(entries, "cuda", 1.0, providers_used={"CUDAExecutionProvider": 50})
    entries.measured("latency", "half", [0.002] * 40)
    rows = choosable(entries.records)
    assert [one["name"] for one in rows] == ["food11", "small"]
    assert rows[1] == {"name": "small", "p95_ms": pytest.approx(2.0), "accuracy": 0.9, "right": 90, "size_bytes": 100}
    in_full(entries, "food11", 9.0, machine={"cpu_model": "another"})
    assert [one["p95_ms"] for one in choosable(entries.records)] == [pytest.approx(9.0)]
    assert choosable(Records()) == []
    entries.answered("m.x.y", 1)
    kept = of_machine(entries.records, entries.records.latest(option="food11").machine_id)
    assert {one.option for one in kept.measurements()} == {"food11"}
    assert kept.answer("m.x.y") == 1, "what is no measurement belongs to no machine"
