"""Summaries: the newest record of each kind counts, on one machine; and which of them can be chosen between."""

from dataclasses import replace

import pytest

from labs.records import Answer, DifferentMachinesError, Records
from labs.records.candidates import choosable, of_machine
from labs.records.options import summarize
from tests.entries import Entries


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
    (one,) = summarize(records)
    assert (one.size_bytes.value, one.accuracy.value, one.p50_s.value) == (9e6, 0.75, 0.002)
    assert (one.batch_size, one.batch_fps.value) == (32, pytest.approx(320))
    assert one.provider == "CPUExecutionProvider"


def test_records_of_two_machines_are_refused(make_measurement):
    """Milliseconds of two machines never stand in one ranking by accident."""
    here = make_measurement()
    with pytest.raises(DifferentMachinesError):
        summarize([here, replace(here, machine=replace(here.machine, cpu_model="Other CPU"))])


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
