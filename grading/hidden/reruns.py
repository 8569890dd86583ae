"""Answers that have to be computed: the student's cell is run again on changed records, and must be right there too.

A number that was typed in, or copied from a neighbour, is right on one ledger only.
"""

from __future__ import annotations

from grading.checkpoints import Verdict, all_checkpoints, failed, passed
from grading.hidden.evidence import Evidence
from grading.hidden.registry import HiddenCheckpoint

#: Questions whose answer follows from records by computing, by part. Names that are read off a table, and choices, are
#: not among them: typing those is no shortcut.
COMPUTED = {
    1: (
        "m.measure.percentiles",
        "m.measure.certainty",
        "m.measure.more_samples",
        "m.measure.accuracy_interval",
        "m.measure.knee",
        "m.measure.speedup",
        "m.measure.gap",
        "m.export.changed",
        "m.graph.fewer",
        "m.graph.twins",
        "m.graph.steps",
        "m.quantize.searches",
        "m.quantize.flips",
        "m.quantize.budget",
        "m.choose.ratios",
    ),
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
        "s.queue.share",
        "s.queue.little",
        "s.batching.mean",
        "s.batching.gain",
        "s.copies.scaling",
        "s.copies.bottleneck",
        "s.onnx.fair",
        "s.several.slower",
        "s.several.shares",
        "s.ensemble.sum",
        "s.ensemble.scaled",
        "s.cold.runtime",
        "s.best.verified",
        "s.theory.utilization",
        "s.theory.wait",
        "s.theory.batched",
        "s.platform.isolated",
    ),
}


def _judge(question: str):
    def judge(evidence: Evidence) -> Verdict:
        rerun = evidence.reruns.get(question)
        if rerun is None:
            return failed("The cell was not run again, so nothing can be said.")
        if rerun.fault:
            return failed(f"On other records the cell stops: {rerun.fault}")
        verdict = all_checkpoints()[question].verdict(rerun.entries)
        if verdict.ok:
            return passed("The cell computes its answer: it is right on other records too.")
        return failed(f"On other records the cell's answer is wrong. {verdict.message}")

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
    for part, questions in COMPUTED.items()
    for question in questions
)
