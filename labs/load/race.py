"""Servers side by side under the same load: in turns (ABAB…), or several at the same moment."""

import functools
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import numpy as np

from labs import stats
from labs.load.loops import closed_loop
from labs.load.target import LoadTarget
from labs.records import Measurement
from labs.runtimes.progress import Cancelled, OnProgress, part, silent

Result = TypeVar("Result")

#: Rounds that a race has, however long they take: with fewer, intervals say little.
LEAST_ROUNDS = 5

#: Something to do: called as ``work(on_progress=…)``, as the loops of this package can be with
#: ``functools.partial``.
Work = Callable[..., Result]


def race(
    targets: Mapping[str, LoadTarget],
    *,
    concurrency: int,
    rounds: int = 5,
    duration_s: float = 1.5,
    requests: int | None = None,
    warmup_requests: int | None = None,
    within_s: float | None = None,
    on_progress: OnProgress = silent,
) -> list[Measurement]:
    """Return one closed-loop record for each target and round, in the order in which they ran.

    A machine that slows down slows all of a round.

    Args:
        rounds: Turns of each; every second round runs in reverse order. The interval of a ratio has
            one degree of freedom fewer than there are rounds, and is wide with two or three.
        requests: Requests of each turn, instead of a duration: of answers that come in large
            batches, too few or too many fall into a second.
        within_s: Begin no round after this many seconds, once ``LEAST_ROUNDS`` have run: a slow
            machine measures fewer rounds, and its intervals are wider.

    Raises:
        ValueError: Fewer than two targets, or fewer than two rounds.
    """
    if len(targets) < 2 or rounds < 2:
        raise ValueError("a race needs at least two targets and two rounds")
    records: list[Measurement] = []
    race_id = uuid.uuid4().hex
    turns = rounds * len(targets)
    begin_s = time.monotonic()
    for number in range(rounds):
        spent_s = time.monotonic() - begin_s
        if within_s is not None and spent_s > within_s and number >= LEAST_ROUNDS:
            break
        for option in _order(targets, number):
            share = len(records) / turns
            share_after = (len(records) + 1) / turns
            record = closed_loop(
                targets[option],
                concurrency=concurrency,
                duration_s=None if requests else duration_s,
                requests=requests,
                warmup_requests=warmup_requests,
                option=option,
                details={"race_id": race_id, "round": number},
                on_progress=part(on_progress, share, share_after),
            )
            records.append(record)
    return records


def _order(targets: Mapping[str, LoadTarget], round_number: int) -> list[str]:
    """Return the options in the order of a round; rounds count from 0."""
    options = list(targets)
    return options[::-1] if round_number % 2 else options


def rate_ratio(records: Sequence[Measurement], option: str, baseline: str) -> stats.Ratio:
    """Return the ratio of good answers per second of two options of a race."""
    return _ratio(records, option, baseline, lambda run: [_rate_rps(run)])


def _ratio(
    records: Sequence[Measurement],
    option: str,
    baseline: str,
    samples: Callable[[Measurement], Sequence[float]],
) -> stats.Ratio:
    """Return one option's median over another's; the samples of each run are a block."""
    blocks = [samples(run) for run in of(records, option)]
    baseline_blocks = [samples(run) for run in of(records, baseline)]
    return stats.ratio_of_medians(blocks, baseline_blocks)


def _rate_rps(run: Measurement) -> float:
    """Return a run's good answers a second, half an answer at least, so that ratios can divide."""
    least_rps = 0.5 / run.load.duration_s if run.load else 0.0
    return max(run.throughput_rps.value, least_rps)


def latency_ratio(records: Sequence[Measurement], option: str, baseline: str) -> stats.Ratio:
    """Return how many times as long one option's median latency in a race was as another's."""
    return _ratio(records, option, baseline, lambda run: run.samples)


def cost_s(record: Measurement) -> float:
    """Return the processor seconds per answer of a server and its children; NaN if not known."""
    rate_rps = _rate_rps(record)
    cores = record.load.usage.server_cores if record.load else ()
    if not cores:
        return float("nan")
    return float(np.mean(cores)) / rate_rps


def cost_ratio(records: Sequence[Measurement], option: str, baseline: str) -> stats.Ratio:
    """Return how many times as much processor time an option spent per answer as another."""
    return _ratio(records, option, baseline, lambda run: [cost_s(run)])


def of(records: Sequence[Measurement], option: str) -> list[Measurement]:
    """Return one option's records of a race, round by round."""
    runs = [record for record in records if record.option == option]
    return sorted(runs, key=lambda run: run.details["round"])


def together(*works: Work[Result], on_progress: OnProgress = silent) -> list[Result]:
    """Return the results of works that are begun at the same moment, in their order.

    Args:
        works: The functions to run; load loops run in separate processes, so they do not slow each
            other here.
        on_progress: Told how far the first is; where it raises ``Cancelled``, all stop at their
            next report.

    Raises:
        Exception: The first error among them, after all of them have ended.
    """
    stopped = threading.Event()

    def report(fraction: float, text: str, *, tell: OnProgress) -> None:
        if stopped.is_set():
            raise Cancelled("stopped with the others")
        try:
            tell(fraction, text)
        except BaseException:
            stopped.set()
            raise

    with ThreadPoolExecutor(len(works)) as pool:
        tells = [on_progress] + [silent] * (len(works) - 1)
        begun = []
        for work, tell in zip(works, tells, strict=True):
            begun.append(pool.submit(work, on_progress=functools.partial(report, tell=tell)))
        try:
            wait(begun)
        except BaseException:
            # After the toolbar's stop button, do not wait for whole runs.
            stopped.set()
            raise
    return [future.result() for future in begun]
