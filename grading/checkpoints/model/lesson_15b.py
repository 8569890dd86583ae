"""Run on the server: the finalists, what is expected of them there, their race, and what came as a surprise."""

from __future__ import annotations

import numpy as np

from grading.checkpoints import (
    Mistake,
    Verdict,
    checkpoint,
    failed,
    failed_as,
    function_question,
    missing,
    passed,
    prediction,
)
from grading.checkpoints.model.lesson_16_choice import EPSILON, MAX_LOSS, accuracy_lost, here_of
from grading.checkpoints.values import is_close
from labs.display.format import milliseconds, times
from labs.records import Records
from labs.records.candidates import BASELINE, candidates, of_machine
from labs.records.options import dominates

#: Fewest words of a reason.
_FEWEST_WORDS = 8


def on_the_lease(records: Records) -> Records | None:
    """Return the records of the machine on which the finalists raced last, or None before that."""
    seen = records.seen("model.server_race")
    return None if seen is None else of_machine(records, seen["machine_id"])


@prediction(
    "m.lease.cpu_guess",
    about={"subject": "model.server_race"},
    title="Predict float32's latency on the node's processor",
    unit="ms",
    between=(0.1, 1000),
)
def cpu_latency(records: Records) -> float | None:
    """Return float32's median on the machine of the lease, in milliseconds."""
    there = on_the_lease(records)
    record = there and there.latest(kind="latency", option=BASELINE, batch_size=1)
    return 1e3 * record.percentile(50) if record else None


@checkpoint(
    "m.choose.finalists",
    points=2,
    title="Choose two to four finalists",
    form=[str],
    needs=({"kind": "latency", "option": BASELINE},),
    hints=(
        "Options of different kinds that lose no more than a point; float32 races anyway.",
        "From the table: first those with at least float32's accuracy less one point, then filled dots among them.",
    ),
    mistakes={
        "one option twice": "Two of them are the same file opened in the same way: that race would compare noise.",
        "too dear": "One of them loses more than a point of accuracy.",
        "all beaten": "All of them are beaten by others. Take at least one from the frontier.",
    },
)
def finalists(records: Records) -> Verdict:
    """Judge that two to four affordable, different options were named, one from the frontier among them."""
    names = [name for name in records.answer("m.choose.finalists") if name != BASELINE]
    here = here_of(records)
    found, left_out = candidates(here)
    if BASELINE not in found:
        return missing("`onnx-all` is not measured in full: run lesson 14 first.")
    if any("very same file" in left_out.get(name, "") for name in names) or len(set(names)) < len(names):
        return failed_as("one option twice")
    unknown = [name for name in names if name not in found]
    if unknown:
        return failed(f"`{unknown[0]}` cannot take part: {left_out.get(unknown[0], 'there is no such option')}.")
    if not 2 <= len(names) <= 4:
        return failed("Two to four besides float32: the race is short, and so is the manager's time.")
    if any(accuracy_lost(here, name) > MAX_LOSS + EPSILON for name in names):
        return failed_as("too dear")
    if all(any(dominates(other.summary, found[name].summary) for other in found.values()) for name in names):
        return failed_as("all beaten")
    return passed("A race worth watching.")


def latencies(random: np.random.Generator) -> list[tuple]:
    """Return three latencies each: an option's and float32's here, and float32's there."""
    cases = []
    for ratio, elsewhere in ((0.6, 3.2), (0.86, 0.4), (1.4, 2.5), (0.25, 1.0), (5.0, 0.7)):
        here_s = float(random.uniform(1e-3, 9e-3))
        cases.append((here_s * ratio, here_s, here_s * elsewhere * float(random.uniform(0.9, 1.1))))
    return cases


