"""Decide: three goals on one frontier, a design for each of three customers, and what the figures do not say."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from grading.checkpoints import (
    Example,
    Mistake,
    Verdict,
    artefact_question,
    checkpoint,
    failed,
    failed_as,
    function_question,
    missing,
    passed,
)
from grading.checkpoints.artefacts import SUBJECT
from grading.checkpoints.start.lesson_02 import (
    BATCH,
    LATENCY,
    PIXELS,
    THROUGHPUT,
    on_demand,
    precomputed,
    rates_of,
    waits_h,
)
from grading.checkpoints.start.lesson_02_network import over_link_s
from grading.checkpoints.values import is_close
from labs.records import Observation, Records
from labs.records.customers import (
    BOARD_TIMES_AS_LONG,
    BOARD_USD_PER_DAY,
    CUSTOMERS,
    FIBRE_MBIT_S,
    JOB_START_S,
    MOST_BUSY,
    ROUND_TRIPS,
    RUNS_PER_DAY,
    SERVER_USD_PER_H,
    Customer,
    customer,
)

_DECISIONS = "start.serving.decisions"
_COLUMNS = ("customer", "design", "pixels", "wait_s", "usd_per_day")
#: Fewest words of a reason; fewer do not give one.
_FEWEST_WORDS = 12

Design = dict


def designs(one: Customer, rates: Mapping[int, Mapping[str, float]]) -> list[Design]:
    """Return every design for a customer in every size that was measured, with its wait, cost and accuracy."""
    arrivals_h = np.concatenate([hour + (np.arange(n) + 0.5) / n for hour, n in enumerate(one.photos_per_h) if n])
    asked = np.array(one.photos_per_h) * one.asked_share
    made = []
    for pixels, rate in rates.items():
        latency_s = rate["latency_s"]
        found = {}
        for runs in RUNS_PER_DAY:
            wait_s = 3600 * float(np.max(waits_h(arrivals_h, 24 / runs, rate["fps"])))
            cost = precomputed(len(arrivals_h), asked.sum(), runs, JOB_START_S, rate["fps"], SERVER_USD_PER_H)
            found[f"batch {runs} a day"] = (wait_s, cost["usd"])
        sent_s = over_link_s(one.photo_mb, one.upload_mbit_s, one.round_trip_s, ROUND_TRIPS, latency_s)
        found["cloud"] = (sent_s, on_demand(asked, latency_s, MOST_BUSY, SERVER_USD_PER_H)["usd"])
        found["device"] = (BOARD_TIMES_AS_LONG * latency_s, one.sites * BOARD_USD_PER_DAY)
        for design, (wait_s, usd) in found.items():
            made.append(
                {"design": design, "pixels": pixels, "wait_s": wait_s, "usd_per_day": usd, "accuracy": rate["accuracy"]}
            )
    return made


def _beaten(option: Sequence[float], others: Sequence[Sequence[float]]) -> bool:
    return any(
        o[0] <= option[0] and o[1] <= option[1] and o[2] >= option[2] and list(o) != list(option) for o in others
    )


def _less_accurate(options: Sequence[Sequence[float]]) -> list[int]:
    return on_frontier([(wait_s, usd, -accuracy) for wait_s, usd, accuracy in options])


def _better_in_all(options: Sequence[Sequence[float]]) -> list[int]:
    return [
        place
        for place, one in enumerate(options)
        if not any(o[0] < one[0] and o[1] < one[1] and o[2] > one[2] for o in options)
    ]


def _without_twins(options: Sequence[Sequence[float]]) -> list[int]:
    return [
        place
        for place, one in enumerate(options)
        if not any(
            o[0] <= one[0] and o[1] <= one[1] and o[2] >= one[2] for other, o in enumerate(options) if other != place
        )
    ]


def _best_in_one(options: Sequence[Sequence[float]]) -> list[int]:
    best = (min(o[0] for o in options), min(o[1] for o in options), max(o[2] for o in options))
    return [place for place, one in enumerate(options) if any(a == b for a, b in zip(one, best, strict=True))]


def _choices(random: np.random.Generator) -> list[tuple]:
    cases = []
    while len(cases) < 5:
        count = int(random.integers(6, 9))
        options = [
            [int(wait_s), int(usd), round(0.6 + 0.05 * int(level), 2)]
            for wait_s, usd, level in random.integers(1, 6, (count, 3))
        ]
        kept = on_frontier(options)
        options.append(list(options[kept[0]]))
        wrong = [one(options) for one in (_less_accurate, _better_in_all, _without_twins, _best_in_one)]
        if on_frontier(options) not in wrong:
            cases.append((options,))
    return cases


def _own_choices(records: Records) -> list[tuple]:
    rates = rates_of(records)
    found = [[[o["wait_s"], o["usd_per_day"], o["accuracy"]] for o in designs(one, rates)] for one in CUSTOMERS[1:]]
    return [(options,) for options in found if options]


@function_question(
    "start.serving.frontier",
    points=2,
    title="Find the designs that no other beats in all three goals",
    hints=(
        "For each option, is there another that is nowhere worse and somewhere better? Accuracy is better when larger.",
        "Nowhere worse: `o[0] <= a[0] and o[1] <= a[1] and o[2] >= a[2]`; somewhere better: `o` is not equal to `a`.",
    ),
    cases=_choices,
    own=_own_choices,
    needs=(LATENCY, THROUGHPUT),
    mistakes=(
        Mistake("less accuracy", _less_accurate, "Of wait and cost less is better, of accuracy more."),
        Mistake(
            "better in all",
            _better_in_all,
            "It need not be better in all three: nowhere worse and better in one is enough to beat another.",
        ),
        Mistake("twins", _without_twins, "Two options that are equal in all three do not beat each other: both stay."),
        Mistake(
            "best in one",
            _best_in_one,
            "The frontier holds compromises too: options that are best in nothing and yet beaten by none.",
        ),
    ),
    right="Whoever is beaten needs no discussion. All others are a matter of what the customer wants.",
)
def on_frontier(options: Sequence[Sequence[float]]) -> list[int]:
    """Return the places of the options that no other beats."""
    return [place for place, one in enumerate(options) if not _beaten(one, options)]


def decide(
    found: Sequence[Design], one: Customer, *, late: bool = False, coarse: bool = False, by: str = ""
) -> Design | None:
    """Return the cheapest design that keeps the customer's limits, of equals the most accurate, then the soonest.

    On a slow machine, or a busy one, it may be that none does: then None.

    Args:
        found: The customer's designs.
        one: The customer.
        late: Take no notice of how long it may take.
        coarse: Take no notice of the accuracy.
        by: What decides before the cost: 'accuracy' or 'wait_s'.
    """
    most = max(design["accuracy"] for design in found if design["pixels"] == PIXELS[0])
    kept = [
        design
        for design in found
        if (late or design["wait_s"] <= one.may_wait_s)
        # The difference of two shares is not exact.
        and (coarse or design["accuracy"] >= most - one.may_lose - 1e-9)
    ]
    first = {"": lambda design: 0, "accuracy": lambda design: -design["accuracy"], "wait_s": lambda d: d["wait_s"]}[by]
    kept.sort(key=lambda d: (first(d), round(d["usd_per_day"], 9), -d["accuracy"], d["wait_s"]))
    return kept[0] if kept else None


def look_into(path: object) -> dict:
    """Return the rows of a CSV file as texts by column."""
    import csv

    with Path(str(path)).open(encoding="utf-8", newline="") as file:
        rows = [dict(row) for row in csv.DictReader(file)]
    return {"rows": [{str(name): str(value)[:80] for name, value in row.items()} for row in rows[:20]]}


#: What stands in the file where nothing keeps the limits: a word, and no pixels.
_NOTHING = ("none", 0)

#: What one might decide by instead.
_RULES = {
    "too late": {"late": True},
    "too coarse": {"coarse": True},
    "accuracy first": {"by": "accuracy"},
    "soonest": {"by": "wait_s"},
}
_RATES = {224: (0.020, 60.0, 82), 160: (0.011, 115.0, 79), 112: (0.006, 220.0, 60)}


@functools.lru_cache(maxsize=32)
def _answers(rates: tuple) -> dict[str, dict[str, Design | None]]:
    """Return the decisions by rule and customer; '' is the right rule. Checked again, the same rates cost nothing."""
    found = {one.name: designs(one, {pixels: dict(rate) for pixels, rate in rates}) for one in CUSTOMERS}
    return {
        rule: {one.name: decide(found[one.name], one, **how) for one in CUSTOMERS}
        for rule, how in ({"": {}} | _RULES).items()
    }


def _example(rule: str = "", *, factor: float = 1.0) -> Example:
    """Return what a file decides by a rule, with a machine's records beside it."""
    records = []
    for pixels, (latency_s, fps, right) in _RATES.items():
        option = f"pixels-{pixels}"
        records.append({"kind": "latency", "option": option, "samples": [latency_s] * 100})
        records.append({"kind": "throughput", "option": option, "samples": [BATCH / fps] * 20, "batch_size": BATCH})
        records.append({"kind": "accuracy", "option": option, "samples": [1.0] * right + [0.0] * (100 - right)})
    rates = tuple(
        (pixels, (("latency_s", latency_s), ("fps", fps), ("accuracy", right / 100)))
        for pixels, (latency_s, fps, right) in _RATES.items()
    )
    rows = []
    for name, taken in _answers(rates)[rule].items():
        written = {"customer": name, **taken, "usd_per_day": factor * taken["usd_per_day"]}
        rows.append({column: str(written[column]) for column in _COLUMNS})
    return Example({"rows": rows}, tuple(records))


