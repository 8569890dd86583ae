"""Targets, published figures, and the known facts of one option."""

from dataclasses import replace

import pytest

from labs.records import Answer, DifferentMachinesError
from labs.records.options import summarize
from labs.records.reference import published_imagenet, recorded_on_epyc_7763
from labs.records.targets import TARGETS, limits, target, targets_for

MI100 = "AMD EPYC 7763 × 128, AMD Instinct MI100, AMD Instinct MI100 (c03-01)"


def test_targets_are_the_managers_three_and_an_mi100_has_its_own():
    """Three milliseconds on the server's processor, one on its GPU, fifteen and five megabytes on
    the device.
    """
    assert [of_manager.p50_s for of_manager in TARGETS] == [0.003, 0.001, 0.015]
    assert limits(target("device")) == {"p50_s": 0.015, "size_bytes": 5_000_000}
    amd = {of_amd.name: of_amd for of_amd in targets_for(MI100)}
    assert (amd["server-gpu"].p50_s, amd["server-gpu"].batch_fps) == (0.0015, 2500)
    assert (amd["server-cpu"], amd["device"]) == (target("server-cpu"), target("device"))
    assert targets_for("AMD EPYC 7763 × 128, NVIDIA A100-PCIE-40GB") == targets_for("") == TARGETS


def test_published_and_recorded_figures_are_tables():
    """Top-1 accuracy in per cent and millions of weights; right answers of 220 photos on two
    processors.
    """
    assert published_imagenet().loc["resnet50"].tolist() == [80.382, 25.56]
    runs = recorded_on_epyc_7763()
    assert runs.loc["U8S8"].tolist()[:2] == [177, 168]
    worse = {name: row["at most"] < 0 for name, row in runs.iterrows()}
    assert worse == {"U8S8": True, "U8S8-7bit": False, "S8S8": True}, "as *Quantize* says"
    assert [name for name, row in runs.iterrows() if row["same logits"]] == ["U8S8-7bit"]


def test_a_summary_gathers_all_kinds_of_one_option(make_measurement):
    """The newest of each kind, the largest batch, and of latencies only those of one image; answers
    are passed over.
    """
    size = make_measurement(
        kind="size", samples=(9e6,), providers_used={}, provider_requested="", precision=""
    )
    accuracy = make_measurement(kind="accuracy", samples=(1.0, 1.0, 1.0, 0.0))
    latencies = [
        make_measurement(samples=(0.009,) * 3),
        make_measurement(samples=(0.001, 0.002, 0.003)),
        make_measurement(samples=(0.1,), batch_size=8),
    ]
    throughputs = [
        make_measurement(kind="throughput", samples=(0.1,) * 5, batch_size=32),
        make_measurement(kind="throughput", samples=(0.01,) * 5, batch_size=4),
    ]
    answer = Answer("q", "yes", "2026-01-01T00:00:00+00:00")
    records = [size, accuracy, *latencies, *throughputs, answer]
    other_machine = replace(size.machine, cpu_model="Other CPU")
    with pytest.raises(DifferentMachinesError):
        summarize([*records, replace(size, machine=other_machine)])
    (summary,) = summarize(records)
    assert summary.size_bytes.value == 9e6
    assert summary.accuracy.value == 0.75
    assert summary.p50_s.value == 0.002
    assert (summary.batch_size, summary.batch_fps.value) == (32, pytest.approx(320))
    assert summary.provider == "CPUExecutionProvider"
