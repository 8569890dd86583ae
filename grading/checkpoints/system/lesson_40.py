"""Search for the best configuration: objective, cost, choice and search as functions, the proof, and other servers."""

from __future__ import annotations

import math
from statistics import median

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
from labs import stats
from labs.display.format import milliseconds
from labs.records import Measurement, Records
from labs.records.record import latency_interval

_CONFIGURATIONS = ("1x1", "1x2", "2x1", "2x1-batch8")
_SERVERS = ("tutorial app", "course service", "LitServe", "Ray Serve", "Triton")
_SEARCHED = {"kind": "load", "option": "best-1x1"}
_VERIFIED = {"kind": "load", "option": "best-verified"}
#: Words of a reason below which it says too little.
_FEWEST_WORDS = 6
#: Part of its upper end that the search's interval may be wide.
_WITHIN = 0.15


def look(record: Measurement) -> dict:
    """Return what ``meets`` asks about a run."""
    return {"latencies_s": np.array(record.samples), "failed": len(record.load.failures)}


def searched(records: Records) -> list[dict]:
    """Return what the newest search found about each configuration, from its own records."""
    found = []
    for option in _CONFIGURATIONS:
        runs = [one for one in records.measurements(kind="load", option=f"best-{option}") if "objective" in one.details]
        begin = max((place for place, one in enumerate(runs) if one.load.mode == "closed"), default=None)
        if begin is None:
            continue
        kept = [
            one.load.offered_rps for one in runs[begin + 1 :] if meets(look(one), one.details["objective"])
        ]  # fmt: skip
        price = runs[begin].details["price_per_hour"]
        found.append({"option": option, "kept_rps": max(kept, default=0.0), "price_per_hour": price})
    return found


@prediction(
    "s.best.guess",
    about=_SEARCHED,
    title="Predict which configuration is cheapest under the objective",
    choices=(*_CONFIGURATIONS, "none"),
)
def guess(records: Records) -> str | None:
    """Return the configuration that the newest search would choose."""
    found = searched(records)
    return (best(found) or "none") if found else None


def _kept_runs(random: np.random.Generator) -> list[tuple]:
    made = []
    # Of 400: the share that is late, the failed ones, and how late the late ones are.
    for late, failed, far, error_rate in (
        (0.02, 0, 3.0, 0.01),
        (0.08, 0, 1.2, 0.01),
        (0.04, 8, 1.5, 0.05),
        (0.00, 12, 1.0, 0.01),
        (0.02, 2, 9.0, 0.01),
        (0.03, 3, 40.0, 0.01),
        (0.00, 60, 1.0, 0.5),
    ):
        limit_s = float(random.uniform(0.02, 0.2))
        latencies_s = random.uniform(0.1, 0.95, 400 - failed) * limit_s
        slow = random.permutation(len(latencies_s))[: round(late * len(latencies_s))]
        latencies_s[slow] = limit_s * far * random.uniform(1.01, 1.2, len(slow))
        objective = {"latency_s": limit_s, "q": 95, "error_rate": error_rate}
        made.append(({"latencies_s": latencies_s, "failed": failed}, objective))
    # One that 95 of 100 answered requests keep, and 95 of 100 requests do not.
    latencies_s = np.concatenate([np.full(191, 0.01), np.full(9, 0.09)])
    made.append(({"latencies_s": latencies_s, "failed": 2}, {"latency_s": 0.05, "q": 95, "error_rate": 0.02}))
    return made


def _own_runs(records: Records) -> list[tuple]:
    runs = [one for one in records.measurements(kind="load") if one.option.startswith("best-")]
    objectives = [one.details["objective"] for one in runs if "objective" in one.details]
    return [(look(one), objectives[-1]) for one in runs[-4:]]


def _share_within(record: dict, objective: dict) -> float:
    return float(np.mean(np.asarray(record["latencies_s"]) <= objective["latency_s"]))