@artefact_question(
    _DECISIONS,
    points=3,
    title="Decide for three customers, in a file",
    inspect=look_into,
    needs=(LATENCY, THROUGHPUT),
    hints=(
        "Drop what breaks a limit first, then sort what is left: cost, accuracy, wait.",
        '`kept.sort_values(["usd_per_day", "accuracy", "wait_s"], ascending=[True, False, True]).iloc[0]`.',
    ),
    mistakes={
        "too late": "A design is among them whose answer comes later than its customer may wait.",
        "too coarse": "A design is among them that loses more accuracy than its customer allows.",
        "accuracy first": "The most accurate was taken first; of those that keep the limits, take the cheapest.",
        "soonest": "The soonest was taken first. Sooner than the limit is worth nothing to a customer who pays for it.",
        "other figures": "The designs are right, and the figures beside them are not those of your records.",
    },
    examples={
        "good": _example(),
        **{rule: _example(rule) for rule in _RULES},
        "other figures": _example(factor=24.0),
    },
)
def decisions(facts: dict, records: Records) -> Verdict:
    """Judge that each customer gets the design that the rule gives, with its figures, by what was measured before."""
    rows = facts["rows"]
    if not rows or not set(_COLUMNS) <= set(rows[0]):
        return failed(f"The columns of the file are these: {', '.join(_COLUMNS)}.")
    rates = rates_of(_before(records, SUBJECT + _DECISIONS))
    if set(rates) != set(PIXELS):
        return missing("Not every size is measured in full yet: run the cell that measures, decide, and check again.")
    if sorted(row["customer"] for row in rows) != sorted(one.name for one in CUSTOMERS):
        return failed(f"One row for each customer is asked for: {', '.join(one.name for one in CUSTOMERS)}.")
    given = {row["customer"]: (row["design"], int(float(row["pixels"] or 0))) for row in rows}
    by_rule = _answers(tuple((pixels, tuple(rate.items())) for pixels, rate in rates.items()))
    names = {
        rule: {name: (taken["design"], taken["pixels"]) if taken else _NOTHING for name, taken in chosen.items()}
        for rule, chosen in by_rule.items()
    }
    if given != names[""]:
        for rule in _RULES:
            if given == names[rule]:
                return failed_as(rule)
        wrong = next(name for name in given if given[name] != names[""][name])
        return failed(f"The rule gives another design for one of them at least: look at `{wrong}` again.")
    for row in rows:
        taken = by_rule[""][row["customer"]]
        if taken and not all(is_close(float(row[name]), taken[name]) for name in ("wait_s", "usd_per_day")):
            return failed_as("other figures")
    return passed("Three customers, three designs, and a rule that anybody can check.")


