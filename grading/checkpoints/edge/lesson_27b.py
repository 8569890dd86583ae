"""Run on the Raspberry Pi: a script of one's own, a race, flags, five minutes of load, and the estimate tested."""

from __future__ import annotations

from statistics import mean, median

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
from grading.checkpoints.edge.device import BASELINE, on_arm, on_the_estimated_core
from labs.display.format import milliseconds, times
from labs.records import Measurement, Records
from labs.records.candidates import of_machine
from labs.stats import percentile

SIGNED, BUSY = "edge-int8-s8s8", "edge-lease-busy"

#: Samples that a script of one's own has to take, and by what factor its fastest tenth may differ from ``bench``'s.
_FEWEST_SAMPLES, _FACTOR = 100, 2.0

#: Seconds of load without a pause that show what heat does.
_LONG_S = 240.0

#: Arm's ExecuTorch course: median of its INT8 MobileNetV2 with XNNPACK on a Raspberry Pi 5; and what may differ.
_PUBLISHED_S, _BAR_FACTOR = 0.00398, 1.25

_TESTED = ("within", "outside", "not tested")


def measured_slowdown(record: Measurement) -> float:
    """Return the last fifth of the windows' medians over the first fifth."""
    return _fifths([window["p50_s"] for window in record.details["windows"]])


def race_of(records: Records):
    """Return the newest race of the lease notebook, or None before it."""
    seen = records.seen("edge.board_race")
    return None if seen is None else of_machine(records, seen["machine_id"]).comparison(*seen["options"])


@prediction(
    "e.lease.ratio_guess",
    about={"subject": "edge.board_race"},
    title="Predict how many times as fast signed INT8 is as float32 on the board",
    between=(0.02, 50),
    show=times,
)
def int8_gain(records: Records) -> float | None:
    """Return float32's time over signed INT8's, from the newest race."""
    run = race_of(records)
    return None if run is None or SIGNED not in run.options else 1 / run.ratio(SIGNED, BASELINE).interval.value


@prediction(
    "e.lease.slowdown_guess",
    about={"kind": "latency", "option": BUSY},
    title="Predict how many times as long an image takes after five minutes of load",
    between=(0.2, 50),
    show=times,
)
def busy_slowdown(records: Records) -> float | None:
    """Return the measured slow-down."""
    record = records.latest(kind="latency", option=BUSY)
    return None if record is None else measured_slowdown(record)


@checkpoint(
    "e.lease.script",
    evidence_only=True,
    title="Measure with your script on the device, and agree with the course's benchmark",
    hints=(
        "The cell above runs it; what it prints last is what counts.",
        "Does the script use the threads that it is told, and leave its 20 warm-up calls out?",
    ),
    mistakes={
        "one total": "One duration for all calls: append one for each, or nobody can compute a percentile.",
        "milliseconds": "These look like milliseconds; seconds are asked for.",
        "apart": "The figure is not `bench`'s: are the threads the same, and is the warm-up left out?",
    },
)
def script(records: Records) -> Verdict:
    """Judge number and speed of the script's samples against the record that was made between its two runs.

    The fastest tenth is compared, of the run that is nearer: what else a machine does makes calls slower, never faster.
    """
    seen = records.seen("edge.own_script")
    if seen is None or not seen["samples_s"] or not all(seen["samples_s"]):
        return missing("The script has printed no samples yet.")
    beside = next((one for one in records.measurements() if one.record_id == seen["record"]), None)
    if beside is None:
        return missing("The record that was made beside it is not in the ledger.")
    # A flat list is of the edition that ran the script once.
    runs = seen["samples_s"] if isinstance(seen["samples_s"][0], list) else [seen["samples_s"]]
    if min(map(len, runs)) == 1:
        return failed_as("one total")
    if min(map(len, runs)) < _FEWEST_SAMPLES:
        return failed("A hundred calls at least: the machine is asked for 200.")
    ratios = [percentile(run, 10) / beside.percentile(10) for run in runs]
    if min(ratios) > 300:
        return failed_as("milliseconds")
    if not any(1 / _FACTOR <= ratio <= _FACTOR for ratio in ratios):
        return failed_as("apart")
    return passed("Twenty lines, and the same figure.", milliseconds(median(runs[-1])))


