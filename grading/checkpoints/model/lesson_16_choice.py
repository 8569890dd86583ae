"""Choose: the frontier, the finalists, the race, the targets, and the right option under a constraint."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.evidence import answer_to, is_close, latest, percentile
from grading.checkpoints.model.lesson_16_evidence import (
    BASELINE,
    affordable,
    beats,
    blocks,
    gpu_options,
    numbers,
    on_the_frontier,
    race,
    what_ran,
)
from labs import stats
from labs.records.format import megabytes, milliseconds, rate, times
from labs.records.targets import TARGETS, Target

PLAIN_JSON = True

#: What is missing when the table is empty.
_NOTHING_MEASURED = "No option has accuracy, latency, throughput and size yet: run the measuring lessons first."

#: A pick this much behind the best one is as good: the next run might turn them round.
_AS_GOOD = 0.05


@prediction(
    "m.choose.start_guess",
    about={"kind": "load_time", "option": "int8-static-qoperator"},
    title="Predict how many times as long as float32 the INT8 model takes to be ready",
    between=(0.02, 50),
    show=times,
)
def start_ratio(entries: list[dict]) -> float | None:
    """Return INT8's median time to load over float32's, each in fresh processes."""
    records = [latest(entries, kind="load_time", option=name) for name in ("int8-static-qoperator", BASELINE)]
    return None if None in records else percentile(records[0], 50) / percentile(records[1], 50)


@checkpoint(
    "m.choose.beaten",
    points=2,
    title="Name an option that nobody needs, and the one that beats it",
    hint="The frontier's table names one for each option that is not on it. Check all four columns.",
)
def beaten(entries: list[dict]) -> Verdict:
    """Judge that the second option dominates the first."""
    given = answer_to(entries, "m.choose.beaten")
    if given is None:
        return unanswered()
    found, yours = numbers(entries), f"{given['beaten']} by {given['by']}"
    if not found:
        return failed(_NOTHING_MEASURED)
    if not {given["beaten"], given["by"]} <= set(found):
        return failed("Name two options that are measured in full.", ", ".join(found), yours)
    one, other = found[given["by"]], found[given["beaten"]]
    if beats(one, other):
        return passed("Whatever one cares about, the second is no worse.", "", yours)
    if beats(other, one):
        return failed("Turned around: the first is the one that is beaten.", "", yours)
    if given["beaten"] in on_the_frontier(found):
        return failed("This option is on the frontier: in some measure it is the best of its kind.", "", yours)
    return failed("It is beaten, but by another option: this one is worse in at least one of the four.", "", yours)


@checkpoint(
    "m.choose.finalists",
    points=2,
    title="Choose two or three finalists",
    hint="Options that you made, of different kinds, that lose no more than a point; float32 races anyway.",
)
def finalists(entries: list[dict]) -> Verdict:
    """Judge that two to four affordable options were named, one from the frontier among them."""
    given = answer_to(entries, "m.choose.finalists")
    if given is None:
        return unanswered()
    found = numbers(entries)
    if BASELINE not in found:
        return failed(_NOTHING_MEASURED)
    names, yours = [name for name in given if name != BASELINE], ", ".join(given)
    if not set(names) <= set(found):
        return failed("A finalist is not among the options that are measured in full.", ", ".join(found), yours)
    if not 2 <= len(set(names)) <= 4:
        return failed("Two to four besides float32: the race is short, and so is the manager's time.", "", yours)
    if len({what_ran(entries, name) for name in names}) < len(set(names)):
        return failed("Two of them are the same file in the same runtime: that race would compare noise.", "", yours)
    cheap = affordable(found)
    if not set(names) <= set(cheap):
        return failed("One of them loses more than a point of accuracy.", ", ".join(cheap), yours)
    if not set(names) & set(on_the_frontier(found)):
        return failed("All of them are beaten by others. Take at least one from the frontier.", "", yours)
    return passed("A race worth watching.", "", yours)


@checkpoint(
    "m.choose.ratios",
    points=3,
    title="State the speed-up in latency and in throughput, with intervals",
    hint="`one.ratio(option, 'onnx-all').interval`; for the throughput, 1 over each end of `many`'s, and swap them.",
)
def ratios(entries: list[dict]) -> Verdict:
    """Judge both intervals against the newest race."""
    given = answer_to(entries, "m.choose.ratios")
    if given is None:
        return unanswered()
    runs = race(entries, 1), race(entries, 32)
    option = given["option"]
    if not all(option in run for run in runs) or option == BASELINE:
        return failed("This option did not race against float32, with one photo and with 32.", "", str(option))
    time, batch = (stats.ratio_of_medians(blocks(run[option]), blocks(run[BASELINE])).interval for run in runs)
    latency, throughput = given["latency"], given["throughput"]
    expected = f"latency {time.low:.3f} to {time.high:.3f}, throughput {1 / batch.high:.3f} to {1 / batch.low:.3f}"
    yours = f"latency {_written(latency)}, throughput {_written(throughput)}"
    # What is right comes first: narrow intervals make some of the slips below the same numbers.
    in_time, enough = _same(latency, time.low, time.high), _same(throughput, 1 / batch.high, 1 / batch.low)
    if in_time and enough:
        return passed("Two claims that anybody can check.", expected, yours)
    if not in_time and _same(latency, 1 / time.high, 1 / time.low):
        return failed("The latency's ratio is turned around: this is float32 over the option.", expected, yours)
    if not in_time:
        return failed("The latency's interval is not the newest race's.", expected, yours)
    if _same(throughput, batch.low, batch.high):
        return failed("That is the time of a batch. Throughput goes the other way.", expected, yours)
    if _same(throughput, 1 / batch.low, 1 / batch.high):
        return failed(
            "Turning a ratio around also swaps the ends: the lower end comes from the longer time.", "", yours
        )
    return failed("The latency is right. The throughput's interval is not the newest race's.", expected, yours)


@checkpoint(
    "m.choose.targets",
    points=2,
    title="Say what this machine allows to claim about each target",
    hint="All limits of one target have to be kept by one and the same option.",
)
def targets(entries: list[dict]) -> Verdict:
    """Judge each claim against the measured options of the right kind."""
    given = answer_to(entries, "m.choose.targets")
    if given is None:
        return unanswered()
    found, on_gpu = numbers(entries), gpu_options(entries)
    if not found:
        return failed(_NOTHING_MEASURED)
    wrong, right = [], {}
    for target in TARGETS:
        fitting = {name: row for name, row in found.items() if (name in on_gpu) == (target.name == "server-gpu")}
        met = any(_keeps(row, target) for row in fitting.values())
        right[target.name] = "not measured" if not fitting else "met here" if met else "missed here"
        if given[target.name] not in ("met here", "missed here", "not measured"):
            return failed("Use one of the three phrases for each target.", "", str(given[target.name]))
        if given[target.name] != right[target.name]:
            wrong.append(target.name)
    shown, yours = (", ".join(f"{name}: {word}" for name, word in one.items()) for one in (right, given))
    if wrong:
        return failed(f"Look again at {' and '.join(wrong)}, with all of its limits.", shown, yours)
    return passed("And each of them still has to be measured on its own machine.", shown, yours)


@checkpoint(
    "m.choose.constraints",
    points=3,
    title="Pick the right option for three colleagues",
    hint="First leave out what loses more than a point. Then sort by the one number that the colleague asks for.",
)
def constraints(entries: list[dict]) -> Verdict:
    """Judge each pick: affordable, allowed, and within a few per cent of the best in the number that matters."""
    given = answer_to(entries, "m.choose.constraints")
    if given is None:
        return unanswered()
    found = numbers(entries)
    if BASELINE not in found:
        return failed(_NOTHING_MEASURED)
    cheap = affordable(found)
    kiosk = {name: row for name, row in cheap.items() if name.startswith(("onnx", "int8"))}
    wanted = {
        "app": (cheap, "size_bytes", megabytes),
        "archive": (cheap, "batch_fps", rate),
        "kiosk": (kiosk, "p50_s", milliseconds),
    }
    yours = ", ".join(f"{who}: {name}" for who, name in given.items())
    for who, (allowed, number, write) in wanted.items():
        pick = given[who]
        if pick not in found:
            return failed(f"The pick for {who} is not measured in full.", ", ".join(found), yours)
        if pick not in cheap:
            return failed(f"The pick for {who} loses more than one point of accuracy.", ", ".join(cheap), yours)
        if pick not in allowed:
            return failed(f"The pick for {who} needs a runtime that is not installed there.", "", yours)
        best = (max if number == "batch_fps" else min)(allowed, key=lambda name: allowed[name][number])
        shown = f"{who}: {best} with {write(allowed[best][number])}, yours has {write(allowed[pick][number])}"
        if not is_close(allowed[pick][number], allowed[best][number], within=_AS_GOOD):
            return failed(f"There is a clearly better one for {who}.", shown, yours)
    return passed("Three people, and not necessarily one answer.", "", yours)


def _keeps(row: dict[str, float], target: Target) -> bool:
    in_time = row["p50_s"] < target.p50_s
    enough = target.batch_fps is None or row["batch_fps"] >= target.batch_fps
    small = target.size_bytes is None or row["size_bytes"] < target.size_bytes
    return in_time and enough and small


def _same(given: dict, low: float, high: float) -> bool:
    return is_close(given["low"], low, within=0.01) and is_close(given["high"], high, within=0.01)


def _written(given: dict) -> str:
    return f"{given['low']:.3f} to {given['high']:.3f}"
