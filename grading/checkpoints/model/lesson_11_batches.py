"""Measure the torch model, second half: batches, and threads."""

from __future__ import annotations

import numpy as np

from grading.checkpoints import (
    Mistake,
    Verdict,
    checkpoint,
    close,
    failed,
    function_question,
    missing,
    passed,
    prediction,
)
from labs.records import Records

_THROUGHPUT = {"kind": "throughput", "option": "torch-eager"}

#: Under which name lesson 11 keeps the latency with so many threads.
THREADS = "torch-eager-threads-{}"


def fps_by_batch(records: Records) -> dict[int, float]:
    """Return images a second of the eager model by batch size; the newest record of each counts."""
    found = {one.batch_size: one.throughput_fps.value for one in records.measurements(**_THROUGHPUT)}
    return dict(sorted(found.items()))


@prediction(
    "m.measure.batch_guess",
    about=_THROUGHPUT,
    title="Predict how many times the throughput of single images a batch of 32 reaches",
    unit="×",
    between=(0.05, 1000),
)
def batch_gain(records: Records) -> float | None:
    """Return the throughput of batches of 32 over that of batches of 1."""
    fps = fps_by_batch(records)
    return fps[32] / fps[1] if {1, 32} <= fps.keys() else None


@checkpoint(
    "m.measure.batches",
    points=1,
    title="Measure the eager model's throughput at batch sizes of your choice",
    hints=(
        "`bench.throughput(…)` returns a list of records, one a batch size; each of them goes into the ledger.",
        "`for record in bench.throughput(net, images, option=…, batch_sizes=(1, 4, 16, 32)): ledger().append(record)`",
    ),
    evidence_only=True,
)
def batches(records: Records) -> Verdict:
    """Judge that at least four batch sizes were measured, among them 1 and 32."""
    sizes = list(fps_by_batch(records))
    if not sizes:
        return missing("Choose batch sizes, measure them and append each record to the ledger.")
    yours = ", ".join(map(str, sizes))
    lacking = [str(size) for size in (1, 32) if size not in sizes]
    if lacking:
        return failed(f"The comparison needs batches of {' and '.join(lacking)} as well.", yours=yours)
    if len(sizes) < 4:
        return failed("Two points make a line. Add sizes until you can see where it bends.", yours=yours)
    return passed("Enough to see the bend.", "1, 32 and two more", yours)


def _curves(random: np.random.Generator) -> list[tuple]:
    made = []
    for sizes in ((1, 2, 4, 8, 16, 32), (1, 4, 16, 32, 64), (1, 8, 32, 128), (1, 2, 4, 8, 16)):
        best, half = random.uniform(100, 2000), random.uniform(0.1, 1.2)
        made.append((list(sizes), [round(best * n / (n + half), 1) for n in sizes]))
    falling = [round(70 * factor, 1) for factor in (1.0, 0.97, 0.8, 0.6)]
    return [*made, ([1, 4, 16, 32], falling), ([32, 1, 8, 4], [500.0, 100.0, 460.0, 300.0])]


def _own_curve(records: Records) -> list[tuple]:
    fps = fps_by_batch(records)
    return [(list(fps), list(fps.values()))] if fps else []


def _best(batch_sizes: list, throughputs_fps: list) -> int:
    return batch_sizes[throughputs_fps.index(max(throughputs_fps))]


def _largest(batch_sizes: list, throughputs_fps: list) -> int:
    limit = 0.9 * max(throughputs_fps)
    return max(size for size, fps in zip(batch_sizes, throughputs_fps, strict=True) if fps >= limit)


@function_question(
    "m.measure.knee",
    title="Find the smallest batch that is good enough",
    hints=(
        "Which throughput is still good enough? Then: which batch sizes reach it?",
        "`limit = 0.9 * max(throughputs_fps)`; then the smallest size whose throughput is not below it.",
    ),
    cases=_curves,
    own=_own_curve,
    needs=(_THROUGHPUT,),
    mistakes=(
        Mistake(
            "largest", _largest, "Good enough, but not the smallest that is: whoever is in the batch waits for it."
        ),
        Mistake("best", _best, "This is the batch with the best throughput; a smaller one may be nearly as good."),
        Mistake(
            "throughput",
            lambda batch_sizes, throughputs_fps: 0.9 * max(throughputs_fps),
            "This is a throughput. The batch size that reaches it is asked for.",
        ),
    ),
)
def knee(batch_sizes: list, throughputs_fps: list) -> int:
    """Return the smallest batch size within ten per cent of the best throughput."""
    limit = 0.9 * max(throughputs_fps)
    return min(size for size, fps in zip(batch_sizes, throughputs_fps, strict=True) if fps >= limit)


def _sweeps(random: np.random.Generator) -> list[tuple]:
    made = []
    for threads in (2, 4, 8, 16, 64):
        serial = float(random.uniform(0.03, 0.5))
        one_s = float(random.uniform(0.005, 0.06))
        made.append((one_s, one_s * (serial + (1 - serial) / threads), threads))
    return made


def _own_sweep(records: Records) -> list[tuple]:
    one = records.latest(kind="latency", option=THREADS.format(1))
    more = [
        record
        for record in records.measurements(kind="latency")
        if record.threads.intra_op > 1 and record.option == THREADS.format(record.threads.intra_op)
    ]
    return [] if one is None else [(one.percentile(50), two.percentile(50), two.threads.intra_op) for two in more]


@function_question(
    "m.measure.serial_share",
    title="Work out which share of the work does not run in parallel",
    hints=(
        "Of one second, s stays as it is and 1 − s is divided by n threads. What is the ratio of the times?",
        "many / one = s + (1 − s) / n. Solve for s.",
    ),
    cases=_sweeps,
    own=_own_sweep,
    needs=({"kind": "latency", "option": THREADS.format(1)},),
    mistakes=(
        Mistake(
            "parallel share",
            lambda one_s, many_s, threads: 1 - serial_share(one_s, many_s, threads),
            "This is the share that does run in parallel; the other one is asked for.",
        ),
        Mistake(
            "ratio",
            lambda one_s, many_s, threads: many_s / one_s,
            "That is the ratio of the times. A perfectly parallel program has one too: 1 / threads.",
        ),
        Mistake(
            "efficiency",
            lambda one_s, many_s, threads: one_s / many_s / threads,
            "That is the efficiency, the speed-up for each thread.",
        ),
        Mistake(
            "not scaled",
            lambda one_s, many_s, threads: many_s / one_s - 1 / threads,
            "Nearly: the parallel share is 1 − s and not 1, so divide by 1 − 1 / threads.",
        ),
    ),
    compare=close(rel=1e-3, abs=1e-4),
    right="Amdahl's law: with ever more threads, the speed-up stays below one over this share.",
)
def serial_share(one_s: float, many_s: float, threads: int) -> float:
    """Return the share of the work that does not run in parallel."""
    return (many_s / one_s - 1 / threads) / (1 - 1 / threads)
