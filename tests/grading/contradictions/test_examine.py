"""Consistency: what cannot be true is set aside, what is unlikely is flagged, and honest evidence is left in peace."""

from __future__ import annotations

import copy
import gzip
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from grading.grade.contradictions.samples import looks_drawn
from scipy.stats import binom, binomtest

from grading.grade.contradictions import Examined, examine
from labs.machine import Fingerprint
from tests.grading.recorded import RECORDED as RECORDED_PARTS
from tests.grading.recorded import recorded as recorded_part

RECORDED = Path(__file__).parents[1] / "fixtures" / "epyc-two-cores.jsonl.gz"


@pytest.fixture(scope="module")
def recorded() -> list[dict]:
    """Return a recorded ledger."""
    return [json.loads(line) for line in gzip.decompress(RECORDED.read_bytes()).decode().splitlines()]


@pytest.fixture
def spoil(recorded: list[dict]) -> Callable[..., tuple[Examined, dict]]:
    """Return a function that changes the first fitting record, and examines the ledger."""

    def run(edit: Callable[[dict, list[dict]], None], **wanted: object) -> tuple[Examined, dict]:
        entries = copy.deepcopy(recorded)
        record = next(one for one in entries if all(one.get(name) == value for name, value in wanted.items()))
        edit(record, entries)
        return examine(entries), record

    return run


def scale(factor: float, *, clocks: bool = False):
    """Return an edit that scales a record's samples, and its clock readings where a forger is careful."""

    def edit(record: dict, entries: list[dict]) -> None:
        record["samples"] = [sample * factor for sample in record["samples"]]
        if clocks:
            wall_s = record["monotonic_end_s"] - record["monotonic_start_s"]
            record["monotonic_end_s"] = record["monotonic_start_s"] + wall_s * factor

    return edit


def set_to(**values: object):
    """Return an edit that sets fields."""
    return lambda record, entries: record.update(copy.deepcopy(values))


def test_a_real_ledger_has_neither_contradictions_nor_flags(recorded):
    """It was measured on a machine with eight other jobs: noise is no cheating."""
    found = examine(recorded)
    assert found.all == ()
    assert found.kept == recorded


LATENCY = {"kind": "latency", "option": "torch-eager"}
ACCURACY = {"kind": "accuracy", "option": "onnx-all"}


def copy_samples(record: dict, entries: list[dict]) -> None:
    """Give another option this one's samples."""
    other = next(one for one in entries if one.get("kind") == "latency" and one["option"] == "onnx-disabled")
    other["samples"], other["monotonic_end_s"] = record["samples"], other["monotonic_start_s"] + 1e4


def two_machines_in_one_run(record: dict, entries: list[dict]) -> None:
    """Put one option of a comparison on another machine."""
    one = next(entry for entry in entries if "comparison_id" in entry.get("details", {}))
    one["machine"] = {**one["machine"], "machine_id": "another"}


