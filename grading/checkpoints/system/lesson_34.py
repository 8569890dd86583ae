"""Dynamic batching: a stanza that the real Triton loads, what it made of the queue, and who pays for the delay."""

from __future__ import annotations

import math

import numpy as np

from grading.checkpoints import (
    Mistake,
    Verdict,
    artefact_question,
    failed_as,
    function_question,
    passed,
    prediction,
)
from grading.checkpoints.system.lesson_33 import GOOD, ratio_of_rates
from labs.display.format import times
from labs.records import Records

#: What the lesson asks for.
SIZES, DELAY_US = [4, 8], 5000

_BATCHED = {"kind": "load", "option": "batched-8"}


@prediction(
    "s.batching.gain_guess",
    about=_BATCHED,
    title="Predict how many times as many answers dynamic batching gives",
    between=(0.05, 100),
    show=times,
)
def gain_guess(records: Records) -> float | None:
    """Return answers a second with dynamic batching over those without."""
    return ratio_of_rates(records, "batched-8", "plain-8")


@prediction(
    "s.batching.alone_guess",
    about={"kind": "load", "option": "alone-delay-50"},
    title="Predict how many times as long one client alone waits with a delay of 50 ms",
    between=(0.05, 1000),
    show=times,
)
def alone(records: Records) -> float | None:
    """Return the median latency with the delay over that without."""
    runs = [records.latest(kind="load", option=f"alone-delay-{ms}") for ms in (50, 0)]
    return None if None in runs else runs[0].percentile(50) / runs[1].percentile(50)


def inspect_batching(folder) -> dict:
    """Return what the real Triton says of a model's folder, and which batches it makes of eight clients' requests."""
    from labs.serve.triton.trial import tried

    return tried(folder)


_STANZA = {"preferred_batch_size": SIZES, "max_queue_delay_microseconds": DELAY_US}
_GOOD = {**GOOD, "dynamic_batching": _STANZA, "batch_sizes": {"4": 8, "8": 2}}


@artefact_question(
    "s.batching.config",
    points=3,
    title="Write a dynamic_batching stanza",
    inspect=inspect_batching,
    hints=(
        "Two fields within braces; a list stands in brackets; the delay is in microseconds.",
        "`dynamic_batching { preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: … }`: 5 ms are 5000 of them.",
    ),
    mistakes={
        "not loaded": "Triton does not load this configuration; its reason stands below.",
        "no stanza": "Triton serves it without dynamic batching: is the stanza in the file?",
        "another delay": "The delay that Triton serves is not 5 milliseconds: it counts in microseconds.",
        "other sizes": "The preferred sizes that Triton serves are not 4 and 8.",
        "wrong answers": "Requests in a batch get no answer, or another's: mend `execute` of lesson 33.",
    },
    examples={
        "good": _GOOD,
        "not loaded": {"loaded": False, "reason": "config.pbtxt, line:column 13:3"},
        "no stanza": {**GOOD, "batch_sizes": {"1": 48}},
        "another delay": {**_GOOD, "dynamic_batching": {**_STANZA, "max_queue_delay_microseconds": 5}},
        "other sizes": {**_GOOD, "dynamic_batching": {**_STANZA, "preferred_batch_size": [16]}},
        "wrong answers": {**_GOOD, "burst": 12},
    },
)
def batching_config(facts: dict, records: Records) -> Verdict:
    """Judge the stanza that Triton serves, that batches come of it, and that each request still gets its own answer."""
    if not facts["loaded"]:
        return failed_as("not loaded", yours=facts["reason"])
    stanza = facts.get("dynamic_batching")
    if not stanza:
        return failed_as("no stanza")
    delay_us = int(stanza["max_queue_delay_microseconds"])
    if delay_us != DELAY_US:
        return failed_as("another delay", yours=f"{delay_us} microseconds")
    if sorted(stanza["preferred_batch_size"]) != SIZES:
        return failed_as("other sizes", yours=f"{stanza['preferred_batch_size']}")
    if facts["burst"] < facts["sent"] * (facts["asked"] - 1) // facts["asked"]:
        return failed_as("wrong answers", yours=f"{facts['burst']} of {facts['sent']} right")
    made = ", ".join(f"{count} × {size}" for size, count in facts["batch_sizes"].items())
    return passed(f"Triton made these batches of {facts['sent']} requests: {made}.")