@function_question(
    "s.best.meets",
    points=3,
    title="Write whether a run kept the objective, failures counted",
    hints=(
        "Two conditions: so many of *all* requests within the limit, and not too many failed.",
        "`(latencies_s <= limit).sum() >= q / 100 * due` and `failed <= error_rate * due`; due: answered and failed.",
    ),
    cases=_kept_runs,
    own=_own_runs,
    mistakes=(
        Mistake(
            "failures forgotten",
            lambda record, objective: _share_within(record, objective) >= objective["q"] / 100,
            "This looks at the answered requests only. A server that rejects what it cannot answer would keep every "
            "objective.",
        ),
        Mistake(
            "percentile of the answered",
            lambda record, objective: (
                _share_within(record, objective) >= objective["q"] / 100
                and record["failed"] <= objective["error_rate"] * (len(record["latencies_s"]) + record["failed"])
            ),
            "The share within the limit is of all requests that were due: a failed one is a slow one.",
        ),
        Mistake(
            "error rate not asked",
            lambda record, objective: bool(
                (np.asarray(record["latencies_s"]) <= objective["latency_s"]).sum()
                >= objective["q"] / 100 * (len(record["latencies_s"]) + record["failed"])
            ),
            "How many failed is not compared with `error_rate`.",
        ),
        Mistake(
            "mean",
            lambda record, objective: float(np.mean(record["latencies_s"])) <= objective["latency_s"],
            "The mean is no percentile: half of the users may be far above it.",
        ),
        Mistake(
            "slowest",
            lambda record, objective: float(np.max(record["latencies_s"])) <= objective["latency_s"],
            "This asks for every request. The objective is for `q` of 100.",
        ),
    ),
)
def meets(record: dict, objective: dict) -> bool:
    """Return whether a run kept the objective."""
    latencies_s, failed = np.asarray(record["latencies_s"]), record["failed"]
    due = len(latencies_s) + failed
    within = (latencies_s <= objective["latency_s"]).sum()
    return bool(within >= objective["q"] / 100 * due and failed <= objective["error_rate"] * due)


def _rates(random: np.random.Generator) -> list[tuple]:
    made = [(0.0, 1.2), (100.0, 0.36)]
    return made + [(float(random.uniform(5, 900)), float(random.uniform(0.05, 4))) for _ in range(4)]


@function_question(
    "s.best.cost",
    title="Write what a million images cost",
    hints=(
        "How many seconds does a million take at this rate, and what does a second cost?",
        "`price_per_hour / 3600 / images_per_s * 1e6`, and infinity at a rate of 0.",
    ),
    cases=_rates,
    mistakes=(
        Mistake(
            "per second",
            lambda images_per_s, price_per_hour: price_per_hour / images_per_s * 1e6 if images_per_s > 0 else math.inf,
            "The price is for an hour, the rate for a second: 3,600 of these are an hour.",
        ),
        Mistake(
            "no zero",
            lambda images_per_s, price_per_hour: price_per_hour / 3600 / images_per_s * 1e6,
            "Where no image is answered, a million cost infinitely much: return `float('inf')`.",
        ),
        Mistake(
            "zero is free",
            lambda images_per_s, price_per_hour: (
                price_per_hour / 3600 / images_per_s * 1e6 if images_per_s > 0 else 0.0
            ),
            "A configuration that answers nothing is not for free: return `float('inf')`.",
        ),
        Mistake(
            "one image",
            lambda images_per_s, price_per_hour: price_per_hour / 3600 / images_per_s if images_per_s > 0 else math.inf,
            "This is the cost of one image.",
        ),
    ),
)
def cost_per_million(images_per_s: float, price_per_hour: float) -> float:
    """Return what a million images cost."""
    return price_per_hour / 3600 / images_per_s * 1e6 if images_per_s > 0 else math.inf


