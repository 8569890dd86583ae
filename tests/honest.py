"""Honest work, made from the lessons' own solutions: what the ledger and the notebooks of a diligent student hold.

Of each lesson of the course as it is, functions, files and predictions are answered. Answers and records that rest on
what was measured are a recording's matter (``tests.grading.recorded``).
"""

from __future__ import annotations

import copy
import functools

from grading.builder.notebook import build
from grading.builder.questions import solutions, written
from grading.builder.solve import guesses
from labs.assignment import assignment
from labs.checkpoints.calls import call
from labs.checkpoints.question import SUBJECT, all_questions, question
from labs.course import Lesson, lessons
from tests.entries import Entries

#: Times that a clock may have taken, and that fit into the run around them.
_TIMES_S = [0.01 + 1.7e-5 * (place * 7 % 41) for place in range(60)]
_SAMPLES = {"latency": _TIMES_S, "throughput": _TIMES_S, "size": [9_000_000.0]}


def honest(part: int | None = None) -> Entries:
    """Return a ledger in which whatever needs no recording is answered right, new at each call: predictions first.

    Args:
        part: Part of the assignment; all of the course when None.
    """
    asked = tuple(lessons() if part is None else assignment().lessons(part))
    return copy.deepcopy(_honest(asked))


@functools.cache
def _honest(lessons: tuple[Lesson, ...]) -> Entries:
    asked = [(lesson, id, one) for lesson in lessons for id, one in written(lesson).items()]
    predictions = [(id, one) for _, id, one in asked if one.values["kind"] == "prediction"]
    entries = Entries()
    for id, one in predictions:
        entries.predicted(id, guesses(one))
    for _, one in predictions:
        about = dict(one.values["about"])
        if "subject" in about:
            entries.observed(about["subject"], {})
        elif about["kind"] in _SAMPLES:
            entries.measured(
                about.pop("kind"), about.pop("option", "x"), _SAMPLES[one.values["about"]["kind"]], **about
            )
    for lesson, id, one in asked:
        if one.values["kind"] == "function":
            outputs = call(solutions(lesson)[id], [case["args"] for case in question(id).cases])
            cell = next(cell for cell in build(lesson, solved=True).cells if cell.metadata.get("question") == id)
            entries.answered(id, {"source": cell.source, "outputs": outputs})
        elif one.values["kind"] == "file":
            entries.observed(SUBJECT + id, dict(one.good))
    return entries


def earned(entries: list[dict]) -> set[str]:
    """Return the questions that a ledger has answered right."""
    return {id for id, one in all_questions().items() if one.verdict(entries).ok}
