"""The red team as one table: what an attack earns of each part at most, and who is told of it.

``pytest -s`` prints it. What no rule sees is no row here: ``grading/README.md`` names it.
"""

import ast
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import grading.grade.artefacts.again as again
import grading.grade.grader as grader
from grading.builder.notebook import build, text_of
from grading.classroom.likeness import alike
from grading.grade.functions import run
from grading.grade.grader import Setup, grade
from grading.grade.result import Result, spot_checks
from grading.grade.sandbox import abilities
from labs.course.assignment import assignment
from labs.course.calls import decode
from labs.course.points import TAKING_PART
from labs.course.question import HANDED, Question, all_questions
from tests.grading.classroom import attacks
from tests.grading.forged import BESIDE, GETSIZE, MODULES, PRINTED, SILENT, TRUNCATED
from tests.grading.recorded import MODEL, written
from tests.tools import sandboxed

pytestmark = [pytest.mark.timeout(600), sandboxed]

PARTS = tuple(assignment().parts)
SETUP = Setup(seed="a test's secret", rerun_s=400)

#: What somebody does to a whole hand-in's folder, given the part: what is left is what was not worked for.
Spoil = Callable[[Path, int], None]


def entries_of(folder: Path) -> list[dict]:
    """Return a hand-in's entries."""
    return [json.loads(line) for line in (folder / "ledger.jsonl").read_text(encoding="utf-8").splitlines()]


def keep(folder: Path, entries: list[dict]) -> None:
    """Write a hand-in's ledger."""
    (folder / "ledger.jsonl").write_text(written(entries), encoding="utf-8")


def stubs(folder: Path, part: int) -> None:
    """Hand in what was published."""
    for lesson in assignment().lessons(part):
        (folder / lesson.notebook.name).write_text(text_of(build(lesson)), encoding="utf-8")
    (folder / "ledger.jsonl").write_text("")
    (folder / MODEL.name).unlink()


def typed(
    folder: Path,
    part: int,
    texts: Callable[[str], str] = lambda name: "",
    cell: Callable[[Question], str] = lambda asked: "",
) -> None:
    """Type the ledger of somebody who did everything, without making anything; files are described."""
    entries = entries_of(folder)
    for one in entries:
        if isinstance(one.get("value"), dict) and "source" in one["value"]:
            one["value"]["source"] = cell(all_questions()[one["question"]])
        for name, file in one.get("seen", {}).get(HANDED, {}).items():
            file |= {"text": texts(name)} if "text" in file else {}
    keep(folder, entries)
    for path in (*folder.glob("*.ipynb"), folder / MODEL.name):
        path.unlink()


def with_cells(source: Callable[[Question], str]) -> Spoil:
    """Return an attack that types the ledger, with something in the cells of functions."""
    return lambda folder, part: typed(folder, part, cell=source)


def recited(asked: Question) -> str:
    """Return the results of the public cases, one after the other."""
    results = [decode(case["expected"], arrays=False) for case in asked.cases]
    return f"results = iter({results!r})\ndef {asked.name}(*arguments):\n    return next(results)"


def looked_up(asked: Question) -> str:
    """Return the result of the public case whose arguments are nearest, out of the questions' file."""
    return f"""
import json, labs.checkpoints
from pathlib import Path
def {asked.name}(*arguments):
    from labs.course.calls import encode
    import labs
    path = Path(labs.__file__).with_name("course") / "questions.json"
    cases = json.loads(path.read_text())[{asked.id!r}]["cases"]
    wanted = json.dumps(encode(list(arguments)))
    same = lambda case: sum(a == b for a, b in zip(json.dumps(case["args"]), wanted))
    return max(cases, key=same)["expected"]
"""


def imported(asked: Question) -> str:
    """Return the lesson's own solution, from wherever it can be imported or read."""
    return f"""
if 1:
    def {asked.name}(*arguments):
        from grading.builder.questions import solutions
        from grading.builder.sources import sources
        lesson = next(one for one in sources() if one.id == {asked.lesson_id!r})
        return solutions(lesson)[{asked.id!r}](*arguments)
"""