def _reading(runs: dict[int, int]) -> dict:
    rows = [
        {"batch_size": size, "compute_infer": {"count": count, "ns": count * 10**7}} for size, count in runs.items()
    ]
    images = sum(size * count for size, count in runs.items())
    entry = {"name": "food_classifier", "inference_count": images, "execution_count": sum(runs.values())}
    return {"model_stats": [{**entry, "batch_stats": rows}]}


def _readings(random: np.random.Generator) -> list[tuple]:
    cases = []
    for earlier, sizes in (((), (1, 3, 4)), ((1, 2), (1, 2, 8)), ((4,), (4, 5, 7, 16))):
        before = {size: int(random.integers(5, 40)) for size in earlier}
        after = {size: before.get(size, 0) + int(random.integers(1, 60)) for size in sizes}
        cases.append((_reading(before), _reading(after)))
    still = _reading({1: 4, 8: 3})
    return [*cases, (still, still)]


def _own_readings(records: Records) -> list[tuple]:
    made = records.latest(**_BATCHED).load.server.batches
    return [(_reading({}), _reading({int(size): count for size, count in made.items()}))]


def _runs(reading: dict) -> dict[int, int]:
    return {one["batch_size"]: one["compute_infer"]["count"] for one in reading["model_stats"][0]["batch_stats"]}


def _images(runs: dict[int, int]) -> int:
    return sum(size * count for size, count in runs.items())


def _mean(before: dict, after: dict) -> float:
    first, last = _runs(before), _runs(after)
    executions = sum(last.values()) - sum(first.values())
    return (_images(last) - _images(first)) / executions if executions else 0.0


@function_question(
    "s.batching.mean",
    points=2,
    title="Say how many images an execution held on average",
    hints=(
        "Executions of a size are its later count minus its earlier one; a size may be missing in the earlier reading.",
        "Images are the sum of size × executions; divide by the sum of executions.",
    ),
    cases=_readings,
    own=_own_readings,
    needs=(_BATCHED,),
    mistakes=(
        Mistake(
            "since loading",
            lambda before, after: _images(_runs(after)) / sum(_runs(after).values()),
            "This is the mean since the model was loaded: take away what was counted before.",
        ),
        Mistake(
            "mean of sizes",
            lambda before, after: sum(_runs(after)) / len(_runs(after)),
            "Sizes that were made often count more often.",
        ),
        Mistake(
            "turned",
            lambda before, after: 1 / _mean(before, after) if _mean(before, after) else 0.0,
            "Turned around: these are executions for an image.",
        ),
    ),
    right="Above 1 the queue was used.",
)
def mean_batch(before: dict, after: dict) -> float:
    """Return the mean number of images in an execution between two readings."""
    return _mean(before, after)


def _arrivals(random: np.random.Generator) -> list[tuple]:
    rates = [float(one) for one in random.uniform(5, 3000, 4)]
    delays = [int(one) for one in random.integers(50, 60_000, 4)]
    return [*zip(rates, delays, strict=True), (100, 5000), (20, 50_000), (500, 100), (100, 0)]


@function_question(
    "s.batching.company",
    points=2,
    title="Say how probable company within the delay is",
    hints=(
        "Somebody comes unless nobody comes.",
        "`1 - math.exp(-rate_rps * delay_us * 1e-6)`.",
    ),
    cases=_arrivals,
    needs=(_BATCHED,),
    mistakes=(
        Mistake(
            "expected number",
            lambda rate_rps, delay_us: rate_rps * delay_us * 1e-6,
            "This is how many are expected in that time, and it may exceed 1; a probability is asked for.",
        ),
        Mistake(
            "nobody",
            lambda rate_rps, delay_us: math.exp(-rate_rps * delay_us * 1e-6),
            "This is the probability that nobody comes.",
        ),
        Mistake(
            "milliseconds",
            lambda rate_rps, delay_us: 1 - math.exp(-rate_rps * delay_us * 1e-3),
            "The delay is in microseconds: a million of them make a second.",
        ),
        Mistake(
            "mean gap",
            lambda rate_rps, delay_us: float(1 / rate_rps < delay_us * 1e-6),
            "This compares the mean gap with the delay. Gaps vary: some are shorter on the quietest server.",
        ),
    ),
    right="On a quiet server the delay is paid and hardly used.",
)
def company(rate_rps: float, delay_us: float) -> float:
    """Return the probability that another request arrives within the delay."""
    return 1 - math.exp(-rate_rps * delay_us * 1e-6)
