"""Let the server batch: what it made of the queue, what that brought, and who paid for the delay."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, missing, passed, prediction, unanswered
from grading.checkpoints.evidence import is_close, is_number
from grading.checkpoints.system.lesson_33 import NOT_RUN, ratio_of_rates
from grading.checkpoints.system.runs import answered
from labs.records import Records
from labs.records.format import milliseconds, times

#: Seconds that a photo may wait for company, in the question about rates.
DELAY_S = 0.005

#: The rates in that question, in photos a second, as they are written down.
_RATES = ("20", "100", "500")


@prediction(
    "s.batching.gain_guess",
    about={"kind": "load", "option": "batched-8"},
    title="Predict how many times as many answers dynamic batching gives",
    between=(0.05, 100),
    show=times,
)
def gain_guess(records: Records) -> float | None:
    """Return answers a second with dynamic batching over those without."""
    return ratio_of_rates(records, "batched-8", "plain-8")


@checkpoint(
    "s.batching.mean",
    title="Say how many photos were in a run on average",
    hint="Each request here carries one photo. How many requests were finished, and how often did the model run?",
)
def mean_batch(records: Records) -> Verdict:
    """Judge requests over executions of the newest batched run."""
    given = records.answer("s.batching.mean")
    if given is None:
        return unanswered()
    run = records.latest(kind="load", option="batched-8")
    if run is None or not run.load.server:
        return failed(NOT_RUN)
    server = run.load.server
    right = server.requests / server.executions
    if is_close(given, right, within=0.01):
        return passed("More than one: the queue was used.", f"{right:.2f}", f"{given:.2f}")
    if is_close(given, 1 / right, within=0.01):
        return failed("Turned around: these are runs for a photo.", f"{right:.2f}", f"{given:.2f}")
    sizes = {int(size): count for size, count in server.batches.items()}
    if sizes and is_close(given, sum(sizes) / len(sizes), within=0.01):
        return failed("Sizes that were made often count more often.", f"{right:.2f}", f"{given:.2f}")
    return failed("Requests over executions, both from `batched.load.server`.", f"{right:.2f}", f"{given:.2f}")


@checkpoint(
    "s.batching.gain",
    points=2,
    title="Say what dynamic batching brought, and how sure that is",
    hint="`throughput_rps` of both records has value, low and high. Is 1 between your low and high?",
)
def gain(records: Records) -> Verdict:
    """Judge ratio, interval and claim against the newest runs."""
    given = records.answer("s.batching.gain")
    if given is None:
        return unanswered()
    runs = [records.latest(kind="load", option=option) for option in ("plain-8", "batched-8")]
    if None in runs:
        return failed(NOT_RUN)
    before, after = (answered(run) for run in runs)
    if before.value <= 0 or before.high <= 0:
        return missing("Nothing was answered without batches: measure both again.")
    # A rate that may be 0 bounds no ratio from above.
    most = after.high / before.low if before.low > 0 else None
    if (most is None) != (given["high"] is None):
        told = "may be 0, so nothing bounds the ratio" if most is None else "is not 0, so the ratio is bounded"
        return failed(f"The rate without batches {told}: look at `high` again, or measure both for longer.")
    right = {"ratio": after.value / before.value, "low": after.low / before.high, "high": most}
    expected, yours = (
        f"{one['ratio']:.3g} [{one['low']:.3g}, {'no limit' if one['high'] is None else format(one['high'], '.3g')}]"
        for one in (right, given)
    )
    if is_close(given["ratio"], 1 / right["ratio"], within=0.01) and not is_close(right["ratio"], 1, within=0.02):
        return failed("Turned around: after over before is asked for.", expected, yours)
    for name, what in (("ratio", "the ratio"), ("low", "the lowest that it can be"), ("high", "the highest")):
        if right[name] is not None and not is_close(given[name], right[name], within=0.01):
            return failed(f"This is not {what} of the newest two runs.", expected, yours)
    claim = "better" if right["low"] > 1 else "worse" if most is not None and most < 1 else "cannot tell"
    if given["claim"] != claim:
        return failed(f"With this interval, is '{given['claim']}' certain? See on which side of 1 it lies.", claim)
    return passed("The claim is no bolder than the interval.", f"{expected}, {claim}", f"{yours}, {given['claim']}")


@checkpoint(
    "s.batching.price",
    title="Say what a delay costs a lonely sender",
    hint="The medians of the two runs with one sender; seconds, not milliseconds.",
)
def price(records: Records) -> Verdict:
    """Judge the difference of the two medians."""
    given = records.answer("s.batching.price")
    if given is None:
        return unanswered()
    runs = [records.latest(kind="load", option=option) for option in ("alone-delay-0", "alone-delay-50")]
    if None in runs:
        return failed(NOT_RUN)
    right = runs[1].percentile(50) - runs[0].percentile(50)
    expected, yours = milliseconds(right), f"{given:.4g} s"
    if is_close(given, right, within=0.02):
        return passed("The whole delay: nobody came.", expected, milliseconds(given))
    if is_close(given, right * 1000, within=0.02):
        return failed("Seconds are asked for; these are milliseconds.", expected, yours)
    if is_close(given, -right, within=0.02):
        return failed("Turned around: by how much did it grow?", expected, yours)
    return failed("Subtract the median without the delay from the median with it.", expected, yours)


@checkpoint(
    "s.batching.worth",
    title="Say at which rates a photo expects company within the delay",
    hint="At 100 photos a second, how many milliseconds lie between two of them on average?",
    needs=({"kind": "load", "option": "batched-8"},),
)
def worth(records: Records) -> Verdict:
    """Judge for each rate whether the mean gap is shorter than the delay."""
    given = records.answer("s.batching.worth")
    if given is None:
        return unanswered()
    for rate in _RATES:
        found, gap_s = given[rate], 1 / float(rate)
        if is_number(found) or found is not (gap_s < DELAY_S):
            return failed(
                f"At {rate} photos a second: how far apart are two of them, and how long may one wait?",
                f"{milliseconds(gap_s)} apart, {milliseconds(DELAY_S)} of delay",
                str(found),
            )
    return passed("On a quiet server the delay is paid and hardly used.", yours=str(given))
