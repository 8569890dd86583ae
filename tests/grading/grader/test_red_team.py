"""The red team as one table: what an attack earns at most, what it earns nothing at, and who is told of it.

What no rule sees is no row here: ``grading/README.md`` names it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from grading.checkpoints import all_checkpoints
from grading.checkpoints.functions import Function

from grading.grade.functions import run
from grading.grade.grader import Setup, grade
from grading.grade.result import Result, spot_checks
from grading.grade.sandbox import abilities
from labs.checkpoints.calls import decode
from labs.optimize.traced import Traced
from tests.grading.classroom import attacks
from tests.grading.recorded import MODEL, written

#: What each attack is graded with: its evidence alone, its files too, or its functions too.
EVIDENCE = Setup(measure=False, rerun=False)
FILES = Setup(rerun=False)
FUNCTIONS = Setup(measure=False, seed="a test's secret", rerun_s=400)

#: Questions that rest on options that took turns.
RACES = {"m.graph.claim", "m.provider.fair", "m.choose.frontier", "m.choose.recommendation"}

#: Functions that are called on one's own latencies, too.
OF_RECORDS = {"m.measure.percentile", "m.measure.more_samples", "m.measure.claim"}

#: What is asked of the recommended file.
ARTEFACTS = {f"m.artefact.{name}" for name in ("submitted", "same_classes", "unseen", "int8")}

ALL_FUNCTIONS = {one.id: one.asks for one in all_checkpoints() if one.kind == "function"}


def ledger(edit: Callable[[dict], dict | None]) -> Callable[[Path], None]:
    """Return an attack that changes each entry of the ledger; None drops it."""

    def spoil(folder: Path) -> None:
        path = folder / "ledger.jsonl"
        found = [edit(json.loads(line)) for line in path.read_text().splitlines()]
        path.write_text(written([entry for entry in found if entry is not None]))

    return spoil


def records(change: Callable[[dict], object], *kinds: str, alone: bool = False) -> Callable[[Path], None]:
    """Return an attack that changes records of some kinds, or those alone that took turns with no other."""

    def edit(entry: dict) -> dict:
        if entry.get("kind") in kinds and not (alone and "comparison_id" in entry["details"]):
            entry.update(change(entry))
        return entry

    return ledger(edit)


def answers(change: Callable[[dict], dict], *questions: str) -> Callable[[Path], None]:
    """Return an attack that changes what was answered to some questions."""

    def edit(entry: dict) -> dict:
        if entry["type"] == "answer" and entry["question"] in questions:
            entry["value"] = {**entry["value"], **change(entry["value"])}
        return entry

    return ledger(edit)


def functions(source: Callable[[str, str], str]) -> Callable[[Path], None]:
    """Return an attack that writes other functions, by question and honest source."""

    def spoil(folder: Path) -> None:
        for path in folder.glob("*.ipynb"):
            notebook = json.loads(path.read_text())
            for cell in notebook["cells"]:
                name = cell["metadata"].get("checkpoint")
                if name in ALL_FUNCTIONS:
                    cell["source"] = source(name, "".join(cell["source"]))
            path.write_text(json.dumps(notebook))

    return spoil


def raced_elsewhere(entry: dict) -> dict:
    """Take the faster option of every race from another machine."""
    slower = ("torch-eager", "onnx-all", "cpu-provider")
    if "comparison_id" in entry.get("details", {}) and entry["option"] not in slower:
        entry["machine"] = {**entry["machine"], "machine_id": "0" * 12}
    return entry


def relabelled(folder: Path) -> None:
    """Move the answers to what a model said, in every record: all of them agree."""
    path = folder / "ledger.jsonl"
    path.write_text(written(attacks.relabelled([json.loads(line) for line in path.read_text().splitlines()], 10)))


def raised(folder: Path) -> None:
    """Let the recommended file be right on ten points more than it is, in its record and in the recommendation."""
    path = folder / "ledger.jsonl"
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    attacks.raised(attacks.chosen(entries), 10)
    for entry in entries:
        if entry.get("question") == "m.choose.recommendation":
            entry["value"]["points_lost"] -= 10
    path.write_text(written(entries))


def by_heart(folder: Path) -> None:
    """Hand in a file of 8-bit weights that knows the public pictures; hash, size and classes are its records'."""
    path = folder / "ledger.jsonl"
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    entries, made = attacks.by_heart(entries, attacks.public_pictures()[0])
    (folder / MODEL.name).write_bytes(made)
    path.write_text(written(entries))


