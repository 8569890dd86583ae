"""Servers side by side under the same load: ABAB…, so that a machine that slows down slows both."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from labs import stats
from labs.load.loops import closed_loop
from labs.load.target import Target
from labs.progress import OnProgress, part, silent
from labs.records import Measurement


def race(
    targets: Mapping[str, Target],
    *,
    concurrency: int,
    rounds: int = 5,
    duration_s: float = 1.5,
    on_progress: OnProgress = silent,
) -> list[Measurement]:
    """Return one closed-loop record for each target and round, in the order in which they ran.

    Args:
        targets: What takes part, by option name.
        concurrency: Clients, each of which waits for its answer.
        rounds: Turns of each; every second round runs in reverse order. The interval of a ratio has one degree of
            freedom fewer than there are rounds, and is wide with two or three.
        duration_s: Seconds of a turn.
        on_progress: Told how far it is; may raise ``Cancelled``.

    Raises:
        ValueError: Fewer than two targets, or fewer than two rounds.
    """
    if len(targets) < 2 or rounds < 2:
        raise ValueError("a race needs at least two targets and two rounds")
    records, race_id, turns = [], uuid.uuid4().hex, rounds * len(targets)
    for turn in range(rounds):
        order = list(targets) if turn % 2 == 0 else list(reversed(targets))
        for option in order:
            done = len(records)
            records.append(
                closed_loop(
                    targets[option],
                    concurrency=concurrency,
                    duration_s=duration_s,
                    option=option,
                    details={"race_id": race_id, "round": turn},
                    on_progress=part(on_progress, done / turns, (done + 1) / turns),
                )
            )
    return records


def rate_ratio(records: Sequence[Measurement], option: str, baseline: str) -> stats.Ratio:
    """Return how many times as many good answers a second one option of a race gave as another.

    Args:
        records: What ``race`` returned.
        option: The option.
        baseline: What it is held against.
    """
    rates = [[[one.throughput_rps.value] for one in of(records, name)] for name in (option, baseline)]
    return stats.ratio_of_medians(*rates)


def latency_ratio(records: Sequence[Measurement], option: str, baseline: str) -> stats.Ratio:
    """Return how many times as long one option's median latency in a race was as another's."""
    return stats.ratio_of_medians(*([one.samples for one in of(records, name)] for name in (option, baseline)))


def of(records: Sequence[Measurement], option: str) -> list[Measurement]:
    """Return one option's records of a race, round by round."""
    return sorted((one for one in records if one.option == option), key=lambda one: one.details["round"])