@checkpoint(
    "e.lease.race",
    evidence_only=True,
    title="Race the files that were measured before, in turns on one machine",
    hints=(
        "The cells above do it.",
        "Push again where a file is not here, then run the cells from `predicted` on.",
    ),
    mistakes={"other bytes": "A file in this race is not the one that was measured at home: push it again."},
)
def race(records: Records) -> Verdict:
    """Judge that float32 and signed INT8 took turns, from bytes that are known from before."""
    run = race_of(records)
    if run is None or not {BASELINE, SIGNED} <= set(run.options):
        return missing(f"`{BASELINE}` and `{SIGNED}` have not taken turns yet.")
    for name in run.options:
        before = records.first(kind="accuracy", option=name)
        if before is None or before.model.sha256 != run.record(name).model.sha256:
            return failed_as("other bytes")
    return passed("The same bytes, in turns.", run.record(BASELINE).machine.label)


def throttle_texts(random: np.random.Generator) -> list[tuple]:
    """Return texts as vcgencmd prints them: nothing set, bits of now, bits of the past, both."""
    now, past = (0, 1, 2, 3), (16, 17, 18, 19)
    sets = [(), (0, 16), (3, 17, 18, 19)]
    drawn = (random.choice(bits, size=2, replace=False) for bits in (now, past, now + past, now + past))
    sets += [tuple(int(bit) for bit in bits) for bits in drawn]
    return [(f"throttled={sum(1 << bit for bit in bits):#x}",) for bits in sets]


def _bits(text: str, *, base: int = 16, most: int = 32) -> list[int]:
    number = int(text.strip().partition("=")[2].removeprefix("0x"), base)
    return [bit for bit in range(most) if number >> bit & 1]


@function_question(
    "e.lease.flags",
    title="Read the throttle flags of a Raspberry Pi",
    hints=(
        "What follows the equals sign is a hexadecimal number; `int(…, 16)` reads it.",
        "`number >> bit & 1` is 1 where the bit is set.",
    ),
    cases=throttle_texts,
    mistakes=(
        Mistake(
            "only now",
            lambda text: _bits(text, most=4),
            "These are the bits about now. Bits 16 to 19 say what has happened since it was switched on.",
        ),
        Mistake(
            "from the left",
            lambda text: [place for place, digit in enumerate(f"{int(text.partition('=')[2], 16):b}") if digit == "1"],
            "Bit 0 is the last binary digit: count from the right.",
        ),
        Mistake(
            "digits",
            lambda text: [
                place for place, digit in enumerate(reversed(text.partition("=")[2][2:])) if digit not in ("0", "x")
            ],
            "These are places of hexadecimal digits; each digit holds four bits.",
        ),
    ),
    right="A board that was hot at noon still says so in the evening.",
)
def flags(text: str) -> list[int]:
    """Return the numbers of the bits that are set."""
    return _bits(text)


def windows(random: np.random.Generator) -> list[tuple]:
    """Return medians of windows: steady, slower and slower, with an outlier at an end, and few."""
    cases = []
    for count, growth in ((10, 1.5), (25, 1.0), (60, 1.3), (3, 2.0), (15, 0.8)):
        p50_s = np.linspace(0.004, 0.004 * growth, count) * random.uniform(0.97, 1.03, count)
        if count > 9:
            p50_s[0], p50_s[-1] = 0.02, 0.001
        cases.append(([float(one) for one in p50_s],))
    return cases


