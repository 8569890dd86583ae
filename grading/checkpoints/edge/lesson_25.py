"""Keep it busy: what a machine tells of its heat, its flags, the slow-down, and energy."""

from __future__ import annotations

from statistics import median

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.edge.device import NOT_MEASURED, rehearsed
from grading.checkpoints.evidence import is_close
from labs.records import Measurement, Records
from labs.records.format import times

BUSY = "edge-int8-s8s8-busy"

#: The bits of 0xe0008, and the question's power, rate and battery.
_BITS, _WATTS, _PHOTOS_A_SECOND, _BATTERY_WH = {3, 17, 18, 19}, 7.0, 120.0, 15.0

#: The bits that say that the processor is slowed down at this moment: capped, throttled, soft limit.
_HELD_BACK_NOW = 0b1110


def busy_record(records: Records) -> Measurement | None:
    """Return the newest record of load without a pause."""
    return records.latest(kind="latency", option=BUSY)


def slowdown(record: Measurement) -> float:
    """Return the last fifth of the windows' medians over the first fifth."""
    seconds = [window["p50_s"] for window in record.details["windows"]]
    count = max(1, round(len(seconds) * 0.2))
    return median(seconds[-count:]) / median(seconds[:count])


@prediction(
    "e.busy.slowdown_guess",
    about={"kind": "latency", "option": BUSY},
    title="Predict how many times as long a photo takes on a busy device",
    between=(0.2, 50),
    show=times,
)
def measured_slowdown(records: Records) -> float | None:
    """Return the measured slow-down."""
    record = busy_record(records)
    return None if record is None else slowdown(record)


@checkpoint(
    "e.busy.told",
    title="Say what this device does not tell about itself",
    hint="`None` in `vitals['heat']` means not told; `vitals['power']['covers']` is empty without a meter.",
)
def told(records: Records) -> Verdict:
    """Judge the list and the meter against what the device said."""
    given, seen = records.answer("e.busy.told"), records.seen("edge.vitals")
    if given is None:
        return unanswered()
    if seen is None:
        return failed("The device has not been asked yet: run the cells above.")
    silent, power = set(seen["unreadable"]), bool(seen["power"]["covers"])
    expected = f"{', '.join(sorted(silent)) or 'tells all three'}; power: {power}"
    yours = f"{', '.join(sorted(given['not_told'])) or 'tells all three'}; power: {given['power']}"
    if set(given["not_told"]) - {"temperature", "frequency", "throttle flags"}:
        return failed("Use the three words of the question.", expected, yours)
    if set(given["not_told"]) < silent:
        return failed("Something else is None as well, and None is not 0.", expected, yours)
    if set(given["not_told"]) != silent:
        return failed("One of these is told: look for the values that are not None.", expected, yours)
    if given["power"] is not power:
        return failed("The list is right. Power is only read where `covers` names what it covers.", expected, yours)
    return passed("About the rest nothing may be claimed.", expected, yours)


@checkpoint(
    "e.busy.flags",
    title="Read a Raspberry Pi's throttle flags from one number",
    hint="0xe0008: the last hexadecimal digit holds bits 0 to 3, the fifth from the right bits 16 to 19.",
    needs=({"subject": "edge.vitals"},),
)
def flags(records: Records) -> Verdict:
    """Judge the set bits of 0xe0008."""
    given = records.answer("e.busy.flags")
    if given is None:
        return unanswered()
    expected, yours = "3, 17, 18, 19", ", ".join(f"{bit:g}" for bit in sorted(given))
    if set(given) == _BITS:
        return passed("Its soft limit is reached now, and it was capped and throttled before.", expected, yours)
    if set(given) <= {0, 1, 2, 3} and given:
        return failed("The digit e stands further left: what happened since it was switched on.", expected, yours)
    if set(given) == {0, 17, 18, 19} or (2 in given and 3 not in given):
        return failed("The last digit is 8, and 8 is 1000 in binary: which bit is that?", expected, yours)
    if {16, 17, 18} <= set(given) and 19 not in given:
        return failed("e is 1110 in binary: its lowest bit is 0.", expected, yours)
    return failed("Write the number in binary and count from the right, from 0.", expected, yours)


@checkpoint(
    "e.busy.slowdown",
    points=2,
    title="State the slow-down, and whether the flags say that the device was held back",
    hint="A fifth of the windows at each end, their medians, last over first; then the last window's throttle_bits.",
)
def slowed(records: Records) -> Verdict:
    """Judge the ratio against the windows, and the claim against the last window's flags."""
    given, record = records.answer("e.busy.slowdown"), busy_record(records)
    if given is None:
        return unanswered()
    if record is None:
        return failed(NOT_MEASURED)
    ratio, bits = slowdown(record), record.details["windows"][-1]["throttle_bits"]
    claim = "cannot tell" if bits is None else "held back" if bits & _HELD_BACK_NOW else "not held back"
    expected, yours = f"{ratio:.3f}, {claim}", f"{given['ratio']:g}, {given['claim']}"
    if not is_close(given["ratio"], ratio, within=0.02):
        turned = is_close(given["ratio"], 1 / ratio, within=0.02)
        return failed(
            "Turned around: last over first." if turned else "Not the ratio of the two fifths.", expected, yours
        )
    if given["claim"] not in ("held back", "not held back", "cannot tell"):
        return failed("Choose one of the three claims.", expected, yours)
    if given["claim"] != claim:
        if bits is None:
            return failed(
                "The ratio is right. Without flags nothing can be claimed: it may have other reasons.", expected, yours
            )
        return failed("The ratio is right. Read the last window's flags about now: bits 1 to 3.", expected, yours)
    remark = " A rehearsal of seconds says nothing about a box in a cupboard." if rehearsed(record) else ""
    return passed(f"So much for the first second.{remark}", expected, yours)


@checkpoint(
    "e.busy.energy",
    points=2,
    title="Turn power and rate into joules a photo, and a battery into photos",
    hint="Watts over photos a second are joules a photo; a watt-hour is 3600 joules.",
    needs=({"kind": "latency", "option": "edge-int8-s8s8-busy"},),
)
def energy(records: Records) -> Verdict:
    """Judge joules a photo and photos of a battery."""
    given = records.answer("e.busy.energy")
    if given is None:
        return unanswered()
    joules = _WATTS / _PHOTOS_A_SECOND
    photos = 3600 * _BATTERY_WH / joules
    expected, yours = (
        f"{joules:.4f} J, {photos:,.0f} photos",
        f"{given['joules_a_photo']:g} J, {given['photos']:g} photos",
    )
    if not is_close(given["joules_a_photo"], joules, within=0.02):
        if is_close(given["joules_a_photo"], 1 / joules, within=0.02):
            return failed("Turned around: those are photos a joule.", expected, yours)
        if is_close(given["joules_a_photo"], _WATTS * _PHOTOS_A_SECOND, within=0.02):
            return failed("Divide: the joules of a second are shared by its photos.", expected, yours)
        return failed("Watts are joules a second; share them among the photos of a second.", expected, yours)
    if is_close(given["photos"], photos / 3600, within=0.02):
        return failed("The joules are right. A watt-hour is 3600 joules.", expected, yours)
    if not is_close(given["photos"], photos, within=0.02):
        return failed("The joules are right. How many of them are in 15 Wh?", expected, yours)
    return passed("Nearly a million, if the battery fed nothing else.", expected, yours)
