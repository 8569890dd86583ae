"""Grade a class: what is kept and still good is not graded again, and each result is kept as soon as it is there."""

import contextlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from grading.classroom.engines import Engine
from grading.classroom.roster import Handed
from grading.classroom.unit import Task
from grading.grade.grader import Setup
from grading.grade.result import Result, write_json
from labs.course.assignment import assignment
from labs.shell import python

#: What reading a damaged result raises.
_UNREADABLE = (OSError, ValueError, KeyError, TypeError)


def grade_class(
    submissions: Sequence[Handed],
    out: Path,
    *,
    part: int,
    engine: Engine,
    setup: Setup | None = None,
) -> list[Result]:
    """Return a class's results, in the order of the submissions.

    A run that was stopped goes on where it was: every result lies in ``out/results`` as soon as it is known.

    Raises:
        AssignmentError: The assignment has a fault; what is kept stays as it is.
    """
    assignment().part(part)
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    setup = setup or Setup()
    known = {one.student: one for one in submissions}
    tasks = [
        Task(one.student, one.path.resolve(), part, setup, _kept_key(out, one))
        for one in submissions
    ]
    found: dict[str, Result] = {}
    for task, done in engine(tasks):
        one = known[task.student]
        found[task.student] = done.result or _kept(out, one)[0]
        if done.result:
            # One process writes for all workers, some thousand samples per student.
            write_json(
                {"key": done.key, "result": done.result.to_json()}, _place(out, one), indent=None
            )
    return [found[one.student] for one in submissions]


def kept_results(submissions: Sequence[Handed], out: Path) -> list[Result]:
    """Return the results of an earlier run, in the order of the submissions.

    Raises:
        FileNotFoundError: Somebody has none yet.
    """
    found = []
    for one in submissions:
        try:
            found.append(_kept(out, one)[0])
        except _UNREADABLE:
            raise FileNotFoundError(
                f"{out} holds no result of {one.student}: run `{python('grading class')}` first"
            ) from None
    return found


def earlier_results(out: Path) -> list[Result]:
    """Return what an earlier class left in its folder, each student with the folder's name; damaged ones left out.

    Raises:
        FileNotFoundError: There is none.
    """
    found = []
    for path in sorted((out / "results").glob("*.json")):
        with contextlib.suppress(*_UNREADABLE):
            result = Result.from_json(json.loads(path.read_text(encoding="utf-8"))["result"])
            found.append(replace(result, student=f"{result.student} in {out.resolve().name}"))
    if not found:
        raise FileNotFoundError(
            f"{out} holds no results: name the folder that an earlier `class` wrote"
        )
    return found


def _place(out: Path, one: Handed) -> Path:
    return out / "results" / f"{one.slug}.json"


def _kept_key(out: Path, one: Handed) -> str:
    """Return the key of a student's kept result; empty when there is none that can be read."""
    try:
        return _kept(out, one)[1]
    except _UNREADABLE:
        return ""


def _kept(out: Path, one: Handed) -> tuple[Result, str]:
    """Return a student's kept result, and its key."""
    values = json.loads(_place(out, one).read_text(encoding="utf-8"))
    result = Result.from_json(values["result"])
    # A file holds text, and a name from a file system may hold bytes that are none.
    # What a part is worth may have changed since, which grades nobody again.
    return replace(result, student=one.student, worth=assignment().part(result.part).worth), values[
        "key"
    ]
