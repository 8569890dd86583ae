"""The red team as one table: each attack's most points in each part, and who is told of it.

``pytest -s`` prints it. The neighbours' rows come last. They may earn points: only the talk decides
about one of them.
"""

import ast
import json
import os
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import grading.grade.grader as grader
from grading.builder.notebook import build, text_of
from grading.classroom.likeness import alike, reasons_of
from grading.grade.artefacts import reopen
from grading.grade.functions import run
from grading.grade.grader import Setup, grade
from grading.grade.result import Result, spot_checks
from grading.grade.sandbox import abilities
from labs.course.assignment import assignment
from labs.course.points import TAKING_PART
from labs.course.question import HANDED, Question, all_questions
from tests.grading import forged
from tests.grading.classroom import attacks
from tests.grading.composer import MODELS, RECOMMENDING, Composer
from tests.grading.grader.conftest import with_parts
from tests.grading.recorded import MODEL, written
from tests.questions.test_what_ships import nearest, published_texts, returned_texts
from tests.tools import sandboxed

pytestmark = [pytest.mark.timeout(600), sandboxed]

PARTS = tuple(assignment().parts)
SETUP = Setup(seed="a test's secret", rerun_s=400)

#: What somebody does to a whole hand-in's folder, given the part: what is left is what was not
#: worked for.
Spoil = Callable[[Path, int], None]


