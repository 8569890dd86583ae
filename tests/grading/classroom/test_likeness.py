"""Likeness in a class: what two submissions hold alike makes a line for a person, and honest ones make none."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from grading.classroom import likeness
from grading.classroom.batch import earlier_results
from grading.classroom.likeness import Pair, said_of, similar_pairs
from grading.grade.grader import Setup, grade
from grading.grade.result import Result, spot_checks, write_json
from grading.grade.result.prints import plain_source, prints
from labs.course.assignment import assignment
from labs.course.question import of_lesson
from tests.grading.classroom.members import diligent, entries
from tests.grading.recorded import written

EVIDENCE = Setup(measure=False, rerun=False)

#: Functions that part 1 asks for.
FUNCTIONS = sum(one.kind == "function" for lesson in assignment().lessons(1) for one in of_lesson(lesson.id))


def member(student: str, ledger: list[dict]) -> Result:
    """Return a member with the prints of a ledger."""
    return Result(student, 1, "", prints=prints(ledger, ["a file's hash"], student))


@pytest.fixture(scope="module")
def honest() -> list[list[dict]]:
    """Return the ledgers of three members who did everything by themselves, two of them made up."""
    return [entries(), *(diligent(random.Random(number)) for number in range(2))]


def test_honest_members_make_no_pair_though_their_files_are_the_same(honest: list[list[dict]]):
    """Quantizing is deterministic, and a class has one course."""
    assert similar_pairs([member(f"member {number}", one) for number, one in enumerate(honest)]) == []


def only(ledger: list[dict], *kinds: str) -> list[dict]:
    """Return entries of some types."""
    return [entry for entry in ledger if entry["type"] in kinds]


@pytest.mark.parametrize(
    ("taken", "same"),
    [
        pytest.param(lambda ada: ada, {"ids", "records", "texts", "cells", "files"}, id="all of it"),
        pytest.param(
            lambda ada: [{**one, "record_id": f"{place:032x}"} for place, one in enumerate(ada) if "samples" in one],
            {"records"},
            id="samples under ids of its own",
        ),
        pytest.param(
            lambda ada: [one for one in ada if one.get("question") == "defend.choice"],
            {"texts"},
            id="written answers",
        ),
        pytest.param(
            lambda ada: [
                {**one, "value": {"source": one["value"]["source"].replace("number", "value") + "  # mine"}}
                for one in only(ada, "answer")
                if isinstance(one["value"], dict) and "source" in one["value"]
            ],
            {"cells"},
            id="functions, renamed and with other comments",
        ),
    ],
)
def test_what_was_taken_from_a_neighbour_is_named(honest: list[list[dict]], taken, same: set[str], monkeypatch):
    """Of both, since who copied whom nobody knows; and of nobody else."""
    monkeypatch.setattr(likeness, "_FEWEST_CELLS", 2)
    results = [member(name, ledger) for name, ledger in zip(("bob", "eve"), honest[1:], strict=True)]
    results += [member("ada", honest[0]), member("copy", taken(honest[0]))]
    (pair,) = similar_pairs(results)
    assert (pair.first, pair.second) == ("ada", "copy")
    assert same <= pair.same.keys()
    checks = spot_checks(results, seed="x", share=0, alike=said_of([pair]))
    assert [one.student for one in checks] == ["ada", "copy"]
    assert checks[0].reasons == (f"shared with copy: {pair.said}",)


def test_sources_are_the_same_but_for_names_blanks_and_comments():
    """A number, an operator or a keyword more is another function; what is no Python at all is compared as it is."""
    source = "def f(a, b):\n    # a sum\n    return a + b"
    assert plain_source(source) == plain_source("def total( x , y ):\n\n        return x + y")
    assert plain_source(source) != plain_source(source.replace("+", "-"))
    assert plain_source(source) != plain_source(f"{source} + 1")
    assert plain_source("def f(:\n (") == plain_source("def f(:\n\n  (")


def test_another_years_members_are_compared_and_two_of_that_year_are_nobodys_matter(tmp_path: Path):
    """Results are kept in a class's folder; its students are named with it."""
    ada, bob = member("ada", entries()), member("bob", diligent(random.Random(1)))
    for result in (ada, replace(ada, student="eve")):
        write_json({"key": "", "result": result.to_json()}, tmp_path / "2025" / "results" / f"{result.student}.json")
    (tmp_path / "2025" / "results" / "torn.json").write_text("{")
    before = earlier_results(tmp_path / "2025")
    found = {(pair.first, pair.second) for pair in similar_pairs([bob, replace(ada, student="copy")], before)}
    assert found == {("ada in 2025", "copy"), ("copy", "eve in 2025")}
    assert similar_pairs([bob], before) == []
    with pytest.raises(FileNotFoundError, match="no results"):
        earlier_results(tmp_path)


def test_a_result_keeps_what_is_compared_and_no_students_work(tmp_path: Path):
    """Hashes alone, and the samples that a student may be asked about."""
    (tmp_path / "ledger.jsonl").write_text(written(entries()))
    result = grade(tmp_path, part=1, student="ada", setup=EVIDENCE)
    assert Pair("a", "b", {what: len(one) for what, one in result.prints.items()}).same["cells"] == FUNCTIONS
    kept = json.dumps(result.to_json()["prints"])
    assert "def " not in kept
    assert max(map(len, result.samples.values())) == 200