def typed(folder: Path) -> None:
    """Hand in what can be typed: no notebook, no measurement."""
    ledger(lambda entry: entry if entry["type"] != "measurement" else None)(folder)
    for path in folder.glob("*.ipynb"):
        path.unlink()


def reciting(name: str, honest: str) -> str:
    """Return a function that gives the right results of the fixed cases, one after the other."""
    function: Function = ALL_FUNCTIONS[name]
    results = [_typed(decode(one["value"])) for one in function.public.expected]
    return (
        f"import numpy as np\nfrom numpy import array, float32, float64, uint8, int64\nnan, inf = np.nan, np.inf\n"
        f"results = iter({results!r})\ndef {function.name}(*arguments):\n    return next(results)"
    )


def _typed(result: object) -> object:
    """Return a result as something that can be typed; a matrix that notes its accesses has no such form."""
    if isinstance(result, list):
        return [_typed(one) for one in result]
    return result.values if isinstance(result, Traced) else result


def ending(name: str, honest: str) -> str:
    """Return cells of two lessons that raise, or end the kernel: nobody could say whose their results are."""
    return {12: "raise NameError('np')", 16: "import os; os._exit(0)"}.get(all_checkpoints()[name].lesson, honest)


ENDED = {name for name in ALL_FUNCTIONS if name.startswith("m.") and all_checkpoints()[name].lesson in (12, 16)}


@dataclass(frozen=True)
class Attack:
    """One way of having what was not done."""

    #: What is done to an honest submission's folder.
    spoil: Callable[[Path], None]
    #: Checkpoints that earn nothing by it.
    worthless: set[str]
    #: A part of what a person is told; empty where the points alone are lost.
    told: str = ""
    #: What it is graded with.
    setup: Setup = EVIDENCE
    #: Most share of all points.
    most: float = 1.0


