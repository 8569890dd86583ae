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
from labs.records import Ledger, Measurement
from labs.records.format import milliseconds, percent, rate
from labs.records.load import latency_interval
from labs.stats import proportion_interval, verdict

#: Rates tried for one candidate at most: each halves what is left, and six leave less than two percent.
_MOST_RATES = 6


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
        """Return whether a run kept the promise as far as was seen: what a search goes by, and no proof.

        The percentile is over the requests that were due, failures included: a failed request is a slow one.
        """
        failed = record.load.error_rate
        if failed > self.error_rate:
            return False
        # The q-th of all is the q/(1 - failed)-th of the answered ones.
        among_answered = self.q / (1 - failed)
        return among_answered <= 100 and record.percentile(among_answered) <= self.latency_s

    def verdict(self, *records: Measurement) -> str:
        """Return what runs of one load allow to be said of the promise: 'kept', 'broken' or 'cannot tell'.

        'kept' where the whole interval of the percentile lies within the promise, 'broken' where it lies beyond, or
        where clearly more requests failed than may. Runs that were too short have no interval: 'cannot tell'.
        """
        failed = sum(len(one.load.failures) for one in records)
        due = failed + sum(len(one.samples) for one in records)
        among_answered = self.q / (1 - failed / due)
        if failed:
            failures = verdict(proportion_interval(failed, due), self.error_rate, above="broken", below="kept")
            if failures != "kept" or among_answered >= 100:
                return "broken" if among_answered >= 100 else failures
        return verdict(latency_interval(*records, q=among_answered), self.latency_s, above="broken", below="kept")

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
    #: What the run at ``kept_rps`` proves: 'kept' or 'cannot tell'; '' where there is no such run.
    verdict: str = ""


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
        concurrency: Clients of the closed loop that says what is possible.
        duration_s: Seconds of each run.
        within: The search ends when kept and broken rate are this close, as a fraction.
        on_progress: Told how far it is; may raise ``Cancelled``.
        on_snapshot: Told how the current run stands.
    """
    candidates = list(candidates)
    runs = _Runs(ledger, name, objective, concurrency, duration_s, on_snapshot)
    found: list[Found] = []
    for index, candidate in enumerate(candidates):
        runs.on_progress = part(on_progress, index / len(candidates), (index + 1) / len(candidates))
        best_rps = max((one.kept_rps for one in found), default=0.0)
        found.append(_try(candidate, runs, objective, best_rps, within))
    on_progress(1.0, f"{len(found)} configurations")
    return found


def verify(
    target: Target,
    objective: Objective,
    rate_rps: float,
    *,
    option: str,
    seed: int = 40,
    duration_s: float = 6.0,
    most_runs: int = 5,
    on_progress: OnProgress = silent,
    on_snapshot: OnSnapshot | None = None,
) -> list[Measurement]:
    """Return open-loop runs with fresh arrivals, as many as an interval of the objective's percentile takes.

    How many that are depends on how often the server was idle, never on what the runs said of the objective.

    Args:
        target: The configuration, served.
        objective: What is to be proven with ``objective.verdict(*runs)``.
        rate_rps: Requests a second that are due.
        option: Name under which the records are kept.
        seed: Run k draws its arrivals from ``seed + k``; take one that no search has used.
        duration_s: Seconds of each run.
        most_runs: Runs after which it ends, interval or not.
        on_progress: Told how far it is; may raise ``Cancelled``.
        on_snapshot: Told how the current run stands.
    """
    runs: list[Measurement] = []
    while not runs or (len(runs) < most_runs and latency_interval(*runs, q=objective.q).too_short):
        made = open_loop(
            target,
            rate_rps=rate_rps,
            duration_s=duration_s,
            seed=seed + len(runs),
            option=option,
            details={"objective": asdict(objective), "run": len(runs)},
            on_progress=part(on_progress, len(runs) / most_runs, (len(runs) + 1) / most_runs),
            on_snapshot=on_snapshot,
        )
        runs.append(made)
    on_progress(1.0, f"{len(runs)} runs")
    return runs


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
            "proven by its interval": one.verdict,
            "objective broken at": None if one.broken_rps is None else round(one.broken_rps),
            "given up": "carries less than the best" if one.outpaced else "",
        }
        for one in found
    ]
    return pd.DataFrame(rows).set_index("option")


def grid(**choices: Sequence[object]) -> list[dict[str, object]]:
    """Return every combination of settings by name: ``grid(copies=(1, 2), threads=(1, 2))`` has four."""
    return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]


class _Runs:
    """The runs of one search: those that the ledger knows already, and those that are made now."""

    def __init__(
        self,
        ledger: Ledger,
        name: str,
        objective: Objective,
        concurrency: int,
        duration_s: float,
        on_snapshot: OnSnapshot | None,
    ) -> None:
        self._ledger, self._name, self._objective = ledger, name, objective
        self._concurrency, self._duration_s, self._on_snapshot = concurrency, duration_s, on_snapshot
        #: Progress of the candidate whose turn it is.
        self.on_progress: OnProgress = silent
        self._serving: tuple[Candidate, Target] | None = None
        self._known: dict[tuple, Measurement] = {
            _key(one.option, one.details["level"]): one
            for one in ledger.measurements(kind="load")
            if one.details.get("search") == name
        }

    def closed(self, candidate: Candidate) -> Measurement:
        """Return the run that says what a candidate can carry at most."""

        def make(**common: object) -> Measurement:
            return closed_loop(
                self._target(candidate), concurrency=self._concurrency, duration_s=self._duration_s / 2, **common
            )

        return self._run(candidate, {"concurrency": self._concurrency}, make, (0.0, 0.3))

    def open(self, candidate: Candidate, rate_rps: float) -> Measurement:
        """Return the run at one rate."""

        def make(**common: object) -> Measurement:
            return open_loop(self._target(candidate), rate_rps=rate_rps, duration_s=self._duration_s, **common)

        return self._run(candidate, {"rate_rps": rate_rps}, make, (0.3, 0.95))

    def _run(
        self, candidate: Candidate, level: dict, make: Callable[..., Measurement], share: tuple[float, float]
    ) -> Measurement:
        key = _key(candidate.option, level)
        if key not in self._known:
            made = make(
                option=candidate.option,
                details={"search": self._name, "level": level, "objective": asdict(self._objective)},
                on_progress=part(self.on_progress, *share),
                on_snapshot=self._on_snapshot,
            )
            self._known[key] = self._ledger.append(made)
        return self._known[key]

    def _target(self, candidate: Candidate) -> Target:
        """Return the candidate's target; it is loaded once, and only when something has to be measured."""
        if self._serving is None or self._serving[0] is not candidate:
            self._serving = (candidate, candidate.serve())
        return self._serving[1]


