"""Compare queueing theory with measurements: the wait, its assumptions, Little's law, batches, and what fails."""

from __future__ import annotations

from statistics import mean

import numpy as np

from grading.checkpoints import (
    Mistake,
    Verdict,
    checkpoint,
    close,
    failed_as,
    function_question,
    missing,
    passed,
    prediction,
)
from grading.checkpoints.system.runs import compute_s
from labs.display.format import times
from labs.records import Measurement, Records

_ALONE = {"kind": "load", "option": "theory-1", "concurrency": 1}
_OVER = {"kind": "load", "option": "theory-over"}
_BATCH = {"kind": "load", "option": "theory-batch", "batch_size": 16}
_PAIR = {"kind": "load", "option": "theory-2"}

_WHERE = ("in every run", "only where answers keep up with arrivals", "in no run")
_LOAD = "service time does not depend on the load"
_ASSUMPTIONS = ("Poisson arrivals", _LOAD, "the queue settles", "none")

#: A service time that grew by less than this is the same one.
_SAME = 1.05
#: Words of a reason below which it says too little.
_FEWEST_WORDS = 6


@prediction(
    "s.theory.ninety_guess",
    about={"kind": "load", "option": "theory-1"},
    title="Predict how many times as long a request takes at nine tenths of the capacity as at half of it",
    between=(0.1, 1000),
    show=times,
)
def ninety(records: Records) -> float | None:
    """Return the mean latency of the sweep's last run over that of its second."""
    runs = newest_sweep(records, "theory-1")
    return mean(runs[4].samples) / mean(runs[1].samples) if runs else None


def newest_sweep(records: Records, option: str, rates: int = 5) -> list[Measurement]:
    """Return the newest runs of an open loop, as many as the lesson's sweep has rates; none while one is missing."""
    runs = [one for one in records.measurements(kind="load", option=option) if one.load.mode == "open"]
    return runs[-rates:] if len(runs) >= rates else []


def lone_run(records: Records) -> Measurement | None:
    """Return the newest run with one client and one image a request."""
    runs = records.measurements(kind="load", option="theory-1", batch_size=1)
    return next((one for one in reversed(runs) if one.load.mode == "closed" and one.load.server), None)


def due_rps(record: Measurement) -> float:
    """Return the requests a second that were due."""
    return (len(record.samples) + len(record.load.failures)) / record.load.duration_s


def _queues(random: np.random.Generator) -> list[tuple]:
    made = [(100.0, 0.01, 0.0), (240.0, 0.005, 1.0)]
    for variability, low in ((0.0, 0.3), (1.0, 0.5), (0.25, 0.7), (0.0, 0.9), (1.0, 0.85)):
        service_s, rho = float(random.uniform(0.002, 0.05)), low + float(random.uniform(0, 0.08))
        made.append((rho / service_s, service_s, variability))
    return made


def _own_queues(records: Records) -> list[tuple]:
    service_s = compute_s(lone_run(records))
    return [(due_rps(run), service_s, 0.0) for run in newest_sweep(records, "theory-1")]


def _unchecked_wait(rate_rps: float, service_s: float, variability: float) -> float:
    rho = rate_rps * service_s
    return rho * service_s / (1 - rho) * (1 + variability) / 2


