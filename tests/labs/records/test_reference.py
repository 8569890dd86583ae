"""Published figures and targets: labelled, in the units of records, and never without their machine."""

from __future__ import annotations

import pytest

from labs.records.reference import published, reference_table, source_line
from labs.records.targets import TARGETS, target, target_table, targets_for


def test_a_published_row_is_in_the_units_of_records():
    """Seconds, bytes and fractions: the published 60.16 ms, 9.23 MB and 90.59 % of torch on the EPYC server."""
    epyc = next(one for one in published("torch-eager") if "EPYC" in one.machine)
    assert (epyc.p50_s, epyc.size_bytes, epyc.accuracy) == pytest.approx((0.06016, 9_230_000, 0.9059))


def test_every_row_names_its_machine_and_its_percentiles_are_in_order():
    """A slip while copying a number would put p50 above p95, or an option without a machine."""
    rows = published()
    assert len(rows) == 15
    assert all(one.machine and one.p50_s <= one.p95_s <= one.p99_s and 0.5 < one.accuracy < 1 for one in rows)


def test_table_has_the_columns_of_ones_own_table_and_the_machine():
    """A lesson can put the two below each other."""
    table = reference_table("torch-eager", "torch-compiled")
    assert list(table.columns[:6]) == ["size_bytes", "accuracy", "p50_s", "p95_s", "p99_s", "batch_fps"]
    assert sorted(set(table.index)) == ["torch-compiled", "torch-eager"]
    assert table["machine"].notna().all()


def test_an_option_that_was_never_published_adds_no_row():
    """The lessons ask for all their options; most are ours alone."""
    assert published("openvino-int8") == []


def test_source_is_named_with_its_conditions():
    """A figure without its source and data set would pass for ours."""
    assert "https://" in source_line()
    assert "3347" in source_line()


def test_a_machine_without_published_results_is_named_and_gets_no_figures():
    """The AMD edition published targets only: the table says so, and holds no row that nobody measured (A15)."""
    assert not [one for one in published() if "MI100" in one.machine]
    assert "No results were published for AMD MI100, only targets." in source_line()


def test_targets_are_the_managers_three():
    """Three milliseconds on the server's processor, one on its GPU, fifteen and five megabytes on the device."""
    assert [one.p50_s for one in TARGETS] == [0.003, 0.001, 0.015]
    assert target("device").size_bytes == 5_000_000
    assert "< 3 ms" in target_table().loc["Server, CPU"].tolist()


def test_an_mi100_is_judged_by_the_targets_of_its_edition():
    """1.5 ms and 2500 frames a second for its GPU; the processor's and the device's stay; an A100 keeps its. (A15)"""
    amd = {one.name: one for one in targets_for("AMD EPYC 7763 × 128, AMD Instinct MI100, AMD Instinct MI100 (c03-01)")}
    assert (amd["server-gpu"].p50_s, amd["server-gpu"].batch_fps) == (0.0015, 2500)
    assert (amd["server-cpu"], amd["device"]) == (target("server-cpu"), target("device"))
    assert targets_for("AMD EPYC 7763 × 128, NVIDIA A100-PCIE-40GB") == targets_for("") == TARGETS
    assert "AMD MI100" in target_table("AMD Instinct MI100")["machine"].tolist()


def test_an_unknown_target_names_the_known_ones():
    """A slip in the name is answered with the way out."""
    with pytest.raises(KeyError, match="server-cpu"):
        target("server")