def _fifths(p50_s: list, middle=median) -> float:
    count = max(1, round(len(p50_s) / 5))
    return middle(p50_s[-count:]) / middle(p50_s[:count])


def own_windows(records: Records) -> list[tuple]:
    """Return the windows of the student's own run under load."""
    record = records.latest(kind="latency", option=BUSY)
    return [([window["p50_s"] for window in record.details["windows"]],)] if record else []


@function_question(
    "e.lease.slowdown",
    title="Turn the windows of a run under load into one slow-down",
    hints=(
        "`count = max(1, round(len(p50_s) / 5))` windows at each end.",
        "`statistics` is not ready in the grader, `np.median` is: the last `count` over the first `count`.",
    ),
    cases=windows,
    own=own_windows,
    mistakes=(
        Mistake("turned around", lambda p50_s: 1 / _fifths(p50_s), "Turned around: last over first."),
        Mistake(
            "two windows",
            lambda p50_s: p50_s[-1] / p50_s[0],
            "The first and the last window alone: one slow call decides. Take a fifth at each end.",
        ),
        Mistake("mean", lambda p50_s: _fifths(p50_s, mean), "This takes means: one window with an outlier moves them."),
        Mistake(
            "halves",
            lambda p50_s: median(p50_s[len(p50_s) // 2 :]) / median(p50_s[: len(p50_s) // 2]),
            "These are halves: the first half holds minutes in which the board was hot already.",
        ),
    ),
    right="One figure for five minutes.",
)
def slowdown(p50_s: list) -> float:
    """Return the last fifth's median over the first fifth's."""
    return _fifths(p50_s)


@checkpoint(
    "e.lease.busy",
    points=2,
    gate=("an ARM processor",),
    evidence_only=True,
    title="Keep the board busy for five minutes, with its temperature in the record",
    hints=("The cell that calls `sustained` does it, on the board.", "It has to run to its end: five minutes."),
    mistakes={
        "rehearsed": "This was measured on another processor: the points wait for the board.",
        "short": "The run was stopped before heat could show.",
        "silent": "Neither temperature nor flags are in the record: is /sys visible in the container?",
    },
)
def busy(records: Records) -> Verdict:
    """Judge that a real ARM board ran long enough and told how hot it was."""
    found = [one for one in records.measurements(kind="latency", option=BUSY) if on_arm(one)]
    if not found:
        return failed_as("rehearsed") if records.latest(kind="latency", option=BUSY) else missing("Not run yet.")
    seen = found[-1].details["windows"]
    if seen[-1]["t_s"] < _LONG_S:
        return failed_as("short")
    if seen[-1]["temperature_c"] is None and seen[-1]["throttle_bits"] is None:
        return failed_as("silent")
    return passed("Now you know its fifth minute.", f"× {measured_slowdown(found[-1]):.3f}")


def loads(random: np.random.Generator) -> list[tuple]:
    """Return runs under load: with power in each window, in some, and in none."""
    cases = []
    for count, told in ((6, 1.0), (9, 0.5), (4, 0.0)):
        ends = np.cumsum(random.uniform(4.9, 5.3, count))
        power = [float(random.uniform(3, 8)) if place < told * count else None for place in range(count)]
        rows = zip(ends, random.integers(400, 1400, count), power, strict=True)
        cases.append(([{"t_s": float(end), "calls": int(calls), "power_w": watts} for end, calls, watts in rows],))
    return cases


def _joules(seen: list, *, seconds=None, images=None) -> float | None:
    known = [one["power_w"] for one in seen if one["power_w"] is not None]
    if not known:
        return None
    return mean(known) * (seconds or seen[-1]["t_s"]) / (images or sum(one["calls"] for one in seen))


def _zero_for_none(seen: list) -> float:
    watts = mean(one["power_w"] or 0.0 for one in seen)
    return watts * seen[-1]["t_s"] / sum(one["calls"] for one in seen)


@function_question(
    "e.lease.energy",
    title="Turn power, time and images into joules an image",
    hints=(
        "Watts are joules a second: mean power times all seconds, shared by all images.",
        "Leave the windows without power out of the mean, and return None where there is none at all.",
    ),
    cases=loads,
    mistakes=(
        Mistake("zero", _zero_for_none, "None is not 0 W: leave those windows out of the mean."),
        Mistake(
            "watts",
            lambda seen: _joules(seen, seconds=1.0, images=1),
            "That is the mean power: multiply it by the seconds and divide by the images.",
        ),
        Mistake("all", lambda seen: _joules(seen, images=1), "Those are the joules of the whole run."),
        Mistake(
            "sum of ends",
            lambda seen: _joules(seen, seconds=sum(one["t_s"] for one in seen)),
            "`t_s` is counted from the start: the last one is the whole time.",
        ),
    ),
    right="With the idle board in it, which somebody pays for too.",
)
def joules_an_image(windows: list) -> float | None:
    """Return the joules of one image, or None."""
    return _joules(windows)


@checkpoint(
    "e.lease.bar",
    points=2,
    gate=("an ARM processor",),
    evidence_only=True,
    title="Hold the board to the published 4.0 ms, with ExecuTorch",
    hints=("The cell above measures it, on the board.", "Was the board held back, or busy with something else?"),
    mistakes={
        "another_board": "This was measured on another core: the bar is a Cortex-A76's.",
        "missed": "Slower than was published: look at the throttle flags, and at what else runs on the board.",
    },
)
def bar(records: Records) -> Verdict:
    """Judge the median of the `.pte` on a Cortex-A76 against the published one, with a quarter for another board."""
    seen = records.seen("edge.pte_on_board")
    if seen is None or len(seen["samples_s"]) < _FEWEST_SAMPLES:
        return missing("The `.pte` of lesson 27 has not run on a board yet.")
    if "Cortex-A76" not in seen["machine"]["cpu_model"] or seen["machine"].get("emulator"):
        return failed_as("another_board", yours=seen["machine"]["cpu_model"])
    p50_s = median(seen["samples_s"])
    if p50_s > _BAR_FACTOR * _PUBLISHED_S:
        return failed_as("missed", yours=milliseconds(p50_s))
    return passed("What was published holds on your board.", f"{milliseconds(_PUBLISHED_S)}", milliseconds(p50_s))


@checkpoint(
    "e.lease.tested",
    title="Hold the estimate against what was measured on the lease",
    form={BASELINE: _TESTED, SIGNED: _TESTED},
    needs=({"subject": "edge.estimate"}, {"subject": "edge.board_race"}),
    hints=(
        "First: is the machine of this race the one that the estimate is about?",
        "A Cortex-A76 tests it; then compare the measured median with both ends.",
    ),
    mistakes={"another processor": "The estimate is about a Cortex-A76, and this race ran on another processor."},
)
def tested(records: Records) -> Verdict:
    """Judge each word against the race's processor, and on the estimate's core against the error bars."""
    given, bars, run = records.answer("e.lease.tested"), records.seen("edge.estimate"), race_of(records)
    if run is None or not {BASELINE, SIGNED} <= set(run.options):
        return missing("Float32 and signed INT8 have not raced yet.")
    right = {name: _word(run.record(name), bars[name]) for name in (BASELINE, SIGNED)}
    wrong = [name for name in right if given[name] != right[name]]
    if wrong and right[wrong[0]] == "not tested":
        return failed_as("another processor")
    if wrong:
        return failed(f"`{wrong[0]}`: this was measured on a Cortex-A76, so compare it with the two ends.")
    return passed("Whichever it is, you know more than before.", ", ".join(right.values()))


def _word(record: Measurement, bar: dict) -> str:
    if not on_the_estimated_core(record):
        return "not tested"
    return "within" if bar["low_s"] <= record.percentile(50) <= bar["high_s"] else "outside"
