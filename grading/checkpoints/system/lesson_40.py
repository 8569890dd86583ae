"""Find the best configuration under an objective: the winner, its price, what was left out, and the proof."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.evidence import is_close
from grading.checkpoints.system.runs import answered, answered_per_s
from labs import stats
from labs.records import Measurement, Records
from labs.records.format import milliseconds, percent, rate
from labs.records.load import latency_interval

_SEARCH = "lesson-40"
_NOT_RUN = "There is no run of the search in your ledger yet: run the cells above, down to the question."
_CONFIGURATIONS = ("1x1", "1x2", "2x1", "2x1-batch8")


def searched(records: Records) -> dict[str, list[Measurement]]:
    """Return the search's runs by option, in the order in which the options were tried."""
    found: dict[str, list[Measurement]] = {}
    for one in records.measurements(kind="load"):
        if one.details.get("search") == _SEARCH:
            found.setdefault(one.option, []).append(one)
    return found


def keeps(record: Measurement) -> bool:
    """Return whether a run kept the objective that it was made under; a failed request is a slow one."""
    objective, load = record.details["objective"], record.load
    failed_share = len(load.failures) / (len(load.failures) + len(record.samples))
    among_answered = objective["q"] / (1 - failed_share)
    if failed_share > objective["error_rate"] or among_answered > 100:
        return False
    return stats.percentile(record.samples, among_answered) <= objective["latency_s"]


def kept_rps(runs: list[Measurement]) -> float:
    """Return the highest rate at which an option kept the objective; 0 where it did at none."""
    rates = [one.load.offered_rps for one in runs if one.load.mode == "open" and keeps(one)]
    return max(rates, default=0.0)


def most_rps(runs: list[Measurement]) -> float:
    """Return an option's answers a second in the closed loop."""
    return answered_per_s(next(one for one in runs if one.load.mode == "closed"))


def winner_of(found: dict[str, list[Measurement]]) -> tuple[str, float]:
    """Return the option that keeps the objective at the highest rate, and that rate; 'none' and 0 where none does."""
    kept = {option: kept_rps(runs) for option, runs in found.items()}
    best = max(kept, key=kept.get)
    return (best, kept[best]) if kept[best] > 0 else ("none", 0.0)


def verifying(records: Records) -> list[Measurement]:
    """Return the runs of the newest verification: from its first run on, all at one rate."""
    runs = records.measurements(kind="load", option="best-verified")
    begin = max((place for place, one in enumerate(runs) if not one.details.get("run")), default=0)
    return runs[begin:]


@prediction(
    "s.best.guess",
    about={"kind": "load", "option": "best-2x1"},
    title="Predict which configuration carries most under the objective",
    choices=_CONFIGURATIONS,
)
def guess(records: Records) -> str | None:
    """Return the winner's configuration."""
    found = searched(records)
    return winner_of(found)[0].removeprefix("best-") if found else None


@checkpoint(
    "s.best.winner",
    points=2,
    title="Name the configuration that carries most under the objective, and its rate",
    hint="The column 'objective kept at', and `kept_rps` of that entry for its decimals.",
)
def winner(records: Records) -> Verdict:
    """Judge the winner and the highest rate at which it kept the objective."""
    given = records.answer("s.best.winner")
    if given is None:
        return unanswered()
    found = searched(records)
    if not found:
        return failed(_NOT_RUN)
    option, rate_rps = winner_of(found)
    expected, yours = (f"{name} at {rate(at, 'photos/s')}" for name, at in ((option, rate_rps), _pair(given)))
    if given["option"] == option and is_close(given["rate_rps"], rate_rps, within=0.01):
        return passed("The most photos a second that the promise allows.", expected, yours)
    if given["option"] == option and is_close(given["rate_rps"], most_rps(found[option]), within=0.02):
        return failed("This is its throughput in the closed loop, where no promise was kept.", expected, yours)
    if given["option"] == option:
        return failed(
            "The right configuration; give the highest rate at which it *kept* the objective.", expected, yours
        )
    if given["option"] not in found:
        return failed("Name an option as the table does, such as 'best-1x1'.", expected, yours)
    if given["option"] == max(found, key=lambda name: most_rps(found[name])):
        return failed(
            "It is the fastest in the closed loop. Who keeps the objective at a higher rate?", expected, yours
        )
    return failed("Another configuration kept the objective at a higher rate.", expected, yours)