@pytest.mark.parametrize(
    ("rule", "edit", "wanted"),
    [
        ("samples-longer-than-run", scale(1.3), LATENCY),
        ("samples-constant", lambda r, _: r.update(samples=[0.001] * len(r["samples"])), LATENCY),
        ("samples-constant", lambda r, _: r.update(samples=[0.001, 0.0011] * (len(r["samples"]) // 2)), LATENCY),
        ("run-ends-before-it-begins", set_to(monotonic_end_s=-1.0), LATENCY),
        ("samples-twice", copy_samples, LATENCY),
        ("size-not-the-files", set_to(samples=[1_000_000.0]), {"kind": "size", "option": "int8-static-qdq"}),
        ("hash-not-the-files", lambda r, _: r["model"].update(size_bytes=17), ACCURACY),
        ("hash-not-the-files", lambda r, _: r["model"].update(sha256="a" * 64), ACCURACY),
        ("accuracy-not-its-classes", lambda r, _: r.update(samples=[1.0] * len(r["samples"])), ACCURACY),
        ("accuracy-not-its-classes", lambda r, _: r["details"].pop("labels"), ACCURACY),
        ("accuracy-not-its-classes", lambda r, _: r["details"].update(predicted="all of them"), ACCURACY),
        ("run-on-two-machines", two_machines_in_one_run, LATENCY),
    ],
)
def test_what_cannot_be_true_is_set_aside(spoil, rule: str, edit, wanted: dict):
    """And only that: everything else is kept, answers above all."""
    found, record = spoil(edit, **wanted)
    assert {one.rule for one in found.contradictions} == {rule}
    gone = {name for one in found.contradictions for name in one.records}
    kept = {entry["record_id"] for entry in found.kept}
    assert not gone & kept
    assert len(kept) == len({entry["record_id"] for entry in found.kept})
    assert record["record_id"] in gone or rule in ("samples-twice", "run-on-two-machines", "hash-not-the-files")


def idle(record: dict, entries: list[dict]) -> None:
    """Let a run last far longer than its samples."""
    record["monotonic_start_s"] -= 5 * (record["monotonic_end_s"] - record["monotonic_start_s"])


def rounded(record: dict, entries: list[dict]) -> None:
    """Round samples to a hundredth of a millisecond."""
    record["samples"] = [max(1e-4, float(np.floor(sample * 1e5) / 1e5)) for sample in record["samples"]]


def later_by_a_day(record: dict, entries: list[dict]) -> None:
    """Move a run to another day on one of the two clocks only."""
    record["monotonic_start_s"] += 86_400
    record["monotonic_end_s"] += 86_400


def jittered(record: dict, entries: list[dict]) -> None:
    """Make another option's samples out of this one's: scaled by 0.7, with 1 % of jitter."""
    other = next(one for one in entries if one.get("kind") == "latency" and one["option"] == "onnx-disabled")
    jitter = np.random.default_rng(0).normal(1, 0.01, len(record["samples"]))
    other["samples"] = list(0.7 * np.array(record["samples"]) * jitter)
    other["monotonic_end_s"] = other["monotonic_start_s"] + sum(other["samples"]) * 1.01


@pytest.mark.parametrize(
    ("rule", "edit", "wanted"),
    [
        ("run-mostly-idle", idle, LATENCY),
        ("samples-rounded", rounded, LATENCY),
        ("samples-few", lambda r, _: r.update(samples=r["samples"][:30]), LATENCY),
        ("samples-alike", jittered, LATENCY),
        ("machine-edited", lambda r, _: r["machine"].update(machine_id="0" * 12), LATENCY),
        ("several-machines", lambda r, _: r["machine"].update(machine_id="0" * 12), LATENCY),
        ("faster-than-any", scale(1e-4, clocks=True), LATENCY),
        ("claims-disagree", scale(0.004, clocks=True), LATENCY),
        ("clocks-disagree", later_by_a_day, LATENCY),
    ],
)
def test_what_is_unlikely_is_flagged_and_costs_nothing(spoil, rule: str, edit, wanted: dict):
    """A flag asks a person to look; every record stays."""
    found, record = spoil(edit, **wanted)
    assert rule in {one.rule for one in found.flags}
    assert found.contradictions == ()
    assert record in found.kept


def test_a_rehearsed_device_is_no_oddity(spoil):
    """It takes few samples, and is played by the computer that part 1 was measured on: one honest ledger holds both."""

    def rehearse(record: dict, entries: list[dict]) -> None:
        machine = {**record["machine"], "testbed": {"site": "rehearsal", "node": "rehearsed machine"}, "cpu_count": 1}
        machine["machine_id"] = Fingerprint.from_json(machine).machine_id
        later_s = 86_400.0
        samples = record["samples"][:30]
        clocks = {"monotonic_start_s": record["monotonic_start_s"] + later_s}
        clocks["monotonic_end_s"] = clocks["monotonic_start_s"] + 1.01 * sum(samples)
        about = {"option": "edge-fp32", "record_id": "e" * 32, "samples": samples, "machine": machine}
        entries.append({**copy.deepcopy(record), **about, **clocks, "started_at": "2030-01-01T00:00:00+00:00"})

    found, _ = spoil(rehearse, **LATENCY)
    assert found.all == ()


@pytest.mark.parametrize(
    ("option", "cpu_model"), [("edge-fp32", "AMD EPYC 7763"), ("torch-eager", "Cortex-A76, Raspberry Pi 5")]
)
def test_a_machine_of_another_part_is_flagged(spoil, option: str, cpu_model: str):
    """A device's time from a server, and a server's from a device: a person asks how that came about."""

    def elsewhere(record: dict, entries: list[dict]) -> None:
        for entry in entries:
            if entry.get("kind") == "latency" and entry["option"] == "torch-eager":
                entry["option"] = option
                entry["machine"] = {**entry["machine"], "cpu_model": cpu_model}

    found, _ = spoil(elsewhere, **LATENCY)
    (told,) = [one for one in found.flags if one.rule == "machine-not-the-parts"]
    assert cpu_model in told.message
    assert found.contradictions == ()


def test_a_scaled_record_of_a_comparison_still_fits_and_is_nobodys_proof(spoil):
    """What the grader cannot see it does not claim to see: making one option of a race faster leaves no mark here."""
    found, _ = spoil(scale(0.7), kind="latency", option="int8-static-qdq")
    assert found.contradictions == ()


def test_an_empty_ledger_and_one_of_answers_only_are_fine():
    """Nothing to examine is no fault."""
    answer = {"type": "answer", "question": "m.choose.frontier", "value": ["onnx-all"], "made_at": "", "record_id": "1"}
    assert examine([]).all == ()
    assert examine([answer]).kept == [answer]


def long_records() -> list[list[float]]:
    """Return the samples of all recorded runs that are long enough for the rule: real ones, beside other work."""
    records = [one for part in RECORDED_PARTS for one in recorded_part(part) if one["type"] == "measurement"]
    clocked = [one["samples"] for one in records if one["kind"] in ("latency", "throughput", "load")]
    return [samples for samples in clocked if len(samples) >= 80 and min(samples) > 0]


def test_honest_noise_is_hardly_ever_taken_for_a_formulas():
    """At most 1 % of honest ledgers of any length, at the upper end of the rate's exact 95 % interval (`pytest -s`).

    Records are taken for independent of each other, as they nearly are: what lasts, lasts for seconds.
    """
    real = long_records()
    drawn = sum(map(looks_drawn, real))
    interval = binomtest(drawn, len(real)).proportion_ci(0.95, method="exact")
    worst = max(binom.sf(max(4, math.ceil(count / 3)) - 1, count, interval.high) for count in range(4, 200))
    print(f"{drawn} of {len(real)} records look drawn, {interval.low:.2%} to {interval.high:.2%}; ledgers: {worst:.2%}")
    assert len(real) >= 150
    assert worst <= 0.01


def test_nearly_all_drawn_records_look_drawn():
    """Lognormal and normal ones, of few samples and many; what came from a clock and was shuffled does not."""
    random = np.random.default_rng(5)
    for count in (80, 120, 400):
        for draw in (lambda n: random.lognormal(-6, 0.1, n), lambda n: random.normal(0.002, 0.00005, n)):
            assert np.mean([looks_drawn(draw(count)) for _ in range(200)]) > 0.93
    assert np.mean([looks_drawn(random.permutation(samples)) for samples in long_records()]) < 0.25
