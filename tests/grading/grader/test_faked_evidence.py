"""Faked evidence, whole: each fake earns nothing at what it fakes, and the honest rest of the ledger keeps its points.

What no rule can see is said too: a fake that is consistent in itself costs its maker no point by flags, and the last
test of this file holds the grader to that promise.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from grading.calls import decode
from grading.checkpoints import all_checkpoints, as_records
from grading.checkpoints.functions import Function
from grading.consistency import examine
from grading.grade import Setup, grade
from grading.hidden import possible_points
from grading.rebuild import run
from grading.result import Result, spot_checks
from grading.sandbox import abilities
from labs.traced import Traced
from tests.grading.classroom import attacks
from tests.grading.machines.made_up import RECORDED, recorded

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


def typed_results(entry: dict) -> dict:
    """Type results of a function into the ledger that it does not have."""
    if entry.get("question") == "m.measure.percentile" and entry["type"] == "answer":
        entry["value"]["outputs"] = [{"value": one["value"] / 2} for one in entry["value"]["outputs"]]
    return entry


def a_word_for_it(entry: dict) -> dict:
    """Say that a function was right on one's own records, and hand in no result of it."""
    if entry.get("question") in FUNCTIONS_OF_RECORDS:
        entry["value"] = {"source": "def f(): ...", "outputs": [], "own": True}
    return entry


def copied_ratio(entry: dict) -> dict:
    """Recommend with another run's ratio."""
    if entry.get("question") == "m.choose.recommendation":
        entry["value"] = {**entry["value"], "times_as_fast": 1.2 * entry["value"]["times_as_fast"]}
    return entry


def constant_samples(entry: dict) -> dict:
    """Write one number over and over."""
    if is_latency(entry):
        entry["samples"] = [0.002] * len(entry["samples"])
    return entry


def two_hosts(entry: dict) -> dict:
    """Take the faster option of every race from another machine."""
    if "comparison_id" in entry.get("details", {}) and entry["option"] not in (
        "torch-eager",
        "onnx-all",
        "cpu-provider",
    ):
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


#: Questions that rest on options that took turns.
RACES = frozenset({"m.graph.claim", "m.provider.fair", "m.choose.frontier", "m.choose.recommendation"})

#: Functions that are called on one's own latencies, too.
FUNCTIONS_OF_RECORDS = frozenset({"m.measure.percentile", "m.measure.more_samples", "m.measure.claim"})

#: Functions that need no record, and are right whatever else was made up.
WITHOUT_RECORDS = frozenset({"m.quantize.affine", "m.choose.dominates", "m.choose.pick"})