def _pair(given: dict) -> tuple[str, float]:
    return str(given["option"]), given["rate_rps"]


@checkpoint(
    "s.best.price",
    points=2,
    title="Say what the objective costs in throughput",
    hint="`kept_rps / most_rps` of `found[0]`; the fastest is the one with the largest `most_rps`.",
)
def price(records: Records) -> Verdict:
    """Judge the fastest option of the closed loops, and the first one's share of rate under the objective."""
    given = records.answer("s.best.price")
    if given is None:
        return unanswered()
    found = searched(records)
    if not found:
        return failed(_NOT_RUN)
    fastest = max(found, key=lambda name: most_rps(found[name]))
    first = next(iter(found.values()))
    share = kept_rps(first) / most_rps(first)
    expected, yours = (f"{name}, {percent(value)}" for name, value in ((fastest, share), tuple(_price(given))))
    if given["fastest"] != fastest:
        return failed("Compare the closed loops: another option answered more in a second.", expected, yours)
    if share and is_close(given["share"], 1 / share, within=0.01) and not is_close(share, 1, within=0.02):
        return failed("Turned around: the rate under the objective over the throughput.", expected, yours)
    if share and is_close(given["share"], 1 - share, within=0.01) and not is_close(share, 0.5, within=0.02):
        return failed("This is the part that is given up; the part that stays is asked for.", expected, yours)
    if abs(given["share"] - share) > 0.01:
        return failed("Take both numbers from the first entry of `found`.", expected, yours)
    return passed("The rest is the room that keeps waits short.", expected, yours)


def _price(given: dict) -> tuple[str, float]:
    return str(given["fastest"]), given["share"]


@checkpoint(
    "s.best.skipped",
    title="Say what the search left out, and whether that could have won",
    hint="A closed loop's throughput is the most that a configuration can carry. Can an objective make it more?",
)
def skipped(records: Records) -> Verdict:
    """Judge the options without an open-loop run, and that none of them could have won."""
    given = records.answer("s.best.skipped")
    if given is None:
        return unanswered()
    found = searched(records)
    if not found:
        return failed(_NOT_RUN)
    left_out = sorted(option for option, runs in found.items() if all(one.load.mode == "closed" for one in runs))
    expected, yours = (", ".join(names) or "none" for names in (left_out, sorted(given["options"])))
    if sorted(given["options"]) != left_out:
        return failed("Look into `one.records`: which options have a closed loop and nothing else?", expected, yours)
    if given["could_win"] is not False:
        return failed("What can a configuration carry at most? And what did the winner carry?", expected, yours)
    for option in left_out:
        expected += f"; {option} carries at most {rate(answered(found[option][0]).high, 'photos/s')}"
    return passed("Whoever carries less at full throttle cannot carry more under a promise.", expected, yours)


@checkpoint(
    "s.best.verified",
    points=2,
    title="Verify the winner with arrivals that the search has not seen",
    hint="`latency_interval(*verified, q=95)`; then compare both of its ends with the objective.",
)
def verified(records: Records) -> Verdict:
    """Judge the verifying runs' 95th percentile, its interval and the verdict."""
    given = records.answer("s.best.verified")
    if given is None:
        return unanswered()
    runs, found = verifying(records), searched(records)
    if not runs or not found:
        return failed(_NOT_RUN)
    p95 = latency_interval(*runs, q=95)
    limit_s = next(reversed(found.values()))[-1].details["objective"]["latency_s"]
    word = stats.verdict(p95, limit_s, above="broken", below="kept")
    right = {"p95_s": p95.value, "low": p95.low, "high": p95.high}
    expected, yours = (
        f"{milliseconds(values['p95_s'])} [{milliseconds(values['low'])}, {milliseconds(values['high'])}]"
        for values in (right, given)
    )
    for name, value in right.items():
        if is_close(given[name], value * 1e3, within=0.02):
            return failed(f"{name}: in seconds, not in milliseconds.", expected, yours)
        if not is_close(given[name], value, within=0.02):
            return failed(f"{name} does not follow from the newest verifying runs.", expected, yours)
    if given["verdict"] != word:
        return failed(
            "The interval is right. Is all of it within the objective, all beyond, or neither?",
            f"objective: {milliseconds(limit_s)}",
            str(given["verdict"]),
        )
    return passed("Proved with fresh arrivals, whatever the verdict.", f"{expected}: {word}", yours)
