"""Which options can be chosen between: nothing is dropped without a reason, and claims are about measured pairs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from labs.bench.targets import model_file
from labs.records import Records
from labs.records.candidates import candidates, choosable, gains, of_machine
from labs.records.record import Measurement
from tests.entries import Entries


def in_full(entries: Entries, option: str, letter: str, milliseconds: float = 2.0, **more: object) -> None:
    """Append size, accuracy, latency and throughput of an option."""
    file = {"name": f"{option}.onnx", "sha256": letter * 64, "size_bytes": 100}
    settings = {"providers": [["CPUExecutionProvider", {}]]}
    common = {"model": file, "settings": settings, **more}
    entries.measured("size", option, [100], **common)
    entries.measured("accuracy", option, [1] * 90 + [0] * 10, details={"labels": [0] * 100}, **common)
    entries.measured("latency", option, [milliseconds / 1e3] * 40, **common)
    entries.measured("throughput", option, [milliseconds / 1e2] * 40, batch_size=32, **common)


def test_each_option_takes_part_or_has_a_reason() -> None:
    """Twins, half-measured, fallen-back and old ones are named with what is the matter, and a GPU's takes part."""
    entries = Entries()
    in_full(entries, "good", "a")
    in_full(entries, "twin", "a")
    in_full(entries, "old", "b", settings={})
    gpu = {"provider_requested": "CUDAExecutionProvider", "settings": {"providers": [["CUDAExecutionProvider", {}]]}}
    in_full(entries, "cuda", "a", providers_used={"CUDAExecutionProvider": 50}, **gpu)
    in_full(entries, "fell", "c", providers_used={"CPUExecutionProvider": 50}, **gpu)
    entries.measured("latency", "half", [0.002] * 40)
    found, left_out = candidates(entries.records)
    assert list(found) == ["good", "cuda"]
    assert (found["good"].environment, found["cuda"].environment) == ("", "gpu")
    assert (found["good"].row["on_gpu"], found["cuda"].row["on_gpu"]) == (False, True)
    assert "the very same file as good" in left_out["twin"]
    assert "earlier version" in left_out["old"]
    assert "no node" in left_out["fell"]
    assert left_out["half"] == "not measured in full: accuracy, throughput, size missing"


def test_a_file_that_is_gone_or_changed_is_said(tmp_path: Path) -> None:
    """The very bytes that were measured have to lie in one of the folders."""
    entries = Entries()
    (tmp_path / "kept.onnx").write_bytes(b"kept")
    (tmp_path / "changed.onnx").write_bytes(b"changed")
    for option in ("kept", "changed", "gone"):
        in_full(entries, option, option[0].replace("k", "a").replace("g", "b"))
    digest = model_file(tmp_path / "kept.onnx").sha256
    records = Records(
        replace(one, model=replace(one.model, sha256=digest))
        if isinstance(one, Measurement) and one.option == "kept"
        else one
        for one in entries.records
    )
    found, left_out = candidates(records, [tmp_path / "elsewhere", tmp_path])
    assert list(found) == ["kept"]
    assert set(left_out) == {"changed", "gone"}


def test_gains_say_nothing_about_what_was_not_compared() -> None:
    """Measured alone, two options have a gain in accuracy and size only; side by side, in time too, with its sign."""
    entries = Entries()
    in_full(entries, "fast", "a", 1.0)
    in_full(entries, "slow", "b", 2.0)
    assert set(gains(entries.records, "fast", "slow")) == {"accuracy", "size"}
    for option, milliseconds in (("fast", 1.0), ("slow", 2.0)):
        samples = [milliseconds * (1 + 0.001 * (turn % 5)) for turn in range(40)]
        entries.measured("latency", option, samples, details={"comparison_id": "race", "block_calls": 2})
    low, high = gains(entries.records, "fast", "slow")["latency"]
    assert (low, high) == pytest.approx((0.5, 0.5), abs=0.01)
    assert gains(entries.records, "slow", "fast")["latency"][1] < 0
    assert gains(entries.records, "fast", "slow")["size"] == (0, 0)


def test_of_machine_keeps_one_machine_and_everything_that_is_no_measurement() -> None:
    """A ledger that came home holds the node's records beside the laptop's."""
    entries = Entries()
    in_full(entries, "here", "a")
    in_full(entries, "there", "b", machine={"cpu_model": "another"})
    entries.answered("m.x.y", 1)
    here = entries.records.latest(option="here").machine_id
    kept = of_machine(entries.records, here)
    assert {one.option for one in kept.measurements()} == {"here"}
    assert kept.answer("m.x.y") == 1


def test_one_machine_decides_what_may_be_chosen() -> None:
    """Of the machine that measured the baseline last, whatever is measured in full and computes on no GPU."""
    entries = Entries()
    in_full(entries, "food11", "a", 3.0)
    in_full(entries, "small", "b", 2.0)
    in_full(entries, "cuda", "a", providers_used={"CUDAExecutionProvider": 50})
    entries.measured("latency", "half", [0.002] * 40)
    rows = choosable(entries.records)
    assert [one["name"] for one in rows] == ["food11", "small"]
    assert rows[1] == {"name": "small", "p95_ms": pytest.approx(2.0), "accuracy": 0.9, "right": 90, "size_bytes": 100}
    in_full(entries, "food11", "a", 9.0, machine={"cpu_model": "another"})
    assert [one["p95_ms"] for one in choosable(entries.records)] == [pytest.approx(9.0)]
    assert choosable(Records()) == []
