"""Give teams a platform: what a neighbour does to a tail, who feels a crash, and a deployment by hand."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.evidence import is_close
from labs.records import Records
from labs.records.format import milliseconds, times

_NOT_RUN = "There is no load record for this yet: run the cells above, down to the question."

#: By hand: seconds a photo, photos a second, seconds wanted, and the most that a copy may be busy.
_SERVICE_S, _RATE_RPS, _LATENCY_S, _BUSY = 0.005, 150, 0.1, 0.7


def stretched(records: Records, kind: str) -> float | None:
    """Return Menu's p95 beside Campaign over its p95 alone, from the newest runs; None while one is missing."""
    runs = [records.latest(kind="load", option=f"menu-{kind}-{how}") for how in ("crowded", "alone")]
    return None if None in runs else runs[0].percentile(95) / runs[1].percentile(95)


@prediction(
    "s.platform.guess",
    about={"kind": "load", "option": "menu-shared-crowded"},
    title="Predict how many times as long Menu's tail becomes when Campaign shares its service",
    between=(0.1, 1e4),
    show=times,
)
def neighbour(records: Records) -> float | None:
    """Return how many times as long the shared service's p95 became."""
    return stretched(records, "shared")


@checkpoint(
    "s.platform.isolated",
    points=2,
    title="Say what a neighbour does to Menu's tail, shared and apart",
    hint="`crowded[kind].percentile(95)` over `alone[kind].percentile(95)`.",
)
def isolated(records: Records) -> Verdict:
    """Judge both ratios."""
    given = records.answer("s.platform.isolated")
    if given is None:
        return unanswered()
    for kind in ("shared", "own"):
        right = stretched(records, kind)
        if right is None:
            return failed(_NOT_RUN)
        if is_close(given[kind], right, within=0.02):
            continue
        if is_close(given[kind], 1 / right, within=0.02):
            return failed(f"{kind}: turned around; beside Campaign over alone.", times(right), times(given[kind]))
        return failed(f"{kind}: divide the 95th percentiles of its two records.", times(right), f"{given[kind]:.3g}")
    return passed("What is not shared is not disturbed.", ", ".join(f"{kind} {times(given[kind])}" for kind in given))


@checkpoint(
    "s.platform.crash",
    title="Say what Menu felt of a crash, in its own service and in the neighbour's",
    hint="`len(run.load.failures)` and `max(run.samples)` of both records in `fell`.",
)
def crash(records: Records) -> Verdict:
    """Judge failures and slowest answers of both runs."""
    given = records.answer("s.platform.crash")
    if given is None:
        return unanswered()
    expected = []
    for kind in ("own", "shared"):
        run = records.latest(kind="load", option=f"menu-{kind}-crash")
        if run is None:
            return failed(_NOT_RUN)
        count, slowest_s = len(run.load.failures), max(run.samples)
        told = given[kind]
        if told["failed"] != count:
            return failed(f"{kind}: count `run.load.failures`.", f"{count} failed", f"{told['failed']}")
        if is_close(told["slowest_s"], slowest_s * 1000, within=0.01):
            return failed(f"{kind}: in seconds, please.", milliseconds(slowest_s), f"{told['slowest_s']:.4g}")
        if not is_close(told["slowest_s"], slowest_s, within=0.01):
            return failed(f"{kind}: the largest sample.", milliseconds(slowest_s), f"{told['slowest_s']:.4g} s")
        expected.append(f"{kind}: {count} failed, slowest {milliseconds(slowest_s)}")
    return passed("A process is a wall; an address that outlives it is a door that stays open.", "; ".join(expected))


@checkpoint(
    "s.platform.template",
    points=2,
    title="Turn an objective into copies and a queue by hand",
    hint="150 photos a second at 5 ms keep one copy busy for 75 % of the time. Two?",
    needs=({"kind": "load", "option": "menu-own-crash"},),
)
def template(records: Records) -> Verdict:
    """Judge copies and queue."""
    given = records.answer("s.platform.template")
    if given is None:
        return unanswered()
    copies = next(count for count in range(1, 100) if _RATE_RPS * _SERVICE_S / count <= _BUSY)
    # Rounded first: 0.095 / 0.005 is not 19 to a computer.
    queue_limit = int(round(copies * (_LATENCY_S - _SERVICE_S) / _SERVICE_S, 6))
    expected, yours = (
        f"{copies} copies, {queue_limit} waiting",
        f"{given['copies']} copies, {given['queue_limit']} waiting",
    )
    if given["copies"] == 1:
        return failed(
            "One copy would be busy for 75 % of the time, and 70 % is the most that is planned.", expected, yours
        )
    if given["copies"] != copies:
        return failed("As few copies as keep each busy for at most 70 %.", expected, yours)
    if abs(given["queue_limit"] - queue_limit / copies) <= 1:
        return failed("This is what one copy works off in 95 ms; both take from the queue.", expected, yours)
    # Nobody fails over the last request in the queue.
    if abs(given["queue_limit"] - queue_limit) > 1:
        return failed("Each copy works off a photo every 5 ms, for 95 ms.", expected, yours)
    return passed("Whoever would stand further back gets an answer at once: no.", expected, yours)