def _results(random: np.random.Generator) -> list[tuple]:
    made = []
    # Rate and price of the cheapest per image, of the fastest, of the one with the lowest price that answers little.
    for scale in (1.0, 2.5, 0.6):
        factor = scale * float(random.uniform(0.9, 1.1))
        rows = [
            {"option": "small", "kept_rps": 100 * factor, "price_per_hour": 0.05},
            {"option": "large", "kept_rps": 170 * factor, "price_per_hour": 0.10},
            {"option": "slow", "kept_rps": 20 * factor, "price_per_hour": 0.04},
            {"option": "broken", "kept_rps": 0.0, "price_per_hour": 0.03},
            {"option": "idle", "kept_rps": 30 * factor, "price_per_hour": 0.20},
        ]
        made.append(([rows[int(place)] for place in random.permutation(len(rows))],))
    made.append(([{**rows[1], "kept_rps": 230 * factor}, rows[0], rows[4]],))
    made.append(([{**row, "kept_rps": 0.0} for row in rows],))
    return made


def _own_results(records: Records) -> list[tuple]:
    found = searched(records)
    return [(found,)] if found else []


def _leading(results: list[dict], key, *, among_kept: bool = True) -> str | None:
    rows = [one for one in results if one["kept_rps"] > 0 or not among_kept]
    return min(rows, key=key)["option"] if rows else None


@function_question(
    "s.best.best",
    title="Write the choice: the cheapest that keeps the objective",
    hints=(
        "First leave out those that kept the objective at no rate; nothing may be left.",
        "`min(kept, key=lambda one: one['price_per_hour'] / one['kept_rps'])['option']`",
    ),
    cases=_results,
    own=_own_results,
    mistakes=(
        Mistake(
            "fastest",
            lambda results: _leading(results, lambda one: -one["kept_rps"]),
            "This is the highest rate. Two cores that answer less than twice as much cost more for an image.",
        ),
        Mistake(
            "lowest price",
            lambda results: _leading(results, lambda one: one["price_per_hour"]),
            "This is the lowest price for an hour. How many images are answered in it?",
        ),
        Mistake(
            "broken too",
            lambda results: _leading(results, lambda one: one["price_per_hour"], among_kept=False),
            "It chooses a configuration that kept the objective at no rate.",
        ),
        Mistake(
            "dearest",
            lambda results: _leading(results, lambda one: -one["price_per_hour"] / one["kept_rps"]),
            "This is the dearest for an image: turned around.",
        ),
        Mistake(
            "not None",
            lambda results: best(results) or results[0]["option"],
            "Where no configuration keeps the objective there is no best one: return None.",
        ),
    ),
)
def best(results: list[dict]) -> str | None:
    """Return the option that costs least for a million images under the objective."""
    return _leading(results, lambda one: one["price_per_hour"] / one["kept_rps"])


def _trials(random: np.random.Generator) -> list[tuple]:
    limit = float(random.uniform(80, 400))
    shares = [
        [],
        [(0.5, True)],
        [(0.5, False)],
        [(0.5, True), (0.75, False)],
        [(0.5, True), (0.75, True), (0.88, False)],
        [(0.5, False), (0.25, True), (0.4, True)],
        [(0.5, True), (0.75, True), (0.88, True)],
        [(0.5, False), (0.25, False), (0.125, False)],
    ]
    return [([(share * limit, kept) for share, kept in one], limit) for one in shares]


def _ends(trials: list, limit_rps: float) -> tuple[float, float]:
    kept = [rate for rate, was_kept in trials if was_kept]
    broken = [rate for rate, was_kept in trials if not was_kept]
    return max(kept, default=0.0), min(broken, default=limit_rps)


def _halved(low: float, high: float) -> float | None:
    return None if high - low <= _WITHIN * high else (low + high) / 2


