"""Serve on the device: what a service adds, what the way costs, and when a server far away is faster."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.edge.device import NOT_MEASURED, rehearsed
from grading.checkpoints.evidence import is_close
from labs.records import Records
from labs.records.format import milliseconds, times
from labs.records.targets import target

APP, SERVICE, NETWORK = "edge-int8-app", "edge-int8-app-service", "edge-int8-app-network"


def median_s(records: Records, option: str) -> float | None:
    """Return the median latency of an option's newest record in seconds, or None."""
    record = records.latest(kind="latency", option=option)
    return None if record is None else record.percentile(50)


@prediction(
    "e.serve.overhead_guess",
    about={"kind": "latency", "option": SERVICE},
    title="Predict how many times as long a photo takes through a service on the device",
    between=(0.3, 100),
    show=times,
)
def overhead(records: Records) -> float | None:
    """Return the service's median over the app's."""
    own, through = median_s(records, APP), median_s(records, SERVICE)
    return None if None in (own, through) else through / own


@checkpoint(
    "e.serve.parts",
    points=2,
    title="Take the service's time apart: preparing, the model, and the rest",
    hint="`inside` has the service's own parts; the rest is the whole median less queue, prepare and model.",
)
def parts(records: Records) -> Verdict:
    """Judge the three parts against the service's own timings and the client's median."""
    given, record = records.answer("e.serve.parts"), records.latest(kind="latency", option=SERVICE)
    if given is None:
        return unanswered()
    if record is None:
        return failed(NOT_MEASURED)
    inside, whole = record.details["server_timing_s"], record.percentile(50)
    right = {"prepare": inside["prepare"], "model": inside["model"], "rest": whole - sum(inside.values())}
    expected = ", ".join(f"{name} {milliseconds(value)}" for name, value in right.items())
    yours = ", ".join(f"{name} {milliseconds(given[name])}" for name in right)
    # Medians of parts need not add up to the whole's; a tenth of it leaves room for rounding.
    slack = max(2e-5, 0.03 * whole)
    wrong = [name for name, value in right.items() if abs(given[name] - value) > slack]
    if not wrong:
        return passed("What the model takes is not what the till waits for.", expected, yours)
    if all(is_close(given[name], 1e3 * value, within=0.05) for name, value in right.items()):
        return failed("Those are milliseconds; seconds are asked for.", expected, yours)
    if wrong == ["rest"] and abs(given["rest"] - whole) <= slack:
        return failed("That is the whole. Take the service's own three parts away.", expected, yours)
    return failed(f"Not the record's: {', '.join(wrong)}.", expected, yours)


@checkpoint(
    "e.serve.network",
    points=2,
    title="Say what the way to the device costs, and whether a real network was measured",
    hint="The median asked from here, less the median asked from the device itself.",
)
def network(records: Records) -> Verdict:
    """Judge the difference of the two medians, and the honesty about what lay between the two."""
    given = records.answer("e.serve.network")
    record = records.latest(kind="latency", option=NETWORK)
    near = median_s(records, SERVICE)
    if given is None:
        return unanswered()
    if record is None or near is None:
        return failed(NOT_MEASURED)
    difference = record.percentile(50) - near
    expected, yours = milliseconds(difference), f"{milliseconds(given['seconds'])}, real: {given['real']}"
    slack = max(2e-5, 0.02 * near)
    if abs(given["seconds"] - difference) > slack:
        if abs(given["seconds"] + difference) <= slack:
            return failed("Turned around: from here less from the device itself.", expected, yours)
        if abs(given["seconds"] - record.percentile(50)) <= slack:
            return failed("That is the whole answer, seen from here. What of it is the way?", expected, yours)
        return failed("Subtract the two medians, in seconds.", expected, yours)
    real = record.details.get("over") == "network" and not rehearsed(record)
    if given["real"] is not real:
        return failed(
            "The number is right. Two machines and a floating IP between them: that is a network."
            if real
            else "The number is right, but both ends are one computer: no network took part.",
            expected,
            yours,
        )
    remark = "" if real else " Over loopback it is noise, of either sign."
    return passed(f"So much for the way.{remark}", expected, yours)


@checkpoint(
    "e.serve.break_even",
    title="Compute up to which round trip the server is faster than the device",
    hint="The server's whole answer is its 3 ms and the way; the app's is its own median.",
)
def break_even(records: Records) -> Verdict:
    """Judge the app's median less the server's target."""
    given, own = records.answer("e.serve.break_even"), median_s(records, APP)
    if given is None:
        return unanswered()
    if own is None:
        return failed(NOT_MEASURED)
    expected_s = own - target("server-cpu").p50_s
    expected, yours = milliseconds(expected_s), milliseconds(given)
    slack = max(2e-5, 0.02 * own)
    if abs(given - expected_s) <= slack:
        if expected_s <= 0:
            return passed("Below zero: this device is faster than such a server, however near it is.", expected, yours)
        return passed("Below this the server wins, above it the box at hand.", expected, yours)
    if abs(given / 1e3 - expected_s) <= slack:
        return failed("Those are milliseconds; seconds are asked for.", expected, yours)
    if abs(given + expected_s) <= slack:
        return failed("Turned around: the device's time less the server's.", expected, yours)
    return failed("The way may take what the device takes longer than the server.", expected, yours)
