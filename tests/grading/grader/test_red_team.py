"""The red team as one table: what an attack earns at most, what it earns nothing at, and who is told of it.

What no rule sees is no row here: ``grading/README.md`` names it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from grading.grade.functions import run
from grading.grade.grader import Setup, grade
from grading.grade.result import spot_checks
from grading.grade.sandbox import abilities
from labs.checkpoints.calls import decode
from labs.checkpoints.question import all_questions
from tests.grading.classroom import attacks
from tests.grading.recorded import MODEL, written

#: What each attack is graded with: its evidence alone, its files too, or its functions too.
EVIDENCE = Setup(measure=False, rerun=False)
FILES = Setup(rerun=False)
FUNCTIONS = Setup(measure=False, seed="a test's secret", rerun_s=400)

#: Questions that rest on options that took turns, and on right answers.
RACES, RIGHT = {"defend.race", "defend.choice"}, {"defend.right", "defend.choice"}

#: What is asked of the recommended file.
ARTEFACTS = {"defend.submitted", "defend.same_classes", "defend.unseen", "quantize.int8"}

#: The small course's functions.
ALL_FUNCTIONS = {"sums.total", "sums.times", "quantize.clipped"}


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
                name = cell["metadata"].get("question")
                if name in ALL_FUNCTIONS:
                    cell["source"] = source(name, "".join(cell["source"]))
            path.write_text(json.dumps(notebook))

    return spoil


def raced_elsewhere(entry: dict) -> dict:
    """Take the faster options of the race from another machine."""
    if "comparison_id" in entry.get("details", {}) and entry["option"] != "onnx-all":
        entry["machine"] = {**entry["machine"], "machine_id": "0" * 12}
    return entry


def relabelled(folder: Path) -> None:
    """Move the answers to what a model said, in every record: all of them agree."""
    path = folder / "ledger.jsonl"
    path.write_text(written(attacks.relabelled([json.loads(line) for line in path.read_text().splitlines()], 10)))


def raised(folder: Path) -> None:
    """Let the recommended file be right on ten points more than it is, in its record."""
    path = folder / "ledger.jsonl"
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    attacks.raised(attacks.chosen(entries), 10)
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
    """Return a function that gives the right results of the public cases, one after the other."""
    asked = all_questions()[name]
    results = [decode(case["expected"], arrays=False) for case in asked.cases]
    return f"results = iter({results!r})\ndef {asked.name}(*arguments):\n    return next(results)"


def ending(name: str, honest: str) -> str:
    """Return cells of which one raises and one ends the kernel: nobody could say whose their results are."""
    return {"sums.total": "raise NameError('np')", "sums.times": "import os; os._exit(0)"}.get(name, honest)


ENDED = {"sums.total", "sums.times"}


@dataclass(frozen=True)
class Attack:
    """One way of having what was not done."""

    #: What is done to an honest submission's folder.
    spoil: Callable[[Path], None]
    #: Rows that earn nothing by it.
    worthless: set[str]
    #: A part of what a person is told; empty where the points alone are lost.
    told: str = ""
    #: What it is graded with.
    setup: Setup = EVIDENCE
    #: Most share of all points.
    most: float = 1.0


ATTACKS: dict[str, Attack] = {
    "results of a function typed into the ledger": Attack(
        answers(lambda value: {"outputs": [{"value": 0.5} for _ in value["outputs"]]}, "sums.total"),
        {"sums.total"},
    ),
    "a word for it instead of results": Attack(
        answers(lambda value: {"outputs": [], "is_right": True}, *ALL_FUNCTIONS), ALL_FUNCTIONS
    ),
    "another run's ratio": Attack(
        answers(lambda value: {"times_as_fast": 1.2 * value["times_as_fast"]}, "defend.choice"),
        {"defend.choice"},
    ),
    "one number over and over": Attack(
        records(lambda one: {"samples": [0.002] * len(one["samples"])}, "latency"), RACES, "no clock reads the same"
    ),
    "a race on two machines": Attack(ledger(raced_elsewhere), RACES, "on another machine"),
    "samples longer than their run": Attack(
        records(lambda one: {"samples": [1.5 * sample for sample in one["samples"]]}, "latency", alone=True),
        set(),
        "and its run lasted",
    ),
    "every picture is right": Attack(
        records(lambda one: {"samples": [1.0] * len(one["samples"])}, "accuracy"),
        RIGHT,
        "does not follow from the classes",
    ),
    "files a tenth as large": Attack(
        records(lambda one: {"samples": [float(one["samples"][-1] // 10)]}, "size"),
        {"defend.size"},
        "and its file has",
    ),
    "pictures under other classes": Attack(relabelled, ARTEFACTS, "under another class than theirs", FILES),
    "an accuracy raised by ten points": Attack(raised, {"defend.same_classes"}, "not when opened again", FILES),
    "a file that knows the public pictures by heart": Attack(by_heart, ARTEFACTS, "not when opened again", FILES),
    "no file": Attack(lambda folder: (folder / MODEL.name).unlink(), ARTEFACTS, "not when opened again", FILES),
    "another file under its name": Attack(
        lambda folder: (folder / MODEL.name).write_bytes(MODEL.read_bytes() + b"\0") and None,
        ARTEFACTS,
        "not when opened again",
        FILES,
    ),
    # What is left is for a file's facts, which a ledger can claim.
    "everything typed, nothing measured": Attack(
        typed, {*RACES, *RIGHT, *ALL_FUNCTIONS, "sums.guess"}, "not when run again", FUNCTIONS, most=0.12
    ),
    "functions that recite the public results": Attack(
        functions(reciting), ALL_FUNCTIONS, "not when run again", FUNCTIONS
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


def test_what_each_attack_fakes_the_honest_submission_earns(whole: dict[str, int]):
    """The table is worth something only then; hidden rows are another test's, with nothing left out."""
    asked = {name for attack in ATTACKS.values() for name in attack.worthless if not _is_hidden(name)}
    assert asked <= whole.keys()
