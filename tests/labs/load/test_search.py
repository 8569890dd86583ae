"""The search for the best configuration: what it finds, what it leaves out, and that it measures nothing twice."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from labs.load import Cancelled
from labs.load import search as module
from labs.load.search import Candidate, Objective, best_of, grid, search
from labs.queueing import Queue, UnstableQueueError
from labs.records import Ledger
from labs.records.load import Failure, Load

OBJECTIVE = Objective(latency_s=0.05)


@pytest.fixture
def runs(monkeypatch, make_measurement) -> list[tuple]:
    """Replace the loops by an M/D/c server whose service time is the target, and return the runs that were made."""
    made: list[tuple] = []

    def record(
        option: str, mode: str, rate_rps: float | None, answered: int, latency_s: float, details: dict, many: int
    ):
        offsets = tuple(np.linspace(0, 1.99, max(answered, 1)))
        load = Load(mode, "told", 2.0, offsets, rate_rps)
        samples = tuple(np.full(max(answered, 1), latency_s))
        return make_measurement(
            kind="load", option=option, samples=samples, load=load, details=details, concurrency=many
        )

    def closed(target, *, concurrency, duration_s, option, details, **_):
        made.append((option, "closed", concurrency))
        # All answers within the run: the capacity is what the closed loop reaches.
        return record(option, "closed", None, round(2.0 / target), 0.001, details, concurrency)

    def opened(target, *, rate_rps, duration_s, option, details, **_):
        made.append((option, "open", rate_rps))
        try:
            latency_s = Queue(rate_rps, target).wait_s(95) + target
        except UnstableQueueError:
            latency_s = 1.0
        return record(option, "open", rate_rps, 100, latency_s, details, 1)

    monkeypatch.setattr(module, "closed_loop", closed)
    monkeypatch.setattr(module, "open_loop", opened)
    return made


def candidates(served: list[str], **service_s: float) -> list[Candidate]:
    """Return candidates that note when they are served."""

    def serve(option: str, seconds: float):
        def served_now() -> float:
            served.append(option)
            return seconds

        return served_now

    return [Candidate(option, serve(option, seconds)) for option, seconds in service_s.items()]


def test_the_rate_is_found(runs, tmp_path) -> None:
    """What it finds is within the wanted precision of what the formula says can be carried."""
    (found,) = search(candidates([], fast=0.010), OBJECTIVE, name="s", ledger=Ledger(tmp_path / "l"))
    right = max(rate for rate in range(1, 100) if Queue(rate, 0.010).wait_s(95) + 0.010 <= OBJECTIVE.latency_s)
    assert found.kept_rps <= right <= found.broken_rps
    assert found.broken_rps - found.kept_rps <= 0.12 * found.broken_rps
    assert len(runs) <= 7


def test_what_cannot_win_is_given_up(runs, tmp_path) -> None:
    """A candidate that carries less at full throttle than the best does within the objective is run once."""
    found = search(candidates([], fast=0.010, slow=0.030), OBJECTIVE, name="s", ledger=Ledger(tmp_path / "l"))
    assert found[1].outpaced
    assert [run for run in runs if run[0] == "slow"] == [("slow", "closed", 16)]
    assert best_of(found).option == "fast"


def test_a_stopped_search_goes_on_where_it_was(runs, tmp_path) -> None:
    """Runs that are in the ledger are not made again, and a model whose runs are all known is not even loaded."""
    ledger, served = Ledger(tmp_path / "l"), []

    def stop(fraction: float, text: str) -> None:
        if "other" in text:
            raise Cancelled("enough")

    both = candidates(served, fast=0.010, other=0.009)
    with pytest.raises(Cancelled):
        search(both, OBJECTIVE, name="s", ledger=ledger, on_progress=stop)
    before = list(runs)
    served.clear()
    again = search(both, OBJECTIVE, name="s", ledger=ledger)
    assert served == ["other"]
    assert not {run for run in runs[len(before) :] if run[0] == "fast"}
    assert len(runs) == len(set(runs))
    assert search(both, OBJECTIVE, name="s", ledger=ledger) == again
    assert len(ledger.measurements(kind="load")) == len(runs)


def test_an_objective_that_nobody_keeps(runs, tmp_path) -> None:
    """There may be no such rate: that is an answer too."""
    found = search(candidates([], slow=0.2), OBJECTIVE, name="s", ledger=Ledger(tmp_path / "l"))
    assert found[0].kept_rps == 0
    assert best_of(found) is None


@pytest.mark.parametrize(("failed", "kept"), [(0, True), (1, True), (2, False)])
def test_failures_count_as_slow(make_measurement, failed, kept) -> None:
    """A server that refuses what it cannot answer in time does not keep its promise that way."""
    load = Load("open", "x", 1.0, tuple(np.linspace(0, 1, 99)), 100.0)
    load = dataclasses.replace(load, failures=tuple(Failure(0.1, 0.0, 503) for _ in range(failed)))
    made = make_measurement(kind="load", samples=(0.01,) * 99, load=load)
    assert Objective(0.05).kept_by(made) is kept


def test_a_grid_has_every_combination() -> None:
    """Two settings with two values each are four configurations."""
    assert grid(copies=(1, 2), threads=(1, 2))[1] == {"copies": 1, "threads": 2}
    assert len(grid(copies=(1, 2), threads=(1, 2))) == 4


def test_a_single_short_run_proves_nothing(runs, tmp_path) -> None:
    """The search goes by what it saw; that a rate was kept once in two seconds is not called proven."""
    (found,) = search(candidates([], fast=0.010), OBJECTIVE, name="s", ledger=Ledger(tmp_path / "l"))
    assert found.verdict == "cannot tell"


def _open(make_measurement, seed: int, latency_s: float, failed: int = 0):
    """Return an open-loop run whose requests never meet, with exponential latencies of this mean."""
    rng = np.random.default_rng(seed)
    load = Load("open", "x", 60.0, tuple(np.arange(600) / 10), 10.0)
    load = dataclasses.replace(load, failures=tuple(Failure(1.0, 0.01, 503) for _ in range(failed)))
    took_s = np.minimum(rng.exponential(latency_s, 600), 0.09)
    return make_measurement(kind="load", samples=tuple(took_s), load=load)


@pytest.mark.parametrize(
    ("latency_s", "failed", "said"),
    [(0.010, 0, "kept"), (0.0167, 0, "cannot tell"), (0.025, 0, "broken"), (0.010, 60, "broken")],
)
def test_an_objective_is_judged_by_the_interval(make_measurement, latency_s, failed, said) -> None:
    """Kept where the whole interval is within the promise, broken beyond it, and neither where it holds the promise."""
    made = [_open(make_measurement, seed, latency_s, failed) for seed in (1, 2)]
    assert OBJECTIVE.verdict(*made) == said


def test_verifying_ends_when_there_is_enough(monkeypatch, make_measurement) -> None:
    """Runs get fresh arrivals, and are repeated until there is an interval, or until the last one allowed."""
    seeds = []

    def opened(target, *, seed, **_):
        seeds.append(seed)
        return _open(make_measurement, seed, target)

    monkeypatch.setattr(module, "open_loop", opened)
    made = module.verify(0.010, OBJECTIVE, 10.0, option="v", seed=7)
    assert OBJECTIVE.verdict(*made) == "kept"
    assert seeds == [7]
    seeds.clear()
    hard = Objective(0.05, q=99.9)
    assert len(module.verify(0.010, hard, 10.0, option="v", most_runs=2)) == 2
    assert seeds == [40, 41]
