"""Functions, called again on cases that a secret seed draws: what was written for the public ones alone fails there."""

from __future__ import annotations

from grading.checkpoints import Verdict, all_checkpoints, failed, passed
from grading.checkpoints.registry import PARTS
from grading.hidden.checkpoint import HiddenCheckpoint
from grading.hidden.evidence import Evidence

#: Of one function. With these and the files' points, what a ledger alone can say without proof (a prediction that was
#: dated back) is a tenth of a part's points at most.
POINTS = 3


def computed(part: int) -> tuple[str, ...]:
    """Return the questions of a part whose cells are run again: all that ask for a function."""
    return tuple(one.id for one in all_checkpoints() if one.kind == "function" and one.part == PARTS[part])


def _judge(question: str):
    def judge(evidence: Evidence) -> Verdict:
        rerun = evidence.reruns.get(question)
        if rerun is None:
            return failed("The cell was not run again, so nothing can be said.")
        if rerun.fault or rerun.verdict is None:
            return failed(f"Run again, the cell comes to nothing: {rerun.fault}.")
        if rerun.verdict.ok:
            return passed("The cell computes its answer: it is right on what it had not seen, too.")
        # Only sentences of the question's own: what the cell wrote stays where it is.
        known = all_checkpoints()[question].mistakes.get(rerun.verdict.mistake, "")
        return failed(f"On what the cell had not seen, its answer is wrong. {known}".strip())

    return judge


CHECKPOINTS = tuple(
    HiddenCheckpoint(
        f"{question}.computed",
        f"Computed, not typed: {all_checkpoints()[question].title}",
        POINTS,
        part,
        question,
        _judge(question),
    )
    for part in range(1, len(PARTS))  # the start is not handed in
    for question in computed(part)
)
