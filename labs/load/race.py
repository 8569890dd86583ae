"""Servers side by side under the same load: in turns (ABAB…), or several things at the same moment."""

import functools
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from typing import TypeVar

import numpy as np

from labs import stats
from labs.load.loops import closed_loop
from labs.load.target import Target
from labs.records import Measurement
from labs.runtimes.progress import Cancelled, OnProgress, part, silent

Result = TypeVar("Result")

#: Something to do: called as ``work(on_progress=…)``, as the loops of this package can be with ``functools.partial``.
Work = Callable[..., Result]


def race(
    targets: Mapping[str, Target],
    *,
    concurrency: int,
    rounds: int = 5,
    duration_s: float = 1.5,
    requests: int | None = None,
    warmup_requests: int | None = None,
    on_progress: OnProgress = silent,
) -> list[Measurement]:
    """Return one closed-loop record for each target and round, in the order in which they ran.

    A machine that slows down slows all of a round.

    Args:
        rounds: Turns of each; every second round runs in reverse order. The interval of a ratio has one degree of
            freedom fewer than there are rounds, and is wide with two or three.
        requests: Requests of each turn, instead of a duration: of answers that come in large batches, too few or too
            many fall into a second.

    Raises:
        ValueError: Fewer than two targets, or fewer than two rounds.
    """
    if len(targets) < 2 or rounds < 2:
        raise ValueError("a race needs at least two targets and two rounds")
    records: list[Measurement] = []
    race_id, turns = uuid.uuid4().hex, rounds * len(targets)
    for turn in range(rounds):
        for option in list(targets)[:: -1 if turn % 2 else 1]:
            records.append(
                closed_loop(
                    targets[option],
                    concurrency=concurrency,
                    duration_s=None if requests else duration_s,
                    requests=requests,
                    warmup_requests=warmup_requests,
                    option=option,
                    details={"race_id": race_id, "round": turn},
                    on_progress=part(on_progress, len(records) / turns, (len(records) + 1) / turns),
                )
            )
    return records


def rate_ratio(records: Sequence[Measurement], option: str, baseline: str) -> stats.Ratio:
    """Return how many times as many good answers a second one option of a race gave as another."""
    return stats.ratio_of_medians(
        *([[_rate(one).value] for one in of(records, name)] for name in (option, baseline))
    )


def _rate(one: Measurement) -> stats.Interval:
    """Return a run's good answers a second; where none came in time, half an answer, since a ratio must not divide."""
    found = one.throughput_rps
    return replace(found, value=max(found.value, 0.5 / one.load.duration_s if one.load else 0.0))


def latency_ratio(records: Sequence[Measurement], option: str, baseline: str) -> stats.Ratio:
    """Return how many times as long one option's median latency in a race was as another's."""
    return stats.ratio_of_medians(
        *([one.samples for one in of(records, name)] for name in (option, baseline))
    )


def cost_s(record: Measurement) -> float:
    """Return the processor seconds that a server and its children spent per answer of a run; NaN if it is not known."""
    rate, cores = _rate(record).value, record.load.usage.server_cores if record.load else ()
    return float(np.mean(cores)) / rate if cores else float("nan")


def cost_ratio(records: Sequence[Measurement], option: str, baseline: str) -> stats.Ratio:
    """Return how many times as much processor time one option of a race spent per answer as another."""
    return stats.ratio_of_medians(
        *([[cost_s(run)] for run in of(records, name)] for name in (option, baseline))
    )


def of(records: Sequence[Measurement], option: str) -> list[Measurement]:
    """Return one option's records of a race, round by round."""
    return sorted(
        (one for one in records if one.option == option), key=lambda one: one.details["round"]
    )


def together(*works: Work[Result], on_progress: OnProgress = silent) -> list[Result]:
    """Return the results of works that are begun at the same moment, in their order.

    Args:
        works: What is done; load loops run in processes of their own, so they do not slow each other here.
        on_progress: Told how far the first is; where it raises ``Cancelled``, all stop at their next report.

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
        begun = [
            pool.submit(work, on_progress=functools.partial(report, tell=tell))
            for work, tell in zip(works, tells, strict=True)
        ]
        try:
            wait(begun)
        except (
            BaseException
        ):  # the toolbar's stop button: what waits here must not wait for whole runs
            stopped.set()
            raise
    return [one.result() for one in begun]