def lifted(asked: Question) -> str:
    """Return a function of the same name out of any file that can be read here, cut out by its syntax."""
    return f"""
if 1:
    import ast, labs
    from pathlib import Path
    if "LIFTED" not in globals():
        LIFTED, root = [], Path(labs.__file__).parents[1]
        for path in (one for room in ("labs", "grading", "notebooks", "tests") for one in (root / room).rglob("*.py")):
            try:
                LIFTED += [one for one in ast.walk(ast.parse(path.read_text())) if isinstance(one, ast.FunctionDef)]
            except (OSError, SyntaxError, ValueError):
                pass
    def {asked.name}(*arguments):
        for one in (one for one in LIFTED if one.name == {asked.name!r}):
            scope = dict(np=np, math=math)
            try:
                exec(ast.unparse(one), scope)
                return scope[{asked.name!r}](*arguments)
            except Exception:
                pass
"""


def hinted(asked: Question) -> str:
    """Return the code that stands in a hint, or in a case's sentence."""
    said = asked.hint + " ".join(case["says"] for case in asked.cases)
    codes = [code for code in re.findall(r"`([^`]+)`", said) if _is_code(code)]
    return f"def {asked.name}(*arguments):\n    return {codes[0] if codes else None}"


def _is_code(text: str) -> bool:
    try:
        return bool(ast.parse(text, mode="eval"))
    except SyntaxError:
        return False


def endless(asked: Question) -> str:
    """Return a cell that prints for ever; those behind it were never written."""
    return "while True: print('x' * 100, flush=True)"


def littered(asked: Question) -> str:
    """Return a cell that writes other functions' results, and leaves half a line in every file that it knows."""
    results = {
        one.id: [{"value": case["expected"]} for case in one.cases]
        for one in all_questions().values()
        if one.kind == "function"
    }
    return f"""
import json
for name, value in json.loads({json.dumps(results)!r}).items() if {asked.id!r}.endswith("s") else ():
    open(f"results-{{name}}.json", "w").write(json.dumps(value))
for name in ("results.jsonl", "told.jsonl"):
    open(name, "a").write('{{"question"')
"""


def with_programs(program: str, beside: str = "") -> Spoil:
    """Return an attack that types the ledger, and hands over this program in the place of each; modules beside it."""

    def spoil(folder: Path, part: int) -> None:
        typed(folder, part, lambda name: program if name.endswith(".py") else "# as asked")
        entries = entries_of(folder)
        for one in entries:
            handed = one.get("seen", {}).get(HANDED, {})
            if beside and any(name.endswith(".py") for name in handed):
                handed |= {f"{name}.py": {"text": beside} for name in MODULES}
        keep(folder, entries)

    return spoil


def prints_brackets(name: str) -> str:
    """Return a program whose words end a reader that does not count brackets."""
    return "print('[' * 100_000, flush=True)\n" if name.endswith(".py") else "[" * 60_000


def from_the_future(folder: Path, part: int) -> None:
    """Say that notebooks were run with a Python that no grader has, which alone knows the cells' syntax."""
    with_cells(lambda asked: f"def {asked.name}(*arguments): yes, of course")(folder, part)
    notebook = {"nbformat": 4, "metadata": {"language_info": {"name": "python", "version": "9.9.9"}}, "cells": []}
    for lesson in assignment().lessons(part):
        (folder / lesson.notebook.name).write_text(json.dumps(notebook), encoding="utf-8")


def without_walls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the grader be root on a machine without bubblewrap."""
    open_to_all = replace(abilities(), bubblewrap=False)
    for module in (run, again, grader):
        monkeypatch.setattr(module, "abilities", lambda: open_to_all)


def too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the grader be too slow for a cell of its own, and time be over."""
    monkeypatch.setattr(run, "_control_s", lambda: 1e9)
    monkeypatch.setattr(run, "_LEAST_S", 1e9)


@dataclass(frozen=True)
class Attack:
    """One way of having what was not done."""

    spoil: Spoil
    #: A part of what a person is told, where more than points for taking part was claimed.
    told: str = ""
    #: What is done to the grader's own machine.
    host: Callable[[pytest.MonkeyPatch], None] | None = None
    setup: Setup = SETUP
    #: Seconds for a cell.
    cell_s: float = 20