@function_question(
    "s.best.next",
    points=3,
    title="Write the search's next rate, by halving the interval",
    hints=(
        "Two ends: the highest rate that was kept (0 without one), and the lowest broken (`limit_rps` without one).",
        "None where `broken - kept <= 0.15 * broken`, else `(kept + broken) / 2`.",
    ),
    cases=_trials,
    mistakes=(
        Mistake(
            "never ends",
            lambda trials, limit_rps: sum(_ends(trials, limit_rps)) / 2,
            "The rates are right. It never ends: return None once the interval is at most 15 % of its upper end.",
        ),
        Mistake(
            "last trial only",
            lambda trials, limit_rps: (
                _halved(0.0, limit_rps)
                if not trials
                else _halved(trials[-1][0], limit_rps)
                if trials[-1][1]
                else _halved(0.0, trials[-1][0])
            ),
            "It looks at the last trial only. An earlier one may be the other end of the interval.",
        ),
        Mistake(
            "of the limit",
            lambda trials, limit_rps: (
                None
                if _ends(trials, limit_rps)[1] - _ends(trials, limit_rps)[0] <= _WITHIN * limit_rps
                else sum(_ends(trials, limit_rps)) / 2
            ),
            "15 % of the interval's own upper end, not of `limit_rps`.",
        ),
        Mistake(
            "steps down",
            lambda trials, limit_rps: _halved(0.0, _ends(trials, limit_rps)[1]),
            "It always halves down from the broken rate. Begin at the highest rate that was kept.",
        ),
    ),
    compare=close(rel=1e-3),
)
def next_rate(trials: list, limit_rps: float) -> float | None:
    """Return the next rate to try."""
    return _halved(*_ends(trials, limit_rps))


@checkpoint(
    "s.best.verified",
    points=2,
    title="Verify the winner with arrivals that the search has not seen",
    form={"claim": ("kept", "broken", "cannot tell"), "reason": str},
    needs=(_SEARCHED, _VERIFIED),
    hints=(
        "Where does the printed interval lie: within the promised time, beyond it, or on both sides?",
        "No interval at all means 'cannot tell'. And what does a search do with luck?",
    ),
    mistakes={
        "value only": "This goes by p95 itself. Its interval decides: all of it within, all beyond, or neither.",
        "another": "Compare both ends of the printed interval with the promised time.",
        "no reason": "The reason says too little: whom does a search choose, and how long were its runs?",
    },
)
def verified(records: Records) -> Verdict:
    """Judge the claim by the interval of the newest verifying runs; a person reads the reason."""
    given, runs = records.answer("s.best.verified"), records.measurements(**_VERIFIED)
    begin = max((place for place, one in enumerate(runs) if not one.details.get("run")), default=0)
    objective = runs[begin].details.get("objective")
    if objective is None:
        return missing("The run `best-verified` holds no objective: run the cell of this lesson that verifies.")
    p95, limit_s = latency_interval(*runs[begin:], q=objective["q"]), objective["latency_s"]
    if given["claim"] != stats.verdict(p95, limit_s, above="broken", below="kept"):
        return failed_as(
            "value only" if given["claim"] == ("kept" if p95.value <= limit_s else "broken") else "another"
        )
    if len(given["reason"].split()) < _FEWEST_WORDS:
        return failed_as("no reason")
    interval = f"{milliseconds(p95.low)} to {milliseconds(p95.high)}" if p95.confidence else p95.too_short
    return passed("A person reads the reason.", f"{interval}; promised {milliseconds(limit_s)}")


@prediction(
    "s.servers.guess",
    about={"kind": "load", "option": "course service"},
    title="Predict which server answers most under one contract",
    choices=_SERVERS,
)
def fastest_server(records: Records) -> str | None:
    """Return the server with the highest median of answers a second in the newest race."""
    newest = records.latest(kind="load", option="course service")
    if newest is None:
        return None
    rates: dict[str, list[float]] = {}
    for one in records.measurements(kind="load"):
        if one.details.get("race_id") == newest.details["race_id"]:
            rates.setdefault(one.option, []).append(one.throughput_rps.value)
    return max(rates, key=lambda option: median(rates[option]))
