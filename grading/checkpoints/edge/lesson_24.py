"""Threads, memory and the start: gains, Amdahl's law, and what a fresh process takes."""

from __future__ import annotations

import numpy as np

from grading.checkpoints import Mistake, function_question, prediction
from grading.checkpoints.edge.device import size_of
from labs import stats
from labs.display.format import percent, times
from labs.records import Records

INT8 = "edge-int8-s8s8"


def gains(records: Records) -> dict[int, stats.Interval]:
    """Return by number of threads how many times as fast as one thread the newest race was; empty without one."""
    seen = records.seen("edge.threads")
    run = records.comparison(*(f"{INT8}-t{count}" for count in seen["counts"])) if seen else None
    if not run:
        return {}
    return {n: run.ratio(f"{INT8}-t1", f"{INT8}-t{n}").interval for n in seen["counts"]}


@prediction(
    "e.threads.gain_guess",
    about={"kind": "latency", "option": f"{INT8}-t1"},
    title="Predict the gain of all cores over one",
    between=(0.1, 64),
    show=times,
)
def whole_gain(records: Records) -> float | None:
    """Return how many times as fast all cores answered as one."""
    seen, found = records.seen("edge.threads"), gains(records)
    return found[seen["cores"]].value if found and seen["cores"] in found else None


@prediction(
    "e.threads.peak_guess",
    about={"kind": "peak_memory", "option": INT8},
    title="Predict the file's share of its process's peak memory",
    between=(0.0, 1.0),
    show=percent,
)
def file_share(records: Records) -> float | None:
    """Return the INT8 file's bytes over the peak of the process that predicts with it."""
    peak, size = records.latest(kind="peak_memory", option=INT8), size_of(records, INT8)
    return None if peak is None or size is None else size / peak.value.value


def _gains(random: np.random.Generator) -> list[tuple]:
    return [(float(random.uniform(1.1, 0.95 * n)), n) for n in (2, 4, 4, 8, 64)]


def _own_gain(records: Records) -> list[tuple]:
    seen, found = records.seen("edge.threads"), gains(records)
    cores = seen["cores"] if seen else 0
    return [(found[cores].value, cores)] if cores > 1 and cores in found and 1 < found[cores].value < cores else []


@function_question(
    "e.threads.amdahl",
    points=3,
    title="Solve Amdahl's law for the share that runs in parallel, and for its limit",
    hints=(
        "From S = 1 / ((1 - p) + p / n) follows 1 / S = 1 - p (1 - 1 / n). And p / n vanishes for many cores.",
        "`p = (1 - 1 / gain) / (1 - 1 / n)`; the limit is `1 / (1 - p)`.",
    ),
    cases=_gains,
    own=_own_gain,
    needs=({"kind": "latency", "option": f"{INT8}-t1"},),
    mistakes=(
        Mistake("efficiency", lambda gain, n: (gain / n, n), "Gain over cores is the efficiency, not the share."),
        Mistake(
            "serial share",
            lambda gain, n: (1 - amdahl(gain, n)[0], amdahl(gain, n)[1]),
            "That is the share that does not run in parallel.",
        ),
        Mistake(
            "no cores",
            lambda gain, n: (1 - 1 / gain, gain),
            "With n cores the parallel part still takes p / n: divide by 1 - 1 / n.",
        ),
        Mistake(
            "limit",
            lambda gain, n: (amdahl(gain, n)[0], 1 / amdahl(gain, n)[0]),
            "The share is right. What is left over with infinitely many cores is 1 - p.",
        ),
    ),
    right="What limits it is what cannot be divided.",
)
def amdahl(gain: float, n: int) -> tuple[float, float]:
    """Return the parallel share, and the gain of infinitely many cores."""
    share = (1 - 1 / gain) / (1 - 1 / n)
    return share, 1 / (1 - share)