AGAIN = "not when run again"

WITHOUT_WORK: dict[str, Attack] = {
    "nothing but what was published": Attack(stubs),
    "a ledger typed by hand": Attack(typed, AGAIN),
    "the same, graded with --no-rerun": Attack(typed, setup=Setup(rerun=False)),
    "the same, by root without bubblewrap": Attack(with_cells(imported), "grader had a fault", without_walls),
    "the same, on a grader that is too slow": Attack(with_cells(endless), "grader had a fault", too_slow, cell_s=1),
    "functions that recite the public results": Attack(with_cells(recited), AGAIN),
    "results looked up among the public cases": Attack(with_cells(looked_up), AGAIN),
    "solutions imported, inside `if 1:`": Attack(with_cells(imported), AGAIN),
    "functions of that name lifted from any file, by AST": Attack(with_cells(lifted), AGAIN),
    "code pasted from hints": Attack(with_cells(hinted), AGAIN),
    "cells that print for ever": Attack(with_cells(endless), AGAIN, cell_s=1),
    "other functions' results written by a cell": Attack(with_cells(littered), AGAIN),
    "truth printed first": Attack(with_programs(PRINTED), AGAIN),
    "descriptor truncated": Attack(with_programs(TRUNCATED), AGAIN),
    "module beside it": Attack(with_programs(PRINTED, beside=PRINTED), AGAIN),
    "answers beside it": Attack(with_programs(BESIDE), AGAIN),
    "getsize for a time": Attack(with_programs(GETSIZE), AGAIN),
    "silent program": Attack(with_programs(SILENT), AGAIN),
    "brackets": Attack(lambda folder, part: typed(folder, part, prints_brackets), AGAIN),
    "version 9.9.9": Attack(from_the_future, AGAIN),
}

#: Share of each part, by attack; and whether a person is told.
_CAME: dict[str, list[str]] = {}


@pytest.fixture(scope="module", autouse=True)
def _printed() -> Iterator[None]:
    yield
    lines = [f"| {name} | {' | '.join(cells)} |" for name, cells in _CAME.items()]
    head = f"| attack | {' | '.join(f'part {part}, told' for part in PARTS)} |\n|{'---|' * (len(PARTS) + 1)}"
    print("\n" + "\n".join([head, *lines]))


def came(name: str, result: Result, told: bool) -> None:
    """Note a cell of the table."""
    _CAME.setdefault(name, []).append(f"{100 * result.grade / result.worth:.0f} %{', told' * told}")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", WITHOUT_WORK)
def test_without_the_work_a_fifth_of_a_part_at_most(whole, pictures: Path, name: str, part: int, monkeypatch):
    """And whoever claims more is a line for a person."""
    attack, folder = WITHOUT_WORK[name], whole(part)
    monkeypatch.setattr(run, "CELL_S", attack.cell_s)
    attack.spoil(folder, part)
    if attack.host:
        attack.host(monkeypatch)
    result = grade(folder, part=part, student="x", setup=replace(attack.setup, pictures=pictures))
    told = [reason for one in spot_checks([result], seed="x", share=0) for reason in one.reasons]
    came(name, result, bool(told))
    assert bool(result.fault) == bool(attack.host)
    assert result.grade <= TAKING_PART * result.worth + 1e-9
    assert any(attack.told in reason for reason in told) or not attack.told


def redrawn(entries: list[dict], dice: random.Random) -> list[dict]:
    """Return a neighbour's ledger under new ids, in other words, with times drawn again from nine quantiles."""
    entries = attacks.with_ids_of_its_own(entries, dice)
    for one in entries:
        if one.get("kind") in ("latency", "throughput", "load"):
            ordered = sorted(one["samples"])
            marks = [ordered[round(place * (len(ordered) - 1) / 8)] for place in range(9)]
            spread = [dice.uniform(0, 8) for _ in ordered]
            one["samples"] = [marks[int(x)] + (x % 1) * (marks[int(x) + 1] - marks[int(x)]) for x in spread]
        elif one["type"] == "answer" and isinstance(one["value"], dict):
            one["value"] |= {
                name: f"{text} And {dice.random()}."
                for name, text in one["value"].items()
                if name in ("price", "would_change_my_mind")
            }
    return entries


