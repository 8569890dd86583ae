"""What the grader will say to a zip, as far as it can be said in public: the same intake, the same checkpoints."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from grading.consistency import Finding, examine
from grading.intake import Note, take_in
from grading.result.public import Row, public_rows
from labs.course import Lesson


@dataclass(frozen=True)
class Preview:
    """A look at a submission through the grader's eyes."""

    #: What the intake left out or missed.
    notes: tuple[Note, ...]
    #: What does not fit together in the evidence.
    findings: tuple[Finding, ...]
    #: One row a public checkpoint.
    rows: tuple[Row, ...]

    @property
    def earned(self) -> int:
        """Points of the public checkpoints."""
        return sum(row.points for row in self.rows)

    @property
    def possible(self) -> int:
        """Points that there are in public."""
        return sum(row.possible for row in self.rows)


def preview(submission: Path, lessons: list[Lesson]) -> Preview:
    """Return what the grader will find in a zip.

    Args:
        submission: The zip that ``pack`` wrote.
        lessons: Lessons of the part.
    """
    with tempfile.TemporaryDirectory(prefix="preview-") as folder:
        intake = take_in(submission, Path(folder), lessons)
        findings = examine(intake.ledger.entries)
        return Preview(tuple(intake.notes), tuple(findings.all), tuple(public_rows(findings.kept, lessons)))
