"""The public checkpoints of some lessons as rows: what a student may see before and after handing in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from grading.checkpoints import State, Verdict, all_checkpoints
from grading.checkpoints.registry import Checkpoint
from labs.course import Lesson
from labs.records import Records


@dataclass(frozen=True)
class Row:
    """One line of a result."""

    #: The checkpoint's id.
    id: str
    #: What it asks for.
    title: str
    #: Lesson number; 0 where it belongs to no lesson.
    lesson: int
    #: Points earned.
    points: int
    #: Points that it is worth.
    possible: int
    #: One sentence: right, or what to mend.
    message: str
    #: What the evidence leads one to expect.
    expected: str = ""
    #: What was handed in.
    yours: str = ""
    #: Where to look.
    hint: str = ""
    #: How it stands (``grading.checkpoints.State``).
    state: str = ""
    #: Known to the grader only; shown after the grades are out.
    hidden: bool = False
    #: The public checkpoint that it rests on; empty for public ones.
    needs: str = ""

    @property
    def is_open(self) -> bool:
        """Whether nobody has answered yet: the message then speaks of a cell that only the notebook shows."""
        return self.state == State.UNANSWERED


def public_rows(
    records: Records, lessons: list[Lesson], verdict: Callable[[Checkpoint, Records], Verdict] = Checkpoint.verdict
) -> list[Row]:
    """Return one row for each public checkpoint of some lessons, judged by the evidence.

    Args:
        records: Of the student.
        lessons: Lessons whose checkpoints count.
        verdict: Judges one checkpoint.
    """
    numbers = {lesson.whole_number for lesson in lessons}
    rows = []
    for one in all_checkpoints():
        if one.lesson not in numbers:
            continue
        found = verdict(one, records)
        rows.append(
            Row(
                id=one.id,
                title=one.title,
                lesson=one.lesson,
                points=one.points if found.ok else 0,
                possible=one.points,
                message=found.message,
                expected=found.expected,
                yours=found.yours,
                # Whoever hands in has tried: the stronger hint.
                hint="" if found.ok else one.hint(2),
                state=found.state,
            )
        )
    return rows