def under_ones_own_name(folder: Path, part: int) -> None:
    """Change nothing."""


def drawn_again(folder: Path, part: int) -> None:
    """Draw the ledger anew; files stay, and functions with other comments."""
    entries = redrawn(entries_of(folder), random.Random(7))
    for one in entries:
        if isinstance(one.get("value"), dict) and "source" in one["value"]:
            one["value"]["source"] += "\n# all mine"
    keep(folder, entries)


def samples_only(folder: Path, part: int) -> None:
    """Take a neighbour's records alone, under new ids."""
    dice = random.Random(8)
    entries = attacks.with_ids_of_its_own(entries_of(folder), dice)
    keep(folder, [one for one in entries if one["type"] != "answer"])


NEIGHBOURS: dict[str, Spoil] = {
    "a neighbour's files under one's own name": under_ones_own_name,
    "a neighbour's ledger redrawn from quantiles": drawn_again,
    "a neighbour's records under new ids": samples_only,
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", NEIGHBOURS)
def test_with_anothers_files_a_group(whole, wholes, pictures: Path, name: str, part: int):
    """It may earn points; a person sees the two side by side."""
    folder = whole(part)
    NEIGHBOURS[name](folder, part)
    setup = replace(SETUP, pictures=pictures)
    ada = grade(wholes[part], part=part, student="ada", setup=replace(setup, measure=False, rerun=False))
    results = [ada, grade(folder, part=part, student="eve", setup=setup)]
    groups = alike(results)
    came(name, results[1], bool(groups))
    assert [group.students for group in groups] == [("ada", "eve")]


#: What is asked of the recommended file.
ARTEFACTS = {"defend.submitted", "defend.same_classes", "defend.unseen", "quantize.int8"}


def relabelled(folder: Path) -> None:
    """Move the answers to what a model said, in every record: all of them agree."""
    keep(folder, attacks.relabelled(entries_of(folder), 10))


def raised(folder: Path) -> None:
    """Let the recommended file be right on ten points more than it is, in its record and in what is quoted."""
    entries = entries_of(folder)
    record = attacks.chosen(entries)
    attacks.raised(record, 10)
    for one in entries:
        if one.get("question") == "defend.choice":
            one["value"]["evidence"]["right"] = round(sum(record["samples"]))
    keep(folder, entries)


def by_heart(folder: Path) -> None:
    """Hand in a file of 8-bit weights that knows the public pictures; hash, size and classes are its records'."""
    entries, made = attacks.by_heart(entries_of(folder), attacks.public_pictures()[0])
    (folder / MODEL.name).write_bytes(made)
    keep(folder, entries)


@pytest.mark.parametrize(
    ("spoil", "worthless", "told"),
    [
        (relabelled, ARTEFACTS, "under another class than theirs"),
        (raised, {"defend.same_classes"}, "not when opened again"),
        (by_heart, ARTEFACTS | {"quantize.static"}, "not when opened again"),
        (lambda folder: (folder / MODEL.name).unlink(), ARTEFACTS | {"quantize.static"}, "not when opened again"),
        (
            lambda folder: (folder / MODEL.name).write_bytes(MODEL.read_bytes() + b"\0"),
            ARTEFACTS | {"quantize.static"},
            "not when opened again",
        ),
    ],
    ids=["other classes", "a raised accuracy", "by heart", "no file", "another file"],
)
def test_a_file_that_is_not_what_its_record_says_earns_none_of_its_points(
    whole, pictures: Path, spoil, worthless: set[str], told: str
):
    """And a person is told."""
    folder = whole(1)
    spoil(folder)
    result = grade(folder, part=1, student="x", setup=Setup(pictures=pictures, rerun=False))
    assert {row.id for row in result.rows if row.points} & worthless == set()
    reasons = [reason for one in spot_checks([result], seed="x", share=0) for reason in one.reasons]
    assert any(told in reason for reason in reasons)