@function_question(
    "s.theory.wait",
    points=3,
    title="Write the mean wait in front of one server, and refuse a queue that grows without end",
    hints=(
        "First ρ; where it is 1 or more, `raise ValueError`. Then the formula, factor by factor.",
        "`rho * service_s / (1 - rho) * (1 + variability) / 2`, after `if rho >= 1: raise ValueError(…)`.",
    ),
    cases=_queues,
    own=_own_queues,
    mistakes=(
        Mistake(
            "no limit",
            _unchecked_wait,
            "Below ρ = 1 it is right. From 1 on the formula gives a negative wait, or divides by zero: raise "
            "ValueError there.",
        ),
        Mistake(
            "above one only",
            lambda rate_rps, service_s, variability: (
                _unchecked_wait(rate_rps, service_s, variability)
                if rate_rps * service_s <= 1
                else mean_wait_s(rate_rps, service_s, variability)
            ),
            "At ρ = 1 exactly the queue does not settle either: refuse it too.",
        ),
        Mistake(
            "latency",
            lambda rate_rps, service_s, variability: mean_wait_s(rate_rps, service_s, variability) + service_s,
            "This is wait and service together; the wait alone is asked for.",
        ),
        Mistake(
            "M/M/1",
            lambda rate_rps, service_s, variability: mean_wait_s(rate_rps, service_s, 1.0),
            "This is M/M/1 whatever the service time does. Constant service halves the wait.",
        ),
        Mistake(
            "one service short",
            lambda rate_rps, service_s, variability: mean_wait_s(rate_rps, service_s, variability) / service_s,
            "This counts waits in service times. Multiply by `service_s`.",
        ),
    ),
    right="The factor 1 / (1 - ρ) is the story of the last ten percent.",
)
def mean_wait_s(rate_rps: float, service_s: float, variability: float) -> float:
    """Return the mean wait in seconds."""
    if rate_rps * service_s >= 1:
        raise ValueError("the queue grows without end")
    return _unchecked_wait(rate_rps, service_s, variability)


def _runs(random: np.random.Generator) -> list[tuple]:
    made = []
    # Utilization by the service time alone, share that is answered, growth of the service time.
    for rho, kept, grown in (
        (0.5, 1.0, 1.03),
        (0.7, 0.98, 0.95),
        (0.8, 1.0, 1.3),
        (0.6, 1.0, 0.8),
        (0.9, 0.85, 1.05),
        (1.02, 0.96, 1.02),
        (1.3, 0.7, 1.5),
    ):
        alone_s = float(random.uniform(0.002, 0.02))
        due = rho * float(random.uniform(0.99, 1.01)) / alone_s
        made.append((due, kept * due, alone_s, grown * alone_s))
    return made


def _own_runs(records: Records) -> list[tuple]:
    alone_s = compute_s(lone_run(records))
    runs = [*newest_sweep(records, "theory-1"), records.latest(**_OVER)]
    return [(due_rps(run), run.throughput_rps.value, alone_s, compute_s(run)) for run in runs]


@function_question(
    "s.theory.applies",
    points=3,
    title="Write the test of the formula's three assumptions",
    hints=(
        "Three conditions, joined by `and`; each of them can be False alone.",
        "`due_rps * alone_s < 1`, `answered_rps >= 0.95 * due_rps`, `abs(loaded_s / alone_s - 1) <= 0.1`.",
    ),
    cases=_runs,
    own=_own_runs,
    needs=(_ALONE,),
    compare=lambda given, wanted: given is wanted,
    mistakes=(
        Mistake(
            "utilization only",
            lambda due_rps, answered_rps, alone_s, loaded_s: due_rps * alone_s < 1,
            "This asks for the utilization only. Does the server keep up, and does the service time stay what it was?",
        ),
        Mistake(
            "service time not asked",
            lambda due_rps, answered_rps, alone_s, loaded_s: due_rps * alone_s < 1 and answered_rps >= 0.95 * due_rps,
            "The service time under load is not looked at.",
        ),
        Mistake(
            "slower only",
            lambda due_rps, answered_rps, alone_s, loaded_s: (
                due_rps * alone_s < 1 and answered_rps >= 0.95 * due_rps and loaded_s <= 1.1 * alone_s
            ),
            "A service time that became shorter is another one too: within 10 % on both sides.",
        ),
        Mistake(
            "busy by answers",
            lambda due_rps, answered_rps, alone_s, loaded_s: (
                answered_rps * alone_s < 1 and answered_rps >= 0.95 * due_rps and abs(loaded_s / alone_s - 1) <= 0.1
            ),
            "What is answered can hardly keep a server busier than always. Take what is due.",
        ),
        Mistake(
            "any of them",
            lambda due_rps, answered_rps, alone_s, loaded_s: (
                due_rps * alone_s < 1 or answered_rps >= 0.95 * due_rps or abs(loaded_s / alone_s - 1) <= 0.1
            ),
            "All three have to hold: `and`, not `or`.",
        ),
    ),
)
def applies(due_rps: float, answered_rps: float, alone_s: float, loaded_s: float) -> bool:
    """Return whether a run meets the three assumptions."""
    return due_rps * alone_s < 1 and answered_rps >= 0.95 * due_rps and abs(loaded_s / alone_s - 1) <= 0.1


