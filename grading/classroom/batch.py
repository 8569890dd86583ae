"""Grade a class: store each result at once, and reuse stored results that are still valid."""

import contextlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from grading.classroom.engines import Engine
from grading.classroom.handed_in import Handed
from grading.classroom.unit import Task
from grading.grade.grader import Setup
from grading.grade.result import Result, write_json
from labs.course.assignment import assignment
from labs.shell import python

#: Errors when a damaged result is read.
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

    A stopped run continues where it was, because every result is written to ``out/results`` at
    once.

    Raises:
        AssignmentError: The assignment has a fault; stored results do not change.
    """
    assignment().part(part)
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    setup = setup or Setup()
    hand_ins = {hand_in.student: hand_in for hand_in in submissions}
    tasks = [
        Task(hand_in.student, hand_in.path.resolve(), part, setup, _kept_key(out, hand_in))
        for hand_in in submissions
    ]
    results: dict[str, Result] = {}
    for task, done in engine(tasks):
        hand_in = hand_ins[task.student]
        if done.result is None:
            results[task.student], _ = _kept(out, hand_in)
            continue
        results[task.student] = done.result
        # One process writes for all workers, some thousand samples per student.
        values = {"key": done.key, "result": done.result.to_json()}
        write_json(values, _place(out, hand_in), indent=None)
    return [results[hand_in.student] for hand_in in submissions]


def kept_results(submissions: Sequence[Handed], out: Path) -> list[Result]:
    """Return the results of an earlier run, in the order of the submissions.

    Raises:
        FileNotFoundError: Somebody has none yet.
    """
    results = []
    for hand_in in submissions:
        try:
            result, _ = _kept(out, hand_in)
        except _UNREADABLE:
            command = python("grading class")
            raise FileNotFoundError(
                f"{out} holds no result of {hand_in.student}: run `{command}` first"
            ) from None
        results.append(result)
    return results


def earlier_results(out: Path) -> list[Result]:
    """Return what an earlier class left in its folder, each student with the folder's name; damaged
    ones left out.

    Raises:
        FileNotFoundError: There is none.
    """
    results = []
    year = out.resolve().name
    for path in sorted((out / "results").glob("*.json")):
        with contextlib.suppress(*_UNREADABLE):
            values = json.loads(path.read_text(encoding="utf-8"))
            result = Result.from_json(values["result"])
            results.append(replace(result, student=f"{result.student} in {year}"))
    if not results:
        raise FileNotFoundError(
            f"{out} holds no results: name the folder that an earlier `class` wrote"
        )
    return results


def _place(out: Path, hand_in: Handed) -> Path:
    return out / "results" / f"{hand_in.slug}.json"


def _kept_key(out: Path, hand_in: Handed) -> str:
    """Return the key of a student's kept result; empty when there is none that can be read."""
    try:
        _, key = _kept(out, hand_in)
    except _UNREADABLE:
        return ""
    return key


def _kept(out: Path, hand_in: Handed) -> tuple[Result, str]:
    """Return a student's kept result, and its key."""
    values = json.loads(_place(out, hand_in).read_text(encoding="utf-8"))
    result = Result.from_json(values["result"])
    # The part's points may have changed since; that needs no new grading.
    worth = assignment().part(result.part).worth
    # A file holds text, and a name from a file system may hold bytes that are none.
    result = replace(result, student=hand_in.student, worth=worth)
    return result, values["key"]