def _key(option: str, level: Mapping[str, object]) -> tuple:
    return (option, *sorted(level.items()))


def _try(candidate: Candidate, runs: _Runs, objective: Objective, best_rps: float, within: float) -> Found:
    """Return what one candidate carries, by halving the interval between a kept and a broken rate."""
    first = runs.closed(candidate)
    most_rps, records = first.throughput_rps.value, [first]
    # What it carries at most is uncertain too: only a clear gap rules it out.
    if first.throughput_rps.high < best_rps:
        return Found(candidate.option, most_rps, 0.0, None, tuple(records), outpaced=True)
    # Beyond what a closed loop reached there is little to find.
    kept_rps, broken_rps, ceiling_rps = 0.0, None, 1.1 * most_rps
    rate_rps = round(0.7 * most_rps, 1)
    for _ in range(_MOST_RATES):
        runs.on_progress(0.3, f"{candidate.option}: {rate(rate_rps, 'requests/s')}")
        record = runs.open(candidate, rate_rps)
        records.append(record)
        if objective.kept_by(record):
            kept_rps = rate_rps
        else:
            broken_rps = ceiling_rps = rate_rps
        if ceiling_rps - kept_rps <= within * ceiling_rps or ceiling_rps < best_rps:
            break
        rate_rps = round((kept_rps + ceiling_rps) / 2, 1)
    kept = [one for one in records if one.load.offered_rps == kept_rps]
    proven = objective.verdict(*kept) if kept else ""
    return Found(candidate.option, most_rps, kept_rps, broken_rps, tuple(records), ceiling_rps < best_rps, proven)