def _stays(random: np.random.Generator) -> list[tuple]:
    made = [(np.array([0.0, 0.25, 0.5]), np.array([0.5, 0.5, 1.5]), 1.0)]
    for count, longest_s in ((20, 0.05), (60, 0.4), (40, 2.0), (120, 0.2)):
        begins_s = np.sort(random.uniform(0, 2.0, count))
        made.append((begins_s, random.uniform(0.01, longest_s, count) * (0.5 + begins_s), 2.0))
    return made


def _own_stays(records: Records) -> list[tuple]:
    runs = [*newest_sweep(records, "theory-1")[-1:], records.latest(**_OVER)]
    return [(np.array(run.load.offsets_s), np.array(run.samples), run.load.duration_s) for run in runs]


@function_question(
    "s.theory.inside",
    points=3,
    title="Count the mean number of requests inside",
    hints=(
        "Each request adds the seconds that it is inside and looked at; the sum over the duration is the mean.",
        "`np.minimum(begins_s + latencies_s, duration_s) - begins_s` are these seconds.",
    ),
    cases=_stays,
    own=_own_stays,
    needs=(_OVER,),
    mistakes=(
        Mistake(
            "not cut",
            lambda begins_s, latencies_s, duration_s: float(latencies_s.sum() / duration_s),
            "This is Little's law itself: it counts what requests do after `duration_s` too. Cut them off there.",
        ),
        Mistake(
            "finished only",
            lambda begins_s, latencies_s, duration_s: float(
                latencies_s[begins_s + latencies_s <= duration_s].sum() / duration_s
            ),
            "Requests that end later were inside too, until `duration_s`.",
        ),
        Mistake(
            "at the end",
            lambda begins_s, latencies_s, duration_s: float((begins_s + latencies_s > duration_s).sum()),
            "This is how many are inside at the end. The mean over the whole time is asked for.",
        ),
        Mistake(
            "mean latency",
            lambda begins_s, latencies_s, duration_s: float(latencies_s.mean()),
            "These are the seconds that a request stays. How many are inside at once?",
        ),
    ),
    right="Counted, so that the law can be tested.",
)
def mean_inside(begins_s: np.ndarray, latencies_s: np.ndarray, duration_s: float) -> float:
    """Return the mean number inside."""
    return float((np.minimum(begins_s + latencies_s, duration_s) - begins_s).sum() / duration_s)


def law_over_count(record: Measurement) -> float:
    """Return what Little's law says of a run over what is counted in it."""
    begins_s, latencies_s = np.array(record.load.offsets_s), np.array(record.samples)
    counted = mean_inside(begins_s, latencies_s, record.load.duration_s)
    return float(latencies_s.sum()) / record.load.duration_s / counted


@checkpoint(
    "s.theory.overload",
    points=2,
    title="Say where Little's law may be used",
    form={"where": _WHERE, "reason": str},
    needs=(_OVER, _ALONE),
    hints=(
        "Compare the columns `counted` and `by the law` of the last row, and of the others.",
        "In which row are fewer answered in a second than are due?",
    ),
    mistakes={
        "everywhere": "In the overloaded run the law says clearly more than is counted.",
        "nowhere": "In runs where answers keep up with arrivals the two agree.",
        "no reason": "The reason says too little: what happens to requests that are inside at the end?",
    },
)
def overload(records: Records) -> Verdict:
    """Judge by the overloaded run whether the law failed there; a person reads the reason."""
    given, over = records.answer("s.theory.overload"), records.latest(**_OVER)
    if over.throughput_rps.value >= 0.95 * due_rps(over) or law_over_count(over) < 1.1:
        return missing("The run `theory-over` kept up: repeat it at a higher rate.")
    if given["where"] != _WHERE[1]:
        return failed_as("everywhere" if given["where"] == _WHERE[0] else "nowhere")
    if len(given["reason"].split()) < _FEWEST_WORDS:
        return failed_as("no reason")
    return passed("A person reads the reason.", f"overloaded, the law says × {law_over_count(over):.2f} of the count")