@function_question(
    "m.lease.expected",
    title="Carry a latency to another machine by its ratio",
    hints=(
        "What share of float32's time does the option take here?",
        "That share, of float32's time over there.",
    ),
    cases=latencies,
    mistakes=(
        Mistake(
            "turned around",
            lambda here_s, float32_here_s, float32_there_s: float32_here_s / here_s * float32_there_s,
            "Turned around: an option that is faster than float32 here would be expected to be slower there.",
        ),
        Mistake(
            "difference",
            lambda here_s, float32_here_s, float32_there_s: float32_there_s + here_s - float32_here_s,
            "This carries the difference in seconds: on a machine that is twice as slow, that doubles as well.",
        ),
        Mistake(
            "as it is",
            lambda here_s, float32_here_s, float32_there_s: here_s,
            "This is the latency here, as if both machines were alike.",
        ),
    ),
    right="A ratio travels better than a time.",
)
def expected_s(here_s: float, float32_here_s: float, float32_there_s: float) -> float:
    """Return the seconds to expect on the other machine."""
    return here_s / float32_here_s * float32_there_s


@checkpoint(
    "m.lease.race",
    evidence_only=True,
    title="Race your finalists beside float32 on one machine, the very files that were measured before",
    hints=(
        "The cells above do it; finalists of OpenVINO's provider race in its own environment.",
        "Choose two finalists or more, then run the two cells that begin with `predicted` and with `if len(sessions)`.",
    ),
    mistakes={
        "other bytes": "A file in this race is not the one that was measured before: push again, or race again.",
    },
)
def race(records: Records) -> Verdict:
    """Judge that options raced beside float32, in one image and in batches, from bytes that are known from before."""
    seen, there = records.seen("model.server_race"), on_the_lease(records)
    if seen is None:
        return missing("The finalists have not raced yet.")
    runs = [there.comparison(BASELINE, *seen["options"], kind=kind) for kind in ("latency", "throughput")]
    if None in runs or len(runs[0].options) < 2:
        return missing("Float32 and one finalist at least have to take turns, with one image and with 32.")
    for name in runs[0].options:
        before = records.first(kind="accuracy", option=name)
        if before is None or before.model.sha256 != runs[0].record(name).model.sha256:
            return failed_as("other bytes")
    return passed(
        "The same bytes, another machine.", f"{', '.join(runs[0].options)} on {runs[0].record(BASELINE).machine.label}"
    )


def factors_off(records: Records) -> dict[str, float]:
    """Return by what factor each expectation was off on the machine of the lease."""
    expected, there = records.seen("model.expected"), on_the_lease(records)
    found = {}
    for name, expected_there_s in (expected["p50_s"] if expected and there else {}).items():
        if record := there.latest(kind="latency", option=name, batch_size=1):
            measured_s = record.percentile(50)
            found[name] = max(expected_there_s / measured_s, measured_s / expected_there_s)
    return found


@checkpoint(
    "m.lease.surprise",
    points=2,
    title="Reconcile what was expected with what was measured",
    form={"option": str, "factor": float, "reason": str},
    needs=({"subject": "model.expected"}, {"subject": "model.server_race"}),
    hints=(
        "The table above: the largest number of its last column.",
        "A factor is above 1 whichever of the two is larger. The reason wants a sentence of its own.",
    ),
    mistakes={
        "not the largest": "Another expectation was off by more.",
        "turned around": "The factor is turned around: above 1, whichever of the two is larger.",
        "no reason": "The reason says too little: which difference between the two machines do you mean?",
    },
)
def surprise(records: Records) -> Verdict:
    """Judge option and factor by the records; a person reads the reason."""
    given, off = records.answer("m.lease.surprise"), factors_off(records)
    if not off:
        return missing("Nothing was measured yet of what was expected.")
    if given["option"] not in off:
        return failed("Name one of the options in the table.")
    if off[given["option"]] < max(off.values()) * 0.999:
        return failed_as("not the largest")
    if not is_close(given["factor"], off[given["option"]], within=0.02):
        return (
            failed_as("turned around")
            if is_close(1 / given["factor"], max(off.values()), within=0.02)
            else failed("The option is right; its factor is not the table's.")
        )
    if len(given["reason"].split()) < _FEWEST_WORDS:
        return failed_as("no reason")
    record = on_the_lease(records).latest(kind="latency", option=given["option"], batch_size=1)
    return passed(
        "An expectation that failed is the most useful line of the table. A person reads the reason.",
        f"{given['option']}: {milliseconds(record.percentile(50))}, off by {times(off[given['option']])}",
    )
