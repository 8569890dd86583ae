"""The hidden checkpoints in their order, and their rows."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from grading.checkpoints import all_checkpoints
from grading.hidden import model_artefacts, reruns
from grading.hidden.checkpoint import HiddenCheckpoint
from grading.hidden.evidence import Evidence
from grading.result.public import Row
from labs.course import lessons


@functools.lru_cache(maxsize=1)
def all_hidden() -> tuple[HiddenCheckpoint, ...]:
    """Return the hidden checkpoints of all parts."""
    return (*model_artefacts.CHECKPOINTS, *reruns.CHECKPOINTS)


def hidden_rows(
    evidence: Evidence, part: int, public: Sequence[Row], *, measured: bool = True, rerun: bool = True
) -> list[Row]:
    """Return one row for each hidden checkpoint of a part.

    Args:
        evidence: What was found about the submission.
        part: Part of the course.
        public: Rows of the public checkpoints, which the hidden ones depend on.
        measured: Whether models were measured again; without that, nothing is said about them.
        rerun: Whether answer cells were run again; without that, nothing is said about them.
    """
    passed = [row.id for row in public if row.points == row.possible]
    rows = []
    for one in all_hidden():
        if one.part != part or not (rerun if one.is_rerun else measured):
            continue
        verdict = one.verdict(evidence, passed)
        earned = one.points if verdict.ok else 0
        said = (verdict.message, verdict.expected, verdict.yours)
        rows.append(Row(one.id, one.title, 0, earned, one.points, *said, hidden=True, needs=one.needs))
    return rows


def possible_points(part: int) -> int:
    """Return all points of a part, public and hidden."""
    numbers = {lesson.whole_number for lesson in lessons(part=part)}
    public = sum(one.points for one in all_checkpoints() if one.lesson in numbers)
    return public + sum(one.points for one in all_hidden() if one.part == part)
