"""One hidden checkpoint: what it judges, what it is worth, and what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from grading.checkpoints import Verdict, failed
from grading.hidden.evidence import Evidence

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
