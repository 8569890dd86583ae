"""Likeness in a class: equal work in two submissions makes a line for a person, and honest work
does not.
"""

import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from grading.classroom import likeness
from grading.classroom.batch import earlier_results
from grading.classroom.likeness import WORDS, alike, reasons_of
from grading.grade.grader import Setup, grade
from grading.grade.result import Result, write_json
from grading.grade.result.prints import plain_source, prints
from labs.course.assignment import assignment
from labs.course.question import of_lesson
from tests.grading.classroom.members import diligent, entries
from tests.grading.recorded import written

EVIDENCE = Setup(measure=False, rerun=False)

#: Functions that part 1 asks for.
FUNCTIONS = sum(
    question.kind == "function"
    for lesson in assignment().lessons(1)
    for question in of_lesson(lesson.id)
)


def member(student: str, ledger: list[dict]) -> Result:
    """Return a member with the prints of a ledger."""
    return Result(student, 1, "", prints=prints(ledger, ["a file's hash"], student))


def test_honest_members_make_no_group_though_their_files_are_the_same():
    """Quantizing is deterministic, and a class has one course."""
    ledgers = [entries(), diligent(random.Random(0)), diligent(random.Random(1))]
    members = [member(f"member {number}", ledger) for number, ledger in enumerate(ledgers)]
    assert alike(members) == []


def test_whoever_is_alike_by_way_of_others_is_one_group_with_what_each_shares():
    """Ada's sentence is Bob's and Bob's record is Cyd's; a file is no reason, and neither is a
    short function.
    """
    holds = {
        "ada": {"texts": ["t1", "t2"], "files": ["f"]},
        "bob": {"texts": ["t1"], "records": ["r"], "cells": ["q.a 1"]},
        "cyd": {"records": ["r", "s"], "files": ["f"]},
        "dan": {"files": ["f"], "cells": ["q.a 1"]},
    }
    (group,) = alike([Result(name, 1, "", prints=things) for name, things in holds.items()])
    assert group.students == ("ada", "bob", "cyd")
    assert group.same == {"records": 1, "texts": 1, "files": 1}
    shared_kinds: dict[str, set[str]] = {}
    for name, counts in group.shared.items():
        shared_kinds[name] = {kind for kind, count in counts.items() if count}
    assert shared_kinds == {
        "ada": {"texts", "files"},
        "bob": {"records", "texts"},
        "cyd": {"records", "files"},
    }


def test_a_class_of_copies_is_one_line_and_its_work_grows_with_the_class(
    monkeypatch: pytest.MonkeyPatch,
):
    """With four times the copies, the number of comparisons grows about fourfold, not
    sixteenfold.
    """
    looks: Counter[int] = Counter()

    class Counted(set):
        def __and__(self, other: set) -> set:
            looks[size] += 1
            return set(self) & set(other)

    monkeypatch.setattr(likeness, "set", Counted, raising=False)
    whole = [f"q.{number} {number}" for number in range(12)]
    same_of_all = dict.fromkeys(WORDS, whole)
    for size in (10, 40):
        names = [f"{number:02d}" for number in range(size)]
        results = [Result(name, 1, "", prints=same_of_all) for name in names]
        (group,) = alike(results)
        assert len(group.students) == size
        reason = reasons_of([group])["00"][0]
        assert reason.startswith(f"shared with 01, 02, 03, 04, 05 and {size - 6} more: 12 ids")
    assert looks[40] < 6 * looks[10]


def test_sources_are_the_same_but_for_names_blanks_and_comments():
    """A number, an operator or a keyword more makes another function; text that is not Python is
    compared unchanged.
    """
    source = "def f(a, b):\n    # a sum\n    return a + b"
    assert plain_source(source) == plain_source("def total( x , y ):\n\n        return x + y")
    assert plain_source(source) != plain_source(source.replace("+", "-"))
    assert plain_source(source) != plain_source(f"{source} + 1")
    assert plain_source("def f(:\n (") == plain_source("def f(:\n\n  (")


def test_another_years_members_are_compared_and_two_of_that_year_are_nobodys_matter(tmp_path: Path):
    """Results are kept in a class's folder; its students are named with it."""
    year = tmp_path / "2025"
    ada = member("ada", entries())
    bob = member("bob", diligent(random.Random(1)))
    for result in (ada, replace(ada, student="eve")):
        path = year / "results" / f"{result.student}.json"
        write_json({"key": "", "result": result.to_json()}, path)
    (year / "results" / "torn.json").write_text("{")
    before = earlier_results(year)
    (group,) = alike([bob, replace(ada, student="copy")], before)
    assert group.students == ("ada in 2025", "copy", "eve in 2025")
    assert alike([bob], before) == []
    with pytest.raises(FileNotFoundError, match="no results"):
        earlier_results(tmp_path)


def test_a_result_keeps_what_is_compared_and_no_students_work(tmp_path: Path):
    """Hashes alone, and the samples that a student may be asked about."""
    (tmp_path / "ledger.jsonl").write_text(written(entries()))
    result = grade(tmp_path, part=1, student="ada", setup=EVIDENCE)
    assert len(result.prints["cells"]) == FUNCTIONS
    text = json.dumps(result.to_json()["prints"])
    assert "def " not in text
    assert max(map(len, result.samples.values())) == 200
