"""The hidden checkpoints in their order, and their rows."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from grading.checkpoints import Verdict, all_checkpoints, failed
from grading.hidden.evidence import Evidence
from grading.result.public import Row
from labs.course import lessons

Judge = Callable[[Evidence], Verdict]


@dataclass(frozen=True)
class HiddenCheckpoint:
    """One thing that the grader looks at without having announced how."""

    #: Stable id, such as 'm.choose.artefact'.
    id: str
    #: What it is about, in words that a student reads after the grades are out.
    title: str
    #: What it is worth.
    points: int
    #: Part of the course: 1, 2 or 3.
    part: int
    #: The public checkpoint without which it earns nothing.
    needs: str
    #: Judges the evidence.
    judge: Judge

    @property
    def is_rerun(self) -> bool:
        """Whether it judges an answer cell that was run again, and not a model."""
        return self.id.endswith(".computed")

    def verdict(self, evidence: Evidence, passed: Sequence[str]) -> Verdict:
        """Return the verdict, given the public checkpoints that were passed."""
        if self.needs not in passed:
            return failed(f"It rests on {self.needs}, which did not earn its points.")
        try:
            return self.judge(evidence)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError) as error:
            return failed("The evidence does not have the form that this needs.", yours=type(error).__name__)


@functools.lru_cache(maxsize=1)
def all_hidden() -> tuple[HiddenCheckpoint, ...]:
    """Return the hidden checkpoints of all parts."""
    from grading.hidden import model_artefacts, reruns

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
        rows.append(
            Row(one.id, one.title, 0, earned, one.points, verdict.message, verdict.expected, verdict.yours, hidden=True)
        )
    return rows


def possible_points(part: int) -> int:
    """Return all points of a part, public and hidden."""
    numbers = {lesson.whole_number for lesson in lessons(part=part)}
    public = sum(one.points for one in all_checkpoints() if not one.hidden and one.lesson in numbers)
    return public + sum(one.points for one in all_hidden() if one.part == part)