ATTACKS: dict[str, Attack] = {
    "results of a function typed into the ledger": Attack(
        answers(lambda value: {"outputs": [{"value": 0.5} for _ in value["outputs"]]}, "m.measure.percentile"),
        {"m.measure.percentile"},
    ),
    "a word for it instead of results": Attack(
        answers(lambda value: {"outputs": [], "own": True}, *OF_RECORDS), OF_RECORDS
    ),
    "another run's ratio": Attack(
        answers(lambda value: {"times_as_fast": 1.2 * value["times_as_fast"]}, "m.choose.recommendation"),
        {"m.choose.recommendation"},
    ),
    "one number over and over": Attack(
        records(lambda one: {"samples": [0.002] * len(one["samples"])}, "latency"),
        RACES | OF_RECORDS,
        "no clock reads the same",
    ),
    "a race on two machines": Attack(ledger(raced_elsewhere), RACES - {"m.graph.claim"}, "on another machine"),
    "samples longer than their run": Attack(
        records(lambda one: {"samples": [1.5 * sample for sample in one["samples"]]}, "latency", alone=True),
        {"m.measure.serial_share"},
        "and its run lasted",
    ),
    "every picture is right": Attack(
        records(lambda one: {"samples": [1.0] * len(one["samples"])}, "accuracy"),
        {"m.meet.accuracy_interval", "m.quantize.flips", "m.choose.recommendation"},
        "does not follow from the classes",
    ),
    "files a tenth as large": Attack(
        records(lambda one: {"samples": [float(one["samples"][-1] // 10)]}, "size"),
        {"m.meet.half", "m.choose.finalists"},
        "and its file has",
    ),
    "pictures under other classes": Attack(relabelled, ARTEFACTS, "under another class than theirs", FILES),
    "an accuracy raised by ten points": Attack(raised, {"m.artefact.same_classes"}, "not when measured again", FILES),
    "a file that knows the public pictures by heart": Attack(by_heart, ARTEFACTS, "not when measured again", FILES),
    "no file": Attack(lambda folder: (folder / MODEL.name).unlink(), ARTEFACTS, "not when measured again", FILES),
    "another file under its name": Attack(
        lambda folder: (folder / MODEL.name).write_bytes(MODEL.read_bytes() + b"\0") and None,
        ARTEFACTS,
        "not when measured again",
        FILES,
    ),
    "everything typed, nothing measured": Attack(
        typed, {*RACES, *ALL_FUNCTIONS}, "no measurements of time", FUNCTIONS, most=0.12
    ),
    "functions that recite the fixed results": Attack(
        functions(reciting), set(ALL_FUNCTIONS), "not when run again", FUNCTIONS
    ),
    "functions behind cells that raise or end the run": Attack(functions(ending), ENDED, "", FUNCTIONS),
}


@pytest.fixture(scope="module")
def whole(_reference: Path) -> dict[str, int]:
    """Return the points of the reference: those of its evidence, and all of its file and its functions."""
    result = grade(_reference, part=1, setup=EVIDENCE)
    assert result.findings == ()
    return {row.id: row.points for row in result.rows if row.points}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_earns_no_more_than_its_row_says(
    submission: Path, pictures: Path, whole: dict[str, int], name: str, monkeypatch
):
    """Nothing at what it fakes, no point anywhere that the honest submission does not have, and a person is told."""
    attack = ATTACKS[name]
    if attack.setup is not EVIDENCE and not abilities().apart:
        pytest.skip("no sandbox here")
    monkeypatch.setattr(run, "CELL_S", 6)
    attack.spoil(submission)
    result = grade(submission, part=1, student="x", setup=replace(attack.setup, pictures=pictures))
    assert result.fault == ""
    got = {row.id: row.points for row in result.rows if row.points}
    assert {one: got[one] for one in attack.worthless & got.keys()} == {}
    assert {one for one in got if not _is_hidden(one)} <= whole.keys()
    assert result.points <= attack.most * result.possible
    told = [reason for one in spot_checks([result], seed="x", share=0) for reason in one.reasons]
    assert any(attack.told in reason for reason in told) if attack.told else True


def _is_hidden(name: str) -> bool:
    return name.endswith(".computed") or name in ARTEFACTS


def earned(result: Result) -> set[str]:
    """Return the checkpoints that earned their points."""
    return {row.id for row in result.rows if row.points}


def test_what_each_attack_fakes_the_honest_submission_earns(whole: dict[str, int]):
    """The table is worth something only then; hidden rows are another test's, with nothing left out."""
    asked = {name for attack in ATTACKS.values() for name in attack.worthless if not _is_hidden(name)}
    elsewhere = {one.id for one in all_checkpoints() if one.gate or not one.id.startswith("m.")}
    assert asked - elsewhere - whole.keys() == set()


def test_one_lessons_cells_that_end_their_run_cost_no_other_lesson(submission: Path, monkeypatch):
    """A kernel that is gone in lesson 16 leaves 11, 13 and 14 as they are."""
    if not abilities().apart:
        pytest.skip("no sandbox here")
    monkeypatch.setattr(run, "CELL_S", 6)
    functions(ending)(submission)
    result = grade(submission, part=1, setup=FUNCTIONS)
    right = {row.lesson for row in result.rows if row.id in ALL_FUNCTIONS and row.points}
    assert right >= {11, 13, 14}
    assert not right & {12, 16}


def test_faster_times_with_fitted_clocks_are_not_seen(submission: Path):
    """A careful forger's latencies pass: the guide says so, and points for times are few. Only wrong answers lose."""
    honest = grade(submission, part=1, setup=EVIDENCE)

    def bent(one: dict) -> dict:
        wall_s = one["monotonic_end_s"] - one["monotonic_start_s"]
        samples = [0.5 * sample for sample in one["samples"]]
        return {"samples": samples, "monotonic_end_s": one["monotonic_start_s"] + 0.5 * wall_s}

    records(bent, "latency", "throughput")(submission)
    result = grade(submission, part=1, setup=EVIDENCE)
    assert result.findings == ()
    # The choices were those for other times; whoever chooses anew from the bent records loses nothing at all.
    assert earned(honest) - earned(result) <= {"m.choose.targets", "m.lease.surprise"}
