"""Published figures and targets: labelled, in the units of records, and never without their machine."""

from __future__ import annotations

import pytest

from labs.records.reference import published_imagenet, reference_table, source_line
from labs.records.targets import TARGETS, target, target_table, targets_for


def test_published_rows_are_in_the_units_of_records_with_their_machine():
    """The published 60.16 ms, 9.23 MB and 90.59 % of torch on the EPYC server; a slip would put p50 above p95."""
    table = reference_table()
    assert list(table.columns[:6]) == ["size_bytes", "accuracy", "p50_s", "p95_s", "p99_s", "batch_fps"]
    assert len(table) == 15
    assert table["machine"].notna().all()
    assert ((table.p50_s <= table.p95_s) & (table.p95_s <= table.p99_s) & table.accuracy.between(0.5, 1)).all()
    two = reference_table("torch-eager", "torch-compiled", "openvino-int8")
    assert sorted(set(two.index)) == ["torch-compiled", "torch-eager"], "a name without a published row adds nothing"
    epyc = two[two["machine"].str.contains("EPYC")].loc["torch-eager"]
    assert (epyc.p50_s, epyc.size_bytes, epyc.accuracy) == pytest.approx((0.06016, 9_230_000, 0.9059))


def test_source_is_named_with_its_conditions():
    """A figure without its source and data set would pass for ours."""
    assert "https://" in source_line()
    assert "3347" in source_line()


def test_a_machine_without_published_results_is_named_and_gets_no_figures():
    """The AMD edition published targets only: the table says so, and holds no row that nobody measured."""
    assert not reference_table()["machine"].str.contains("MI100").any()
    assert "No results were published for AMD MI100, only targets." in source_line()


def test_targets_are_the_managers_three():
    """Three milliseconds on the server's processor, one on its GPU, fifteen and five megabytes on the device."""
    assert [one.p50_s for one in TARGETS] == [0.003, 0.001, 0.015]
    assert target("device").size_bytes == 5_000_000
    assert "< 3 ms" in target_table().loc["Server, CPU"].tolist()


def test_an_mi100_is_judged_by_the_targets_of_its_edition():
    """1.5 ms and 2500 frames a second for its GPU; the processor's and the device's stay; an A100 keeps its."""
    amd = {one.name: one for one in targets_for("AMD EPYC 7763 × 128, AMD Instinct MI100, AMD Instinct MI100 (c03-01)")}
    assert (amd["server-gpu"].p50_s, amd["server-gpu"].batch_fps) == (0.0015, 2500)
    assert (amd["server-cpu"], amd["device"]) == (target("server-cpu"), target("device"))
    assert targets_for("AMD EPYC 7763 × 128, NVIDIA A100-PCIE-40GB") == targets_for("") == TARGETS
    assert "AMD MI100" in target_table("AMD Instinct MI100")["machine"].tolist()


def test_an_unknown_target_names_the_known_ones():
    """A slip in the name is answered with the way out."""
    with pytest.raises(KeyError, match="server-cpu"):
        target("server")


def test_published_networks_have_their_accuracy_and_size():
    """Top-1 accuracy in per cent, and millions of weights, as timm's table has them."""
    table = published_imagenet()
    assert table.loc["resnet50"].tolist() == [80.382, 25.56]
    assert len(table) == 12
    assert table["top-1 %"].between(50, 90).all()
