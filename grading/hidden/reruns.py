"""Answers that have to be computed: the student's cell is run again, and must be right there too.

A function meets cases that a secret seed draws. Another cell meets the student's own records with other numbers: what
was typed in, or copied from a neighbour, is right on one ledger only.
"""

from __future__ import annotations

from grading.checkpoints import Verdict, all_checkpoints, failed, passed
from grading.checkpoints.registry import PARTS
from grading.hidden.checkpoint import HiddenCheckpoint
from grading.hidden.evidence import Evidence

#: Questions of parts 2 and 3 whose answer follows from records by computing, beside those that ask for a function.
#: Names that are read off a table, and choices, are not among them: typing those is no shortcut.
COMPUTED = {
    2: (
        "e.bring.parts",
        "e.device.work",
        "e.device.floor",
        "e.device.ratio",
        "e.device.loss",
        "e.threads.gain",
        "e.threads.amdahl",
        "e.threads.memory",
        "e.threads.start",
        "e.busy.slowdown",
        "e.serve.parts",
        "e.serve.network",
        "e.serve.break_even",
        "e.smaller.bargain",
    ),
    3: (
        "s.http.share",
        "s.http.bounded",
        "s.several.slower",
        "s.several.shares",
        "s.ensemble.sum",
        "s.ensemble.scaled",
        "s.best.verified",
        "s.theory.utilization",
        "s.theory.wait",
        "s.theory.batched",
    ),
}


def computed(part: int) -> tuple[str, ...]:
    """Return the questions of a part whose cells are run again: all that ask for a function, and the listed ones."""
    functions = [one.id for one in all_checkpoints() if one.kind == "function" and one.part == PARTS[part]]
    return (*functions, *COMPUTED.get(part, ()))


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
        1,
        part,
        question,
        _judge(question),
    )
    for part in range(1, len(PARTS))  # the start is not handed in
    for question in computed(part)
)
