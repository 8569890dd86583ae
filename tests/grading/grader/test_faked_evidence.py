"""Faked evidence, whole: each fake earns nothing at what it fakes, and the honest rest of the ledger keeps its points.

What no rule can see is said too: a fake that is consistent in itself costs its maker no point by flags, and the last
test of this file holds the grader to that promise.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from grading.grade import Setup, grade
from grading.result import Result, spot_checks
from grading.sandbox import abilities

Edit = Callable[[dict], dict | None]


@dataclass(frozen=True)
class Fake:
    """One way of making evidence up."""

    #: What is done to each entry; None drops it.
    edit: Edit
    #: Checkpoints that rest on it, and earn nothing.
    worthless: frozenset[str]
    #: A rule that names it; empty where the answer alone is wrong.
    rule: str = ""


def is_latency(entry: dict, *options: str) -> bool:
    """Return whether an entry is a latency record of one of these options, or of any."""
    return entry.get("kind") == "latency" and (not options or entry["option"] in options)


def edited_median(entry: dict) -> dict:
    """Answer with a median that the samples do not have."""
    if entry.get("question") == "m.measure.percentiles" and entry["type"] == "answer":
        entry["value"] = {**entry["value"], "p50": entry["value"]["p50"] / 2}
    return entry


def constant_samples(entry: dict) -> dict:
    """Write one number over and over."""
    if is_latency(entry):
        entry["samples"] = [0.002] * len(entry["samples"])
    return entry


def two_hosts(entry: dict) -> dict:
    """Take the faster option of every race from another machine."""
    if "comparison_id" in entry.get("details", {}) and entry["option"] not in ("torch-eager", "onnx-all"):
        entry["machine"] = {**entry["machine"], "machine_id": "0" * 12}
    return entry


def scaled_samples(entry: dict) -> dict:
    """Make samples of records that were measured alone longer than the clock that enclosed them ran."""
    if is_latency(entry) and "comparison_id" not in entry["details"]:
        entry["samples"] = [1.5 * sample for sample in entry["samples"]]
    return entry


def perfect_accuracy(entry: dict) -> dict:
    """Claim that every picture was right, and leave the classes as they were."""
    if entry.get("kind") == "accuracy":
        entry["samples"] = [1.0] * len(entry["samples"])
    return entry


def small_file(entry: dict) -> dict:
    """Claim that files are a tenth of what they are."""
    if entry.get("kind") == "size":
        entry["samples"] = [float(entry["samples"][-1] // 10)]
    return entry


def nothing_measured(entry: dict) -> dict | None:
    """Keep the answers and throw the measurements away."""
    return entry if entry["type"] != "measurement" else None


RACES = frozenset({"m.measure.speedup", "m.measure.gap", "m.graph.twins", "m.graph.steps"})

FAKES: dict[str, Fake] = {
    "an edited median": Fake(edited_median, frozenset({"m.measure.percentiles"})),
    "constant samples": Fake(constant_samples, RACES | {"m.measure.percentiles"}, "samples-constant"),
    "two hosts in one race": Fake(two_hosts, RACES - {"m.graph.twins"}, "run-on-two-machines"),
    "samples beyond their run": Fake(scaled_samples, frozenset({"m.measure.percentiles"}), "samples-longer-than-run"),
    "a perfect accuracy": Fake(
        perfect_accuracy,
        frozenset({"m.measure.accuracy_interval", "m.quantize.budget", "m.choose.recommendation"}),
        "accuracy-not-its-classes",
    ),
    "a small file": Fake(small_file, frozenset({"m.choose.recommendation"}), "size-not-the-files"),
    "no measurement": Fake(nothing_measured, RACES | {"m.measure.percentiles", "m.choose.recommendation"}),
}


def earned(result: Result) -> set[str]:
    """Return the checkpoints that earned their points."""
    return {row.id for row in result.rows if row.points}


@pytest.fixture(scope="module")
def whole(_reference: Path) -> Result:
    """Return the reference, judged by its evidence."""
    return grade(_reference, part=1, setup=Setup(measure=False, rerun=False))


@pytest.mark.parametrize("name", FAKES)
def test_a_fake_earns_nothing_at_what_it_fakes(rewrite, quick: Setup, whole: Result, name: str):
    """And it gains no point anywhere, is named where a rule can see it, and touches no answer that needs no record."""
    fake = FAKES[name]
    assert fake.worthless <= earned(whole), "the reference itself does not earn these"
    result = grade(rewrite(fake.edit), part=1, student=name, setup=quick)
    assert result.fault == ""
    assert not fake.worthless & earned(result)
    assert earned(result) <= earned(whole)
    assert {"m.meet.one_by_one", "m.export.fold", "m.quantize.affine"} <= earned(result)
    if fake.rule:
        assert fake.rule in {one.rule for one in result.findings if one.impossible}
        assert name in {one.student for one in spot_checks([result], seed="x", share=0)}


def bent(entry: dict) -> dict:
    """Make all times faster, the clocks too: consistent in itself, and nobody's measurement."""
    if entry.get("kind") in ("latency", "throughput"):
        wall_s = entry["monotonic_end_s"] - entry["monotonic_start_s"]
        entry["samples"] = [0.5 * sample for sample in entry["samples"]]
        entry["monotonic_end_s"] = entry["monotonic_start_s"] + 0.5 * wall_s
    return entry


def test_what_no_rule_can_see_costs_no_point(rewrite, quick: Setup, whole: Result):
    """A careful forger's latencies pass: the guide says so, and points for times are few. Only wrong answers lose."""
    result = grade(rewrite(bent), part=1, setup=quick)
    assert result.findings == ()
    lost = earned(whole) - earned(result)
    # The answers were those to other times; whoever answers anew from the bent records loses nothing at all.
    assert lost <= {"m.measure.percentiles", "m.measure.gap", "m.choose.recommendation", "m.choose.targets"}


@pytest.mark.skipif(not abilities().apart, reason="no sandbox here")
def test_hard_coded_numbers_earn_no_hidden_point(submission: Path):
    """The right numbers, typed into the answer cells: right in the ledger, and wrong when they are run again."""
    entries = [json.loads(line) for line in (submission / "ledger.jsonl").read_text().splitlines()]
    answers = {entry["question"]: entry["value"] for entry in entries if entry["type"] == "answer"}
    for path in submission.glob("*.ipynb"):
        notebook = json.loads(path.read_text())
        for cell in notebook["cells"]:
            name = cell["metadata"].get("checkpoint")
            if name in answers:
                cell["source"] = f"answer({name!r}, {answers[name]!r})"
        path.write_text(json.dumps(notebook))
    result = grade(submission, part=1, setup=Setup(measure=False, seed="a test's secret", rerun_s=400))
    assert result.fault == ""
    assert {row.id: row.message for row in result.rows if row.hidden and row.points} == {}
    (looked_at,) = spot_checks([result], seed="x", share=0)
    assert any("not when run again" in reason for reason in looked_at.reasons)