def _batches(random: np.random.Generator) -> list[tuple]:
    made = []
    # Requests that arrive during the fixed part, and during one image's part.
    for fixed, per_image in ((2.0, 0.5), (0.3, 0.4), (3.0, 0.9), (1.0, 1.2), (4.0, 0.2), (2.5, 0.7)):
        rate_rps, drift = float(random.uniform(50, 800)), float(random.uniform(0.97, 1.03))
        made.append((rate_rps, drift * fixed / rate_rps, per_image / rate_rps, int(random.choice([16, 12]))))
    return made


def _own_batches(records: Records) -> list[tuple]:
    runs = [lone_run(records), *(records.latest(**{**_BATCH, "batch_size": size}) for size in (4, 16))]
    seconds = np.array([compute_s(run) for run in runs])
    per_image_s, fixed_s = np.maximum(np.polyfit([1, 4, 16], seconds, 1, w=1 / seconds), 0)
    return [
        (run.load.offered_rps, float(fixed_s), float(per_image_s), 16)
        for run in newest_sweep(records, "theory-batched", 2)
    ]


def _settled(rate_rps: float, fixed_s: float, per_image_s: float) -> float:
    return rate_rps * fixed_s / (1 - rate_rps * per_image_s)


@function_question(
    "s.theory.batch",
    points=3,
    title="Write the size at which batches settle",
    hints=(
        "b = λ · (fixed + per image · b): bring b to one side. What if λ · per image is 1 or more?",
        "`rate_rps * fixed_s / (1 - rate_rps * per_image_s)`, kept between 1 and `largest`.",
    ),
    cases=_batches,
    own=_own_batches,
    needs=(_BATCH,),
    mistakes=(
        Mistake(
            "no bounds",
            lambda rate_rps, fixed_s, per_image_s, largest: _settled(rate_rps, fixed_s, per_image_s),
            "The solution is right where there is one. A batch has at least one image, and at most `largest`.",
        ),
        Mistake(
            "negative becomes one",
            lambda rate_rps, fixed_s, per_image_s, largest: min(
                max(_settled(rate_rps, fixed_s, per_image_s), 1.0), float(largest)
            ),
            "Where more than one request arrives during one image's part, the equation has no solution above zero: "
            "batches are full.",
        ),
        Mistake(
            "batches of one",
            lambda rate_rps, fixed_s, per_image_s, largest: min(
                max(rate_rps * (fixed_s + per_image_s), 1.0), float(largest)
            ),
            "These arrive during a batch of *one* image. The batch that they make takes longer itself.",
        ),
        Mistake(
            "fixed part only",
            lambda rate_rps, fixed_s, per_image_s, largest: min(max(rate_rps * fixed_s, 1.0), float(largest)),
            "These arrive during the fixed part only.",
        ),
    ),
    compare=close(rel=1e-3),
    right="Nobody chose a size: the rate did.",
)
def mean_batch(rate_rps: float, fixed_s: float, per_image_s: float, largest: int) -> float:
    """Return the size at which batches settle."""
    if rate_rps * per_image_s >= 1:
        return float(largest)
    return float(min(max(_settled(rate_rps, fixed_s, per_image_s), 1), largest))


@checkpoint(
    "s.theory.fails",
    points=2,
    title="Say which assumption two instances break",
    form={"assumption": _ASSUMPTIONS, "reason": str},
    needs=(_ALONE, _PAIR),
    hints=(
        "Four clients who wait for their answers: what should the service time do when a second instance is there?",
        "Read the factor that the cell above printed.",
    ),
    mistakes={
        "another": "Look at the factor of the service time: which assumption does it speak of?",
        "no reason": "The reason says too little: what do two instances on this machine share?",
    },
)
def fails(records: Records) -> Verdict:
    """Judge by the growth of the service time; a person reads the reason."""
    given = records.answer("s.theory.fails")
    alone, pair = lone_run(records), records.latest(**_PAIR)
    growth = compute_s(pair) / compute_s(alone)
    if given["assumption"] != (_LOAD if growth > _SAME else "none"):
        return failed_as("another")
    if len(given["reason"].split()) < _FEWEST_WORDS:
        return failed_as("no reason")
    return passed("A person reads the reason.", f"service time {times(growth)}")