def _before(records: Records, subject: str) -> Records:
    """Return the records until the newest observation of a subject: what is measured later changes no decision."""
    places = [place for place, one in enumerate(records) if isinstance(one, Observation) and one.subject == subject]
    return records[: places[-1] + 1] if places else records


@checkpoint(
    "start.serving.reason",
    points=2,
    title="Say what speaks for the device, and what against it, once the network is no obstacle",
    form={"choice": ("device", "cloud"), "cloud_s": float, "for_device": str, "against_device": str},
    needs=(LATENCY, {"subject": SUBJECT + _DECISIONS}),
    hints=(
        "`cloud_s` is your function's, over the fibre, with one round trip. For the reasons: what is in no table?",
        "`over_link_s(one.photo_mb, FIBRE_MBIT_S, one.round_trip_s, 1, latency_s)`, p95 at full size. Then think of "
        "faces in the queue, of an uplink that is down, of twelve computers to look after.",
    ),
    mistakes={"fresh connection": "That is a new connection for each photo: this one is kept open, one round trip."},
)
def reason(records: Records) -> Verdict:
    """Judge the figure by the records and that both sides have a reason; either choice passes."""
    given, one, rates = records.answer("start.serving.reason"), customer("canteens"), rates_of(records)
    if PIXELS[0] not in rates:
        return missing("The full size is not measured yet: run the cell that measures, then this check again.")
    by_trips = {
        trips: over_link_s(one.photo_mb, FIBRE_MBIT_S, one.round_trip_s, trips, rates[PIXELS[0]]["latency_s"])
        for trips in (1, ROUND_TRIPS)
    }
    if is_close(given["cloud_s"], by_trips[ROUND_TRIPS]):
        return failed_as("fresh connection")
    if not is_close(given["cloud_s"], by_trips[1]):
        return failed("`cloud_s` is not what the canteens' photo takes over the fibre, by your records.")
    for name in ("for_device", "against_device"):
        if len(given[name].split()) < _FEWEST_WORDS:
            return failed(f"`{name}` says too little to be a reason: {_FEWEST_WORDS} words or more.")
    return passed("Both sides are there. Show them to somebody who would decide otherwise.")
