"""Serve over HTTP: the crowd, the status of an error, the model's share, and the same model in another service."""

from __future__ import annotations

from statistics import mean, median

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.evidence import is_close
from grading.checkpoints.system.runs import answered_per_s
from labs import stats
from labs.records import Measurement, Records
from labs.records.format import milliseconds, percent, times

_NOT_RUN = "There is no load record for this yet: run the cells above, down to the question."

#: What the two services answer to a file name where base64 belongs. They are the course's own, and always do.
_STATUS = {"http-before": 200, "http-onnx": 422}


def newest_race(records: Records, concurrency: int, *options: str) -> dict[str, list[Measurement]] | None:
    """Return the rounds of each option from the newest race that all of them took part in, or None."""
    races: dict[str, dict[str, list[Measurement]]] = {}
    for one in records.measurements(kind="load", concurrency=concurrency):
        if "race_id" in one.details:
            races.setdefault(one.details["race_id"], {}).setdefault(one.option, []).append(one)
    whole = [race for race in races.values() if set(options) <= set(race)]
    if not whole:
        return None
    return {option: sorted(whole[-1][option], key=lambda one: one.details["round"]) for option in options}


def rate_ratio(race: dict[str, list[Measurement]], option: str, baseline: str) -> stats.Ratio:
    """Return how many times as many answers a second one option gave as another, as ``labs.load.race`` computes it."""
    return stats.ratio_of_medians(*([[answered_per_s(one)] for one in race[name]] for name in (option, baseline)))


@prediction(
    "s.http.sixteen_guess",
    about={"kind": "load", "option": "http-before"},
    title="Predict how many times as many answers sixteen senders get from the tutorial's service as one",
    between=(0.05, 100),
    show=times,
)
def sixteen(records: Records) -> float | None:
    """Return the tutorial's answers a second with sixteen senders over those with one."""
    races = [newest_race(records, senders, "http-before") for senders in (16, 1)]
    if None in races:
        return None
    many, one = (median(answered_per_s(run) for run in race["http-before"]) for race in races)
    return many / one


@checkpoint(
    "s.http.status",
    title="Say what the monitoring makes of an error",
    hint="The replies above begin with their status. Everything from 400 on is an error to a machine.",
)
def status(records: Records) -> Verdict:
    """Judge both statuses, and what follows from them."""
    given = records.answer("s.http.status")
    if given is None:
        return unanswered()
    expected = ", ".join(f"{option} {code}" for option, code in _STATUS.items())
    for option, code in _STATUS.items():
        if given["status"][option] != code:
            return failed(f"{option}: read the status in its reply again.", expected, str(given["status"][option]))
    if given["success"]["http-before"] is not True:
        return failed("http-before: its sentence says error, its status says all is well. Which one is counted?")
    if given["success"]["http-onnx"] is not False:
        return failed("http-onnx: a status from 400 on is no success.")
    return passed("At 200, the dashboard stays green while nobody gets an answer.", expected)


@checkpoint(
    "s.http.share",
    title="Say which share of one sender's latency is the model",
    hint="Mean seconds in the model over mean seconds of latency, both of the run with one sender.",
)
def share(records: Records) -> Verdict:
    """Judge model over latency, of any round of the newest race with one sender."""
    given = records.answer("s.http.share")
    if given is None:
        return unanswered()
    race = newest_race(records, 1, "http-onnx")
    if race is None or not race["http-onnx"][0].load.server:
        return failed(_NOT_RUN)
    run = race["http-onnx"][0]
    infer_s, latency_s = run.load.server.infer_s, mean(run.samples)
    right = infer_s / latency_s
    expected, yours = percent(right), f"{given:.3f}"
    if is_close(given, right, within=0.03):
        return passed("The rest is decoding, scaling, and HTTP.", expected, percent(given))
    if is_close(given, 1 - right, within=0.03):
        return failed("This is the share of everything but the model.", expected, yours)
    if is_close(given, infer_s, within=0.03):
        return failed("These are seconds; which share of the latency are they?", expected, yours)
    if is_close(given, right * 100, within=0.03):
        return failed("A share between 0 and 1 is asked for, not percent.", expected, yours)
    return failed("Divide `server.infer_s` by the mean latency of the same run.", expected, yours)


@checkpoint(
    "s.http.ratio",
    points=2,
    title="Say what another service makes of the same model, with its interval",
    hint="`faster.interval` has `low` and `high`. On which side of 1 do both lie?",
)
def ratio(records: Records) -> Verdict:
    """Judge the interval of the newest race with sixteen senders, and the claim that it allows."""
    given = records.answer("s.http.ratio")
    if given is None:
        return unanswered()
    race = newest_race(records, 16, "http-onnx", "http-before")
    if race is None:
        return failed(_NOT_RUN)
    interval = rate_ratio(race, "http-onnx", "http-before").interval
    claim = "cannot tell" if 1 in interval else f"http-{'onnx' if interval.low > 1 else 'before'} is faster"
    expected = f"{interval.low:.3f} to {interval.high:.3f}: {claim}"
    yours = f"{given['low']:.3f} to {given['high']:.3f}: {given['claim']}"
    ends = (given["low"], given["high"])
    if all(is_close(1 / one, end, within=0.01) for one, end in zip(ends, (interval.high, interval.low), strict=True)):
        return failed("Turned around: http-onnx over http-before is asked for.", expected, yours)
    if not all(is_close(one, end, within=0.01) for one, end in zip(ends, (interval.low, interval.high), strict=True)):
        return failed("This is not the interval of answers a second in the newest race of sixteen.", expected, yours)
    if given["claim"] != claim:
        return failed("The interval is right. On which side of 1 does it lie, or does it hold 1?", expected, yours)
    return passed("Same file, same processors, same senders: what is left is the service.", expected, yours)


@checkpoint(
    "s.http.bounded",
    points=2,
    title="Say what a queue with an end does to those inside and to those refused",
    hint="`made.load.error_rate` and `made.percentile(95)`, for each of the two records in `drowned`.",
)
def bounded(records: Records) -> Verdict:
    """Judge the refused share and both tails, from the newest runs with sixty-four senders."""
    given = records.answer("s.http.bounded")
    if given is None:
        return unanswered()
    found = {one.option: one for one in records.measurements(kind="load", concurrency=64)}
    if not {"http-bounded", "http-before"} <= set(found):
        return failed(_NOT_RUN)
    run = found["http-bounded"]
    refused = len(run.load.failures) / (len(run.load.failures) + len(run.samples))
    tail_s, before_s = run.percentile(95), found["http-before"].percentile(95)
    expected = f"refused {percent(refused)}, p95 {milliseconds(tail_s)} and {milliseconds(before_s)}"
    if not is_close(given["refused"], refused, within=0.02):
        wrong = "A share between 0 and 1 is asked for." if given["refused"] > 1 else "Refused over all that were sent."
        return failed(wrong, expected, f"{given['refused']:.3f}")
    for name, right in (("p95_s", tail_s), ("before_p95_s", before_s)):
        if is_close(given[name], right * 1000, within=0.02):
            return failed(f"{name}: in seconds, please.", expected, f"{given[name]:.3g}")
        if not is_close(given[name], right, within=0.02):
            return failed(f"{name}: the 95th percentile of that record's samples.", expected, f"{given[name]:.3g}")
    if given["phone"] != "it knows at once":
        return failed("A 503 is an answer too, and the fastest one there is.", "it knows at once", str(given["phone"]))
    return passed("The answers that are given are worth having, and nobody waits for nothing.", expected)
