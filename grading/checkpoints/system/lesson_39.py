"""Start cold and warm: the parts of a start, what the runtime weighs, and how often somebody meets it."""

from __future__ import annotations

from math import exp, log
from statistics import median

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.evidence import is_close, is_number
from labs.records import Records
from labs.records.format import duration, milliseconds, percent, times

_NOT_RUN = "There is no record of these starts yet: run the cells above, down to the question."

#: The lesson's night: mean gap between two photos, idle time, and the share that is aimed at.
_MEAN_GAP_S, _IDLE_S, _AIM = 60, 30, 0.01


def parts_of(records: Records, option: str) -> dict[str, float] | None:
    """Return the median seconds of each part of an option's newest starts, or None."""
    load, first = (records.latest(kind=kind, option=option) for kind in ("load_time", "first_prediction"))
    if load is None or first is None:
        return None
    alive_s, ready_s = median(load.details["alive_s"]), median(load.samples)
    return {"to alive": alive_s, "to ready": ready_s - alive_s, "first answer": median(first.samples)}


@prediction(
    "s.cold.guess",
    about={"kind": "load_time", "option": "cold-onnx"},
    title="Predict how many times as long the first photo waits as one that finds the service warm",
    between=(1, 1e6),
    show=times,
)
def cold_over_warm(records: Records) -> float | None:
    """Return start and first answer over a warm answer, of the ONNX service."""
    parts, warm = parts_of(records, "cold-onnx"), records.latest(kind="latency", option="cold-onnx")
    return None if parts is None or warm is None else sum(parts.values()) / median(warm.samples)


@checkpoint(
    "s.cold.largest",
    title="Name the largest part of each start",
    hint="The three parts before the warm answer, in the lines above.",
)
def largest(records: Records) -> Verdict:
    """Judge the largest part of both options; parts within 5 % of each other are as good as equal."""
    given = records.answer("s.cold.largest")
    if given is None:
        return unanswered()
    expected = []
    for option in ("cold-torch", "cold-onnx"):
        parts = parts_of(records, option)
        if parts is None:
            return failed(_NOT_RUN)
        named = given[option]
        if named not in parts:
            return failed(f"{option}: choose one of the three parts, word for word.", ", ".join(parts), str(named))
        most = max(parts, key=parts.get)
        if parts[named] < 0.95 * parts[most]:
            shown = ", ".join(f"{name} {milliseconds(seconds)}" for name, seconds in parts.items())
            return failed(f"{option}: another part takes longer.", shown, named)
        expected.append(f"{option}: {most}")
    return passed("What is largest is where making it faster pays.", "; ".join(expected))


@checkpoint(
    "s.cold.runtime",
    title="Say how many times as long torch takes to be ready",
    hint='`starts[option]["load_time"].value.value` is the median of an option\'s starts.',
)
def runtime(records: Records) -> Verdict:
    """Judge the ratio of both medians of the newest starts."""
    given = records.answer("s.cold.runtime")
    if given is None:
        return unanswered()
    loads = [records.latest(kind="load_time", option=option) for option in ("cold-torch", "cold-onnx")]
    if None in loads:
        return failed(_NOT_RUN)
    torch_s, onnx_s = (median(one.samples) for one in loads)
    right = torch_s / onnx_s
    if not is_number(given):
        return failed("One number is asked for.", times(right), str(given))
    if is_close(given, right, within=0.02):
        return passed("Same weights, another runtime around them.", times(right), times(given))
    if is_close(given, 1 / right, within=0.02):
        return failed("Turned around: torch over ONNX.", times(right), times(given))
    if is_close(given, torch_s - onnx_s, within=0.02):
        return failed("This is the difference in seconds; how many times as long?", times(right), f"{given:.3g}")
    return failed("Divide the medians of the two `load_time` records.", times(right), f"{given:.3g}")


@checkpoint(
    "s.cold.share",
    points=2,
    title="Say how many photos meet a cold service, and how long it must stay up",
    hint="exp(-t / 60) is the probability of a gap longer than t. For which t is it 0.01?",
    needs=({"kind": "load_time", "option": "cold-onnx"},),
)
def share(records: Records) -> Verdict:
    """Judge the share at 30 seconds and the idle time for one in a hundred."""
    given = records.answer("s.cold.share")
    if given is None:
        return unanswered()
    cold, idle_s = given["cold_share"], given["idle_s_for_one_percent"]
    right, right_s = exp(-_IDLE_S / _MEAN_GAP_S), -_MEAN_GAP_S * log(_AIM)
    expected, yours = f"{percent(right)}, {duration(right_s)}", f"{cold:.3g}, {idle_s:.4g} s"
    if is_close(cold, 1 - right, within=0.01):
        return failed("cold_share: this is the share that finds it warm.", expected, yours)
    if is_close(cold, 100 * right, within=0.01):
        return failed("cold_share: between 0 and 1, not percent.", expected, yours)
    if not is_close(cold, right, within=0.01):
        return failed("cold_share: the probability of a gap longer than 30 s, with a mean of 60.", expected, yours)
    if is_close(idle_s, -_MEAN_GAP_S * log(1 - _AIM), within=0.01):
        return failed("idle_s: at this idle time, one in a hundred finds it *warm*.", expected, yours)
    if not is_close(idle_s, right_s, within=0.01):
        return failed("idle_s: solve exp(-t / 60) = 0.01 for t.", expected, yours)
    return passed(
        "Half a minute leaves three in five in the cold; one in a hundred costs almost five minutes.", expected
    )