def entries_of(folder: Path) -> list[dict]:
    """Return a hand-in's entries."""
    text = (folder / "ledger.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def keep(folder: Path, entries: list[dict]) -> None:
    """Write a hand-in's ledger."""
    (folder / "ledger.jsonl").write_text(written(entries), encoding="utf-8")


def stubs(folder: Path, part: int) -> None:
    """Hand in published files."""
    for lesson in assignment().lessons(part):
        (folder / lesson.notebook.name).write_text(text_of(build(lesson)), encoding="utf-8")
    (folder / "ledger.jsonl").write_text("")
    for model in folder.glob("*.onnx"):
        model.unlink()


def functions_of(entries: list[dict]) -> list[dict]:
    """Return the answers that are functions."""
    answers = [entry for entry in entries if isinstance(entry.get("value"), dict)]
    return [answer for answer in answers if "source" in answer["value"]]


def reworked(
    folder: Path, cell: Callable[[Question, str], str], texts: Callable[[str, str], str]
) -> None:
    """Replace the functions' cells and the checked texts by others, made from the present ones."""
    entries = entries_of(folder)
    for answer in functions_of(entries):
        asked = all_questions()[answer["question"]]
        answer["value"]["source"] = cell(asked, answer["value"]["source"])
    for entry in entries:
        for name, file in entry.get("seen", {}).get(HANDED, {}).items():
            if "text" in file:
                file["text"] = texts(name, file["text"])
    keep(folder, entries)


def typed(
    folder: Path,
    part: int,
    texts: Callable[[str, str], str] = lambda name, right: "",
    cell: Callable[[Question, str], str] = lambda asked, right: "",
) -> None:
    """Type the ledger of a student who did everything, but make nothing; files are only
    described.
    """
    reworked(folder, cell, texts)
    for path in (*folder.glob("*.ipynb"), *folder.glob("*.onnx")):
        path.unlink()


def with_cells(source: Callable[[Question], str]) -> Spoil:
    """Return an attack that types the ledger, with something in the cells of functions."""
    return lambda folder, part: typed(folder, part, cell=lambda asked, right: source(asked))


def with_programs(program: str, beside: str = "") -> Spoil:
    """Return an attack that types the ledger, and hands over this program in the place of each;
    modules beside it.
    """

    def spoil(folder: Path, part: int) -> None:
        typed(folder, part, lambda name, right: program if name.endswith(".py") else "# as asked")
        entries = entries_of(folder)
        for entry in entries:
            handed = entry.get("seen", {}).get(HANDED, {})
            if beside and any(name.endswith(".py") for name in handed):
                handed |= {f"{name}.py": {"text": beside} for name in forged.MODULES}
        keep(folder, entries)

    return spoil


def prints_brackets(name: str, right: str) -> str:
    """Return a program whose words end a reader that does not count brackets."""
    return "print('[' * 100_000, flush=True)\n" if name.endswith(".py") else "[" * 60_000


def from_the_future(folder: Path, part: int) -> None:
    """Say that notebooks were run with a Python that no grader has, which alone knows the cells'
    syntax.
    """
    with_cells(lambda asked: f"def {asked.name}(*arguments): yes, of course")(folder, part)
    notebook = {
        "nbformat": 4,
        "metadata": {"language_info": {"name": "python", "version": "9.9.9"}},
        "cells": [],
    }
    for lesson in assignment().lessons(part):
        (folder / lesson.notebook.name).write_text(json.dumps(notebook), encoding="utf-8")


def published(folder: Path, part: int) -> None:
    """Hand over what ships and is nearest to a right answer: a text, or a function of whatever
    name.
    """
    _, returned = returned_texts()
    texts = [*published_texts().values(), *returned.values()]
    functions: list[str] = []
    for name, text in published_texts().items():
        if name.endswith(".py"):
            functions += map(ast.unparse, filter(_is_function, ast.walk(ast.parse(text))))

    def renamed(asked: Question, right: str) -> str:
        tree = ast.parse(nearest(functions, right))
        tree.body[0].name = asked.name
        return f"import math, statistics\nimport numpy as np\n{ast.unparse(tree)}"

    typed(folder, part, lambda name, right: nearest(texts, right), renamed)


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and not node.decorator_list


def among_classmates(folder: Path, part: int) -> None:
    """Type the ledger, with cells that look for a neighbour's; a complete neighbour's ledger is
    beside it.
    """
    shutil.copytree(folder, folder.with_name("neighbour"))
    with_cells(lambda asked: forged.from_classmates(asked, folder.parent))(folder, part)


def without_walls(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the grader find every program of this machine but bubblewrap."""
    (folder / "bin").mkdir()
    programs: dict[str, Path] = {}
    for place in filter(Path.is_dir, map(Path, os.get_exec_path())):
        programs |= {program.name: program for program in place.iterdir()}
    programs.pop("bwrap", None)
    for name, program in programs.items():
        (folder / "bin" / name).symlink_to(program)
    monkeypatch.setenv("PATH", str(folder / "bin"))
    here = abilities.__wrapped__()
    assert not here.bubblewrap
    for module in (run, reopen, grader):
        monkeypatch.setattr(module, "abilities", lambda: here)


def too_slow(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the grader be too slow for one of its own cells, so that time runs out."""
    monkeypatch.setattr(run, "_control_s", lambda: 1e9)
    monkeypatch.setattr(run, "_LEAST_S", 1e9)


@dataclass(frozen=True)
class Attack:
    """One way of having what was not done."""

    spoil: Spoil
    #: A part of the reason that a person gets, where more than points for taking part was claimed.
    reason: str = ""
    #: Changes of the grader's own machine.
    host: Callable[[pytest.MonkeyPatch, Path], None] | None = None
    setup: Setup = SETUP
    #: Seconds for a cell.
    cell_s: float = 20


AGAIN = "not when run again"

WITHOUT_WORK: dict[str, Attack] = {
    "nothing but what was published": Attack(stubs),
    "a ledger typed by hand": Attack(typed, AGAIN),
    "the same, graded with --no-rerun": Attack(typed, setup=Setup(rerun=False)),
    "the same, by root without bubblewrap": Attack(
        with_cells(forged.imported), "grader had a fault", without_walls
    ),
    "the same, on a grader that is too slow": Attack(
        with_cells(forged.endless), "grader had a fault", too_slow, cell_s=1
    ),
    "functions that recite the public results": Attack(with_cells(forged.recited), AGAIN),
    "results looked up among the public cases": Attack(with_cells(forged.looked_up), AGAIN),
    "solutions imported, inside `if 1:`": Attack(with_cells(forged.imported), AGAIN),
    "functions of that name lifted from any file, by AST": Attack(with_cells(forged.lifted), AGAIN),
    "code pasted from hints": Attack(with_cells(forged.hinted), AGAIN),
    "cells that print for ever": Attack(with_cells(forged.endless), AGAIN, cell_s=1),
    "other functions' results written by a cell": Attack(with_cells(forged.littered), AGAIN),
    "truth printed first": Attack(with_programs(forged.PRINTED), AGAIN),
    "descriptor truncated": Attack(with_programs(forged.TRUNCATED), AGAIN),
    "module beside it": Attack(with_programs(forged.PRINTED, beside=forged.PRINTED), AGAIN),
    "answers beside it": Attack(with_programs(forged.BESIDE), AGAIN),
    "getsize for a time": Attack(with_programs(forged.GETSIZE), AGAIN),
    "silent program": Attack(with_programs(forged.SILENT), AGAIN),
    "brackets": Attack(lambda folder, part: typed(folder, part, prints_brackets), AGAIN),
    "version 9.9.9": Attack(from_the_future, AGAIN),
    "published files and callables": Attack(published, AGAIN),
    "without a sandbox, looks for classmates": Attack(
        among_classmates, "grader had a fault", without_walls
    ),
}


@pytest.mark.parametrize(("name", "part"), with_parts(WITHOUT_WORK))
def test_without_the_work_a_fifth_of_a_part_at_most(
    whole, pictures: Path, came, name: str, part: int, monkeypatch
):
    """A student who claims more is a line for a person."""
    attack = WITHOUT_WORK[name]
    folder = whole(part)
    monkeypatch.setattr(run, "CELL_S", attack.cell_s)
    attack.spoil(folder, part)
    if attack.host:
        attack.host(monkeypatch, folder.parent)
    result = grade(folder, part=part, student="x", setup=replace(attack.setup, pictures=pictures))
    reasons = reasons_for(result)
    came(name, result, bool(reasons))
    assert bool(result.fault) == bool(attack.host)
    assert not (folder.parent / "ran").exists(), "a cell reached what lies beside its folder"
    assert result.grade <= TAKING_PART * result.worth + 1e-9
    assert any(attack.reason in reason for reason in reasons) or not attack.reason


#: Composed hand-ins, by the row's name: the form of the model. Part 3 recommends none.
COMPOSED = {f"composed, with {form}": form for form in MODELS}
COMPOSED_ROWS = [
    (name, part)
    for name in COMPOSED
    for part in PARTS
    if part in RECOMMENDING or name == min(COMPOSED)
]

#: The most that composing adds to a typed ledger's share.
COMPOSING = 0.03


@pytest.mark.slow
@pytest.mark.parametrize(("name", "part"), COMPOSED_ROWS)
def test_what_a_program_composes_adds_three_points_in_a_hundred_at_most(
    whole, pictures: Path, came, name: str, part: int
):
    """And a person is told; ``pytest -s`` prints what was composed of what."""
    folder = whole(part)
    composer = Composer(seed=1, model=COMPOSED[name])
    composer(folder, part)
    result = grade(folder, part=part, student="x", setup=replace(SETUP, pictures=pictures))
    reasons = reasons_for(result)
    came(name, result, bool(reasons))
    print(f"\n{name}, part {part}:", *composer.log, sep="\n  ")
    print(
        "earned:",
        *(row.id for row in result.rows if row.points and row.opened),
        *reasons,
        sep="\n  ",
    )
    assert result.fault == ""
    assert result.grade <= (TAKING_PART + COMPOSING) * result.worth + 1e-9
    assert any(AGAIN in reason for reason in reasons)


def reasons_for(result: Result) -> list[str]:
    """Return why a person should look at a hand-in, without the random draw."""
    checks = spot_checks([result], seed="x", share=0)
    return [reason for check in checks for reason in check.reasons]


def redrawn(entries: list[dict], dice: random.Random) -> list[dict]:
    """Return a neighbour's ledger under new ids, in other words, with times drawn again from nine
    quantiles.
    """
    entries = attacks.with_ids_of_its_own(entries, dice)
    for entry in entries:
        if entry.get("kind") in ("latency", "throughput", "load"):
            entry["samples"] = _from_quantiles(sorted(entry["samples"]), dice)
        elif entry["type"] == "answer" and isinstance(entry["value"], dict):
            for name, text in entry["value"].items():
                if name in ("price", "would_change_my_mind"):
                    entry["value"][name] = f"{text} And {dice.random()}."
    return entries


def _from_quantiles(ordered: list[float], dice: random.Random) -> list[float]:
    """Return the same number of samples, drawn between nine quantiles of these."""
    last = len(ordered) - 1
    marks = [ordered[round(eighth * last / 8)] for eighth in range(9)]
    samples = []
    for _ in ordered:
        place, share = divmod(dice.uniform(0, 8), 1)
        low, high = marks[int(place)], marks[int(place) + 1]
        samples.append(low + share * (high - low))
    return samples


def as_they_are(folder: Path, part: int) -> None:
    """Change nothing."""


def drawn_again(folder: Path, part: int) -> None:
    """Draw the ledger again; files stay, and functions get other comments."""
    keep(folder, redrawn(entries_of(folder), random.Random(7)))
    reworked(folder, lambda asked, right: f"{right}\n# all mine", lambda name, right: right)


def samples_only(folder: Path, part: int) -> None:
    """Take a neighbour's records alone, under new ids."""
    dice = random.Random(8)
    entries = attacks.with_ids_of_its_own(entries_of(folder), dice)
    keep(folder, [entry for entry in entries if entry["type"] != "answer"])


class Reworded(ast.NodeTransformer):
    """Say the same in other words: `return x` becomes `result = x; if True: return result`."""

    def visit_Return(self, node: ast.Return) -> list[ast.stmt]:
        """Return two statements in place of one."""
        if node.value is None:
            return [node]
        return ast.parse(f"result = {ast.unparse(node.value)}\nif True: return result").body


def rewritten(folder: Path, part: int) -> None:
    """Draw the ledger again, and let a program rewrite every function and program."""

    def reword(code: str) -> str:
        return ast.unparse(Reworded().visit(ast.parse(code)))

    def reword_file(name: str, text: str) -> str:
        return reword(text) if name.endswith(".py") else f"{text}\n# all mine\n"

    drawn_again(folder, part)
    reworked(folder, lambda asked, right: reword(right), reword_file)


#: What is done with a neighbour's hand-in, and the parts in which likeness sees it; in others only
#: the talk decides. Part 2 asks for two functions, and those of five have to be alike before that
#: tells anything.
NEIGHBOURS: dict[str, tuple[Spoil, Sequence[int]]] = {
    "a neighbour's files as they are": (as_they_are, PARTS),
    "a neighbour's ledger redrawn from quantiles": (drawn_again, (1, 3)),
    "a neighbour's records under new ids": (samples_only, PARTS),
    "a rewritten copy of a neighbour's hand-in": (rewritten, ()),
}


@pytest.mark.parametrize(("name", "part"), with_parts(NEIGHBOURS))
def test_with_anothers_files_a_group(whole, wholes, pictures: Path, came, name: str, part: int):
    """It may earn points; a person sees the two side by side, unless all of it is in other
    words.
    """
    folder = whole(part)
    spoil, seen_in = NEIGHBOURS[name]
    spoil(folder, part)
    setup = replace(SETUP, pictures=pictures)
    evidence_alone = replace(setup, measure=False, rerun=False)
    ada = grade(wholes[part], part=part, student="ada", setup=evidence_alone)
    eve = grade(folder, part=part, student="eve", setup=setup)
    checks = spot_checks([ada, eve], seed="x", share=0, alike=reasons_of(alike([ada, eve])))
    shared = [check.student for check in checks if "shared with" in " ".join(check.reasons)]
    came(name, eve, bool(shared))
    expected = ["ada", "eve"] if part in seen_in else []
    assert sorted(shared) == expected, "who copied whom nobody knows"


#: The checks of the recommended file.
ARTEFACTS = {"defend.submitted", "defend.same_classes", "defend.unseen", "quantize.int8"}


def relabelled(folder: Path) -> None:
    """Change the labels to a model's answers, in every record, so that all records agree."""
    keep(folder, attacks.relabelled(entries_of(folder), 10))


def raised(folder: Path) -> None:
    """Raise the recommended file's accuracy by ten points, in its record and in quotations."""
    entries = entries_of(folder)
    record = attacks.chosen(entries)
    attacks.raised(record, 10)
    for entry in entries:
        if entry.get("question") == "defend.choice":
            entry["value"]["evidence"]["right"] = round(sum(record["samples"]))
    keep(folder, entries)


def by_heart(folder: Path) -> None:
    """Hand in a file of 8-bit weights that knows the public pictures; hash, size and classes are
    its records'.
    """
    pixels, *_ = attacks.public_pictures()
    entries, model = attacks.by_heart(entries_of(folder), pixels)
    (folder / MODEL.name).write_bytes(model)
    keep(folder, entries)


@pytest.mark.parametrize(
    ("spoil", "worthless", "reason"),
    [
        (relabelled, ARTEFACTS, "under another class than theirs"),
        (raised, {"defend.same_classes"}, "not when opened again"),
        (by_heart, ARTEFACTS | {"quantize.static"}, "not when opened again"),
        (
            lambda folder: (folder / MODEL.name).unlink(),
            ARTEFACTS | {"quantize.static"},
            "not when opened again",
        ),
        (
            lambda folder: (folder / MODEL.name).write_bytes(MODEL.read_bytes() + b"\0"),
            ARTEFACTS | {"quantize.static"},
            "not when opened again",
        ),
    ],
    ids=["other classes", "a raised accuracy", "by heart", "no file", "another file"],
)
def test_a_file_that_is_not_what_its_record_says_earns_none_of_its_points(
    whole, pictures: Path, spoil, worthless: set[str], reason: str
):
    """And a person is told."""
    folder = whole(1)
    spoil(folder)
    result = grade(folder, part=1, student="x", setup=Setup(pictures=pictures, rerun=False))
    assert {row.id for row in result.rows if row.points} & worthless == set()
    assert reason in "\n".join(reasons_for(result))