FAKES: dict[str, Fake] = {
    "typed results": Fake(typed_results, frozenset({"m.measure.percentile"})),
    "a word for it": Fake(a_word_for_it, FUNCTIONS_OF_RECORDS),
    "a copied ratio": Fake(copied_ratio, frozenset({"m.choose.recommendation"})),
    "constant samples": Fake(constant_samples, RACES | FUNCTIONS_OF_RECORDS, "samples-constant"),
    "two hosts in one race": Fake(two_hosts, RACES - {"m.graph.claim"}, "run-on-two-machines"),
    "samples beyond their run": Fake(scaled_samples, frozenset({"m.measure.serial_share"}), "samples-longer-than-run"),
    "a perfect accuracy": Fake(
        perfect_accuracy,
        frozenset({"m.meet.accuracy_interval", "m.quantize.flips", "m.choose.recommendation"}),
        "accuracy-not-its-classes",
    ),
    "a small file": Fake(small_file, frozenset({"m.meet.half", "m.choose.finalists"}), "size-not-the-files"),
    "no measurement": Fake(nothing_measured, RACES | FUNCTIONS_OF_RECORDS),
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
    assert earned(result) >= WITHOUT_RECORDS
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
    # The choices were those for other times; whoever chooses anew from the bent records loses nothing at all.
    assert lost <= {"m.choose.targets", "m.lease.surprise"}


def reciting(function: Function) -> str:
    """Return the source of a function that gives the results of the fixed cases, one after the other."""
    results = [_without_traces(decode(one["value"])) for one in function.public.expected]
    return (
        f"import numpy as np\nfrom numpy import array, float32, float64, uint8, int64\nnan, inf = np.nan, np.inf\n"
        f"results = iter({results!r})\ndef {function.name}(*arguments):\n    return next(results)"
    )


def _without_traces(result: object) -> object:
    """Return a result as something that can be typed; a matrix that notes its accesses has no such form."""
    if isinstance(result, list):
        return [_without_traces(one) for one in result]
    return result.values if isinstance(result, Traced) else result


@pytest.mark.skipif(not abilities().apart, reason="no sandbox here")
def test_hard_coded_results_earn_no_point(submission: Path):
    """(F12) Functions that recite the right results: right in the ledger, and wrong on cases that nobody has seen."""
    functions = {one.id: one.asks for one in all_checkpoints() if one.kind == "function"}
    for path in submission.glob("*.ipynb"):
        notebook = json.loads(path.read_text())
        for cell in notebook["cells"]:
            name = cell["metadata"].get("checkpoint")
            if name in functions:
                cell["source"] = reciting(functions[name])
        path.write_text(json.dumps(notebook))
    result = grade(submission, part=1, setup=Setup(measure=False, seed="a test's secret", rerun_s=400))
    assert result.fault == ""
    assert {row.id: row.message for row in result.rows if row.hidden and row.points} == {}
    assert {row.id: row.message for row in result.rows if row.id in functions and row.points} == {}
    (looked_at,) = spot_checks([result], seed="x", share=0)
    assert any("not when run again" in reason for reason in looked_at.reasons)


def unmeasured(entry: dict) -> dict | None:
    """Keep everything but the measurements: answers, predictions, and what was seen, all of it typed."""
    return entry if entry["type"] != "measurement" else None


@pytest.mark.skipif(not abilities().apart, reason="no sandbox here")
def test_f12_typed_answers_and_observations_earn_next_to_nothing(rewrite):
    """No notebook, no measurement: what is left are the leases, of which a ledger has nothing but what was seen.

    And predictions about what was seen, a point each.
    """
    folder = rewrite(unmeasured)
    for path in folder.glob("*.ipynb"):
        path.unlink()
    result = grade(folder, part=1, student="f12", setup=Setup(measure=False, seed="a test's secret"))
    predictions = {one.id for one in all_checkpoints() if one.kind == "prediction"}
    assert {row.lesson for row in result.rows if row.points and row.id not in predictions} <= {8, 9, 19}
    assert result.points <= 0.12 * result.possible
    assert {one.rule for one in result.findings} == {"files-never-measured"}
    assert [one.student for one in spot_checks([result], seed="x", share=0)] == ["f12"]


def test_f12_files_of_which_nothing_was_timed_were_never_made():
    """Typed sizes and accuracies, with or without one typed latency, were enough to lend their word to all files."""
    timed = [one for one in recorded(1) if one["type"] == "measurement" and one["kind"] not in ("size", "accuracy")]
    for kept in ([], timed[:1]):
        entries = [one for one in recorded(1) if one not in timed or one in kept]
        assert "files-never-measured" in {one.rule for one in examine(entries).contradictions}
    for part in (1, 2, 3):
        assert not examine(recorded(part)).contradictions


@pytest.mark.skipif(not abilities().apart, reason="no sandbox here")
def test_f12_typed_results_of_cells_that_come_to_nothing_earn_none(submission: Path, monkeypatch):
    """Cells that raise, or that end the kernel: nobody could say whether their results are their own."""
    monkeypatch.setattr(run, "CELL_S", 6)
    spoilt = {12: "raise NameError('np')", 16: "import os; os._exit(0)"}
    functions = {one.id: one.lesson for one in all_checkpoints() if one.kind == "function"}
    for path in submission.glob("*.ipynb"):
        notebook = json.loads(path.read_text())
        for cell in notebook["cells"]:
            lesson = functions.get(cell["metadata"].get("checkpoint"))
            cell["source"] = spoilt.get(lesson, cell["source"])
        path.write_text(json.dumps(notebook))
    result = grade(submission, part=1, setup=Setup(measure=False, seed="a test's secret", rerun_s=400))
    assert result.fault == ""
    rows = [row for row in result.rows if row.id.removesuffix(".computed") in functions]
    assert {row.lesson for row in rows if not row.points} >= spoilt.keys()
    assert {row.id for row in rows if row.points and row.lesson in spoilt} == set()
    assert {row.lesson for row in rows if row.points} >= {11, 13, 14}


@pytest.mark.parametrize("seed", range(8))
def test_f9_times_that_a_formula_drew_are_for_a_person(seed: int):
    """Lognormal, of the right middle and width, with fitted clocks: everything agrees, and no machine is so plain."""
    found = examine(attacks.typed_times(recorded(1), random.Random(seed)))
    assert {one.rule for one in found.flags} == {"samples-drawn"}
    assert found.contradictions == ()


def predicted_points(part: int, entries: list[dict]) -> int:
    """Return the points that a ledger earns for predictions."""
    records = as_records(entries)
    asked = [one for one in all_checkpoints() if one.kind == "prediction" and one.id[0] == "mes"[part - 1]]
    return sum(one.points for one in asked if one.verdict(records).ok)


@pytest.mark.parametrize("part", RECORDED)
def test_f13_predictions_that_a_program_dated_back_are_for_a_person(part: int):
    """All of them the same time before what they are about."""
    forged = attacks.dated_back(recorded(part), random.Random(part))
    assert {one.rule for one in examine(forged).flags} == {"predictions-in-step"}


@pytest.mark.parametrize("part", RECORDED)
def test_f13_what_cannot_be_proven_of_predictions_is_a_tenth_of_a_part_at_most(part: int):
    """Whoever takes care earns what an honest member earns, and nothing shows it: so it must be little."""
    ledger = recorded(part)
    assert predicted_points(part, attacks.unpredicted(ledger)) == 0
    forged = attacks.dated_back(ledger, random.Random(part), carefully=True)
    assert predicted_points(part, forged) == predicted_points(part, ledger) > 0
    assert examine(forged).all == ()
    every = sum(
        one.points for one in all_checkpoints() if one.kind == "prediction" and one.id.startswith(f"{'mes'[part - 1]}.")
    )
    assert every <= 0.10 * possible_points(part)
