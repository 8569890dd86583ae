"""The best configuration under a latency objective: a small search that measures little and forgets nothing.

A configuration is worth the highest rate at which it still keeps the objective. Two things make the search short: a
quick closed loop says what a configuration can carry at most, and one that carries less than the best so far is not
looked at any further; and the rate is found by halving an interval, not by trying all rates.

Every run goes into the ledger under the search's name. A search that was stopped begins again, finds its runs there,
and only measures what is missing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from labs.load.loops import OnSnapshot, closed_loop, open_loop
from labs.load.target import Target
from labs.progress import OnProgress, part, silent
from labs.results import Ledger, Measurement
from labs.results.format import milliseconds, percent, rate


@dataclass(frozen=True)
class Objective:
    """What users are promised."""

    #: Latency that ``q`` of 100 requests stay under, in seconds.
    latency_s: float
    #: Which percentile that is.
    q: float = 95
    #: Share of requests that may fail.
    error_rate: float = 0.01

    def kept_by(self, record: Measurement) -> bool:
        """Return whether a run kept the promise.

        The percentile is over the requests that were due, failures included: a failed request is a slow one.
        """
        failed = record.load.error_rate
        if failed > self.error_rate:
            return False
        # The q-th of all is the q/(1 - failed)-th of the answered ones.
        among_answered = self.q / (1 - failed)
        return among_answered <= 100 and record.percentile(among_answered) <= self.latency_s

    def __str__(self) -> str:
        promise = f"{self.q:g} of 100 answers within {milliseconds(self.latency_s)}"
        return f"{promise}, at most {percent(self.error_rate)} failed"


@dataclass(frozen=True)
class Candidate:
    """A configuration to try."""

    #: Name under which its records are kept; stable from one search to the next.
    option: str
    #: Makes it the one that is served, and returns the target; called only where something has to be measured.
    serve: Callable[[], Target]


@dataclass(frozen=True)
class Found:
    """What the search knows about one candidate."""

    #: The candidate's name.
    option: str
    #: Answers a second in the closed loop: it cannot carry more.
    most_rps: float
    #: Highest rate tried at which the objective was kept, in requests a second; 0 when it was kept at none.
    kept_rps: float
    #: Lowest rate tried at which it was broken; None when it was not tried, or never broken.
    broken_rps: float | None
    #: All runs, the closed loop first.
    records: tuple[Measurement, ...]
    #: Whether it was given up because it carries less than the best before it.
    outpaced: bool = False


def search(
    candidates: Iterable[Candidate],
    objective: Objective,
    *,
    name: str,
    ledger: Ledger,
    concurrency: int = 16,
    duration_s: float = 3.0,
    within: float = 0.12,
    on_progress: OnProgress = silent,
    on_snapshot: OnSnapshot | None = None,
) -> list[Found]:
    """Return what each candidate carries under the objective, in the order given.

    Args:
        candidates: Configurations; put the likely winner first, the others are then given up sooner.
        objective: What has to be kept.
        name: Name of the search; runs in the ledger under this name are used again.
        ledger: Where runs are kept and looked for.
        concurrency: Senders of the closed loop that says what is possible.
        duration_s: Seconds of each run.
        within: The search ends when kept and broken rate are this close, as a fraction.
        on_progress: Told how far it is; may raise ``Cancelled``.
        on_snapshot: Told how the current run stands.
    """
    candidates = list(candidates)
    known = _Known(ledger, name, objective)
    found: list[Found] = []
    for index, candidate in enumerate(candidates):
        here = part(on_progress, index / len(candidates), (index + 1) / len(candidates))
        best_rps = max((one.kept_rps for one in found), default=0.0)
        found.append(_try(candidate, objective, known, best_rps, concurrency, duration_s, within, here, on_snapshot))
    on_progress(1.0, f"{len(found)} configurations")
    return found


def best_of(found: Sequence[Found]) -> Found | None:
    """Return the candidate that keeps the objective at the highest rate; None when none keeps it."""
    keeping = [one for one in found if one.kept_rps > 0]
    return max(keeping, key=lambda one: one.kept_rps, default=None)


def found_table(found: Sequence[Found]):
    """Return what a search found as a pandas table: requests a second, one row a candidate."""
    import pandas as pd

    rows = [
        {
            "option": one.option,
            "closed loop": round(one.most_rps),
            "objective kept at": round(one.kept_rps),
            "objective broken at": None if one.broken_rps is None else round(one.broken_rps),
            "given up": "carries less than the best" if one.outpaced else "",
        }
        for one in found
    ]
    return pd.DataFrame(rows).set_index("option")


def grid(**choices: Sequence[object]) -> list[dict[str, object]]:
    """Return every combination of settings by name: ``grid(copies=(1, 2), threads=(1, 2))`` has four."""
    return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]


class _Known:
    """The runs of this search that are in the ledger, by candidate and load level."""

    def __init__(self, ledger: Ledger, name: str, objective: Objective) -> None:
        self.ledger, self.name, self.objective = ledger, name, objective
        self._runs: dict[tuple, Measurement] = {
            self._key(one.option, one.details["level"]): one
            for one in ledger.measurements(kind="load")
            if one.details.get("search") == name
        }

    def run(self, option: str, level: Mapping[str, object], make: Callable[[dict], Measurement]) -> Measurement:
        """Return the run of this level, made now if it is not known yet."""
        key = self._key(option, level)
        if key not in self._runs:
            made = make({"search": self.name, "level": dict(level), "objective": asdict(self.objective)})
            self._runs[key] = self.ledger.append(made)
        return self._runs[key]

    @staticmethod
    def _key(option: str, level: Mapping[str, object]) -> tuple:
        return (option, *sorted(level.items()))


def _try(
    candidate: Candidate,
    objective: Objective,
    known: _Known,
    best_rps: float,
    concurrency: int,
    duration_s: float,
    within: float,
    on_progress: OnProgress,
    on_snapshot: OnSnapshot | None,
) -> Found:
    """Return what one candidate carries."""
    served: list[Target] = []

    def target() -> Target:
        if not served:
            served.append(candidate.serve())
        return served[0]

    def closed(details: dict) -> Measurement:
        hooks = {"on_progress": part(on_progress, 0.0, 0.3), "on_snapshot": on_snapshot}
        return closed_loop(
            target(),
            concurrency=concurrency,
            duration_s=duration_s / 2,
            option=candidate.option,
            details=details,
            **hooks,
        )

    def at(rate_rps: float) -> Measurement:
        def opened(details: dict) -> Measurement:
            hooks = {"on_progress": part(on_progress, 0.3, 0.95), "on_snapshot": on_snapshot}
            return open_loop(
                target(), rate_rps=rate_rps, duration_s=duration_s, option=candidate.option, details=details, **hooks
            )

        return known.run(candidate.option, {"rate_rps": rate_rps}, opened)

    first = known.run(candidate.option, {"concurrency": concurrency}, closed)
    most_rps, records = first.throughput_rps.value, [first]
    # What it carries at most is uncertain too: only a clear gap rules it out.
    if first.throughput_rps.high < best_rps:
        return Found(candidate.option, most_rps, 0.0, None, tuple(records), outpaced=True)
    kept_rps, broken_rps, rate_rps = 0.0, None, round(0.7 * most_rps, 1)
    for _ in range(6):
        record = at(rate_rps)
        records.append(record)
        on_progress(0.3, f"{candidate.option}: {rate(rate_rps, 'requests/s')}")
        if objective.kept_by(record):
            kept_rps = max(kept_rps, rate_rps)
        else:
            broken_rps = min(broken_rps or rate_rps, rate_rps)
        # Beyond what a closed loop reached there is nothing to find.
        ceiling_rps = broken_rps if broken_rps is not None else 1.1 * most_rps
        if ceiling_rps - kept_rps <= within * ceiling_rps or ceiling_rps < best_rps:
            break
        rate_rps = round((kept_rps + ceiling_rps) / 2, 1)
    return Found(candidate.option, most_rps, kept_rps, broken_rps, tuple(records), ceiling_rps < best_rps)
