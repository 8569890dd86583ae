"""Measure on the device: the work, its floor, the race, and what the bits cost."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.edge.device import (
    BASELINE,
    NOT_MEASURED,
    on_the_estimated_core,
    points_lost,
    where_of,
)
from grading.checkpoints.evidence import is_close
from labs.records import Records
from labs.records.format import milliseconds, percent

#: The options of the race.
RACERS = (BASELINE, "edge-int8-dynamic", "edge-int8-qdq", "edge-int8-s8s8")

#: The Pi 5 on paper: cores, Hz, 8-bit multiply-accumulates a cycle and core.
_CORES, _CLOCK_HZ, _INT8_PER_CYCLE = 4, 2.4e9, 32

#: Published accuracies of the older labs in percent: float32, and one static file on two processors.
_FLOAT, _ON_EPYC, _ON_INTEL = 90.59, 87.12, 89.87

_NO_WORK = "The model's work has not been counted yet: run the cells above."


@prediction(
    "e.device.form_guess",
    about={"kind": "latency", "option": "edge-int8-dynamic"},
    title="Predict which file answers fastest on the device",
    choices=RACERS,
)
def fastest_form(records: Records) -> str | None:
    """Return the option with the shortest median of the newest race."""
    run = records.comparison(*RACERS, batch_size=1)
    return min(RACERS, key=lambda name: run.record(name).percentile(50)) if run else None


@checkpoint(
    "e.device.work",
    title="Count the model's multiply-accumulates, and the dense layers' share",
    hint="`work.macs` counts single ones; the table has millions and the shares.",
)
def work(records: Records) -> Verdict:
    """Judge both numbers against the count that the lesson noted."""
    given, seen = records.answer("e.device.work"), records.seen("edge.work")
    if given is None:
        return unanswered()
    if seen is None:
        return failed(_NO_WORK)
    millions, share = seen["macs"] / 1e6, seen["dense"] / seen["macs"]
    expected = f"{millions:.0f} million, {percent(share)} of them dense"
    yours = f"{given['million_macs']:g} million, {given['dense_share']:g}"
    if is_close(given["million_macs"], seen["macs"], within=0.02):
        return failed("Those are single MACs; millions are asked for.", expected, yours)
    if not is_close(given["million_macs"], millions, within=0.02):
        return failed("Add both kinds of layers, in millions.", expected, yours)
    if is_close(given["dense_share"], 100 * share, within=0.02):
        return failed("The MACs are right. A share is a fraction, 0 to 1.", expected, yours)
    if not is_close(given["dense_share"], share, within=0.02):
        return failed("The MACs are right. Divide the dense layers' by all.", expected, yours)
    return passed("Nearly all of the arithmetic, in two thirds of the layers.", expected, yours)


@checkpoint(
    "e.device.floor",
    points=2,
    title="Work out the time of a photo at the published peak",
    hint="MACs over (cores × clock × MACs a cycle): seconds.",
)
def floor(records: Records) -> Verdict:
    """Judge the latency at the published peak of all cores."""
    given, seen = records.answer("e.device.floor"), records.seen("edge.work")
    if given is None:
        return unanswered()
    if seen is None:
        return failed(_NO_WORK)
    expected_s = seen["macs"] / (_CORES * _CLOCK_HZ * _INT8_PER_CYCLE)
    expected, yours = milliseconds(expected_s), milliseconds(given)
    if is_close(given, expected_s, within=0.03):
        return passed("Nothing on this board can be faster; whatever is measured lies above.", expected, yours)
    if is_close(given, 1e3 * expected_s, within=0.03):
        return failed("Those are milliseconds; seconds are asked for.", expected, yours)
    if is_close(given, _CORES * expected_s, within=0.03):
        return failed("That is one core's time. Four work on it.", expected, yours)
    if is_close(given, 4 * expected_s, within=0.03) or is_close(given, 16 * expected_s, within=0.03):
        return failed("That is float32's rate: 8 MACs a cycle. INT8 has its own.", expected, yours)
    if is_close(given, 2 * expected_s, within=0.03):
        return failed("A MAC is one multiplication with its addition, and the rate counts MACs too.", expected, yours)
    return failed("Divide the MACs by cores × clock × MACs a cycle.", expected, yours)


@checkpoint(
    "e.device.ratio",
    points=2,
    title="State static INT8's time over float32's on the device, with its interval",
    hint="`ratios['edge-int8-s8s8']` has `low` and `high`; where does 1 lie?",
)
def ratio(records: Records) -> Verdict:
    """Judge the interval against the newest race, and the claim against the interval."""
    given, run = records.answer("e.device.ratio"), records.comparison(BASELINE, "edge-int8-s8s8", batch_size=1)
    if given is None:
        return unanswered()
    if not run:
        return failed(NOT_MEASURED)
    interval = run.ratio("edge-int8-s8s8", BASELINE).interval
    expected, yours = f"{interval.low:.3f} to {interval.high:.3f}", f"{given['low']:.3f} to {given['high']:.3f}"
    same = [is_close(given[end], getattr(interval, end), within=0.02) for end in ("low", "high")]
    if not all(same):
        if is_close(given["low"], 1 / interval.high, within=0.02):
            return failed("Turned around: this is float32 over INT8.", expected, yours)
        return failed("This is not the interval of the newest race on the device.", expected, yours)
    claim = "cannot tell" if 1 in interval else "INT8 is faster" if interval.high < 1 else "INT8 is slower"
    if given["claim"] != claim:
        return failed("The interval is right. Which side of it does 1 lie on?", claim, str(given["claim"]))
    where = (
        ""
        if where_of(run.record(BASELINE)) == "device"
        else " It is this computer's answer, and says nothing about the Pi."
    )
    return passed(f"That is what this run can say.{where}", f"{expected}: {claim}", yours)


@checkpoint(
    "e.device.tested",
    points=2,
    title="Say whether the measurement has tested the estimate",
    hint="An estimate for a Cortex-A76 can only be tested on one: look at the record's machine.",
)
def tested(records: Records) -> Verdict:
    """Judge the word against the record's processor, and on the estimate's core against the error bars."""
    given, seen = records.answer("e.device.tested"), records.seen("edge.estimate")
    record = records.latest(kind="latency", option=BASELINE, batch_size=1)
    if given is None:
        return unanswered()
    if seen is None or record is None:
        return failed(NOT_MEASURED)
    bars, median_s = seen[BASELINE], record.percentile(50)
    shown = f"{milliseconds(bars['low_s'])} to {milliseconds(bars['high_s'])}; measured {milliseconds(median_s)}"
    if given not in ("within", "outside", "not tested"):
        return failed("Choose one of the three.", shown, str(given))
    if not on_the_estimated_core(record):
        if given == "not tested":
            return passed("Right: another processor was measured, wherever its figure happens to fall.", shown, given)
        return failed(
            "The record's machine is no Cortex-A76, so the estimate has not been tested at all.", shown, given
        )
    expected = "within" if bars["low_s"] <= median_s <= bars["high_s"] else "outside"
    if given == expected:
        return passed("Now you know more than before, whichever it is.", shown, given)
    return failed("This was measured on a Cortex-A76: compare it with the two ends.", shown, given)


@checkpoint(
    "e.device.loss",
    points=2,
    title="Say how many points the dynamic and the static INT8 file lose on the device",
    hint="Right pictures of float32, less right pictures of the file, over all pictures, times 100.",
)
def loss(records: Records) -> Verdict:
    """Judge both losses against the accuracy records from the device."""
    given = records.answer("e.device.loss")
    if given is None:
        return unanswered()
    expected = {name: points_lost(records, f"edge-int8-{name}") for name in ("dynamic", "s8s8")}
    if None in expected.values():
        return failed(NOT_MEASURED)
    shown = ", ".join(f"{name} {value:.2f} points" for name, value in expected.items())
    yours = ", ".join(f"{name} {given[name]:g}" for name in expected)
    wrong = [name for name, value in expected.items() if abs(given[name] - value) > 0.06]
    if not wrong:
        return passed("The same pictures, so no luck is in that difference.", shown, yours)
    if all(abs(given[name] + value) <= 0.06 for name, value in expected.items()):
        return failed("A loss is positive where the file is worse than float32.", shown, yours)
    if all(abs(100 * given[name] - value) <= 0.06 for name, value in expected.items()):
        return failed("Those are fractions; a point is a hundredth.", shown, yours)
    return failed(f"Not the difference of the two records: {', '.join(wrong)}.", shown, yours)


@checkpoint(
    "e.device.older",
    title="Split an older file's loss: on the Intel, and the more of it on the EPYC",
    hint="Float32 less the Intel is the one, the Intel less the EPYC the other.",
    needs=({"kind": "accuracy", "option": "int8-one-scale"},),
)
def older(records: Records) -> Verdict:
    """Judge the two parts of the published loss."""
    given = records.answer("e.device.older")
    if given is None:
        return unanswered()
    on_intel, more = _FLOAT - _ON_INTEL, _ON_INTEL - _ON_EPYC
    expected = f"{on_intel:.2f} points and {more:.2f} points"
    yours = f"{given['on_intel']:g} and {given['more_on_epyc']:g}"
    if abs(given["on_intel"] - on_intel) < 0.02 and abs(given["more_on_epyc"] - more) < 0.02:
        return passed(
            "Rounding alone costs less than a point there; the rest wants another explanation.", expected, yours
        )
    if abs(given["on_intel"] - more) < 0.02 and abs(given["more_on_epyc"] - on_intel) < 0.02:
        return failed("The other way round: the Intel loses less.", expected, yours)
    if abs(given["more_on_epyc"] - (_FLOAT - _ON_EPYC)) < 0.02:
        return failed("That is the EPYC's whole loss; how much more than the Intel's is it?", expected, yours)
    return failed("Subtract percentages; the differences are points.", expected, yours)
