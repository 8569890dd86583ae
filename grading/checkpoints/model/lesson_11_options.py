"""Measure the torch model, many at a time and side by side: batches, and eager against compiled."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.evidence import answer_to, frames_per_second, is_close, measurements, side_by_side
from grading.checkpoints.model.lesson_11_samples import NO_LATENCY, eager_latency
from labs import stats
from labs.records.format import rate, times
from labs.records.targets import target

PLAIN_JSON = True


@prediction(
    "m.measure.compile_guess",
    about={"kind": "latency", "option": "torch-compiled"},
    title="Predict how many times faster the compiled model answers",
    between=(0.05, 100),
    show=times,
)
def compiled_speedup(entries: list[dict]) -> float | None:
    """Return how many times shorter the compiled model's median latency is, measured side by side."""
    blocks = side_by_side(entries, "torch-compiled", "torch-eager")
    return None if blocks is None else 1 / stats.ratio_of_medians(*blocks).interval.value


@prediction(
    "m.measure.batch_guess",
    about={"kind": "throughput", "option": "torch-eager"},
    title="Predict how many times the throughput of single pictures a batch of 32 reaches",
    between=(0.05, 1000),
    show=times,
)
def batch_gain(entries: list[dict]) -> float | None:
    """Return the throughput of batches of 32 over that of batches of 1."""
    by_size = throughput_by_size(entries)
    return by_size[32] / by_size[1] if {1, 32} <= set(by_size) else None


@checkpoint(
    "m.measure.batches",
    points=2,
    title="Measure the eager model's throughput at batch sizes of your choice",
    hint="`bench.throughput(…)` returns one record a batch size; each of them goes into the ledger.",
)
def batches(entries: list[dict]) -> Verdict:
    """Judge that at least four batch sizes were measured, among them 1 and 32."""
    sizes = sorted(throughput_by_size(entries))
    if not sizes:
        return unanswered("Choose batch sizes, measure them and append each record to the ledger.")
    yours = ", ".join(map(str, sizes))
    missing = [str(size) for size in (1, 32) if size not in sizes]
    if missing:
        return failed(f"The comparison needs batches of {' and '.join(missing)} as well.", "1, 32 and two more", yours)
    if len(sizes) < 4:
        return failed(
            "Two points make a line. Add sizes until you can see where it bends.", "four sizes or more", yours
        )
    return passed("Enough to see the bend.", "1, 32 and two more", yours)


@checkpoint(
    "m.measure.knee",
    title="Name the smallest batch size that is good enough",
    hint="Take the best throughput times 0.9, and look for the first batch size that reaches it.",
)
def knee(entries: list[dict]) -> Verdict:
    """Judge the smallest measured batch size within ten per cent of the best throughput."""
    given = answer_to(entries, "m.measure.knee")
    if given is None:
        return unanswered()
    by_size = throughput_by_size(entries)
    if not by_size:
        return failed("There is no throughput record of torch-eager yet: measure some batch sizes first.")
    best = max(by_size.values())
    expected = min(size for size, fps in by_size.items() if fps >= 0.9 * best)
    yours = f"{given:g}" + (f": {rate(by_size[given])}" if given in by_size else "")
    shown = f"{expected}: {rate(by_size[expected])}, where the best is {rate(best)}"
    if given not in by_size:
        return failed("This batch size was not measured.", ", ".join(map(str, sorted(by_size))), yours)
    if given > expected:
        return failed(
            "A smaller batch is within 10 % of the best as well, and keeps people waiting less.", shown, yours
        )
    if given < expected:
        return failed("This one is more than 10 % below the best.", shown, yours)
    return passed("Larger batches only make people wait.", shown, yours)


@checkpoint(
    "m.measure.speedup",
    points=3,
    gate=("C++ compiler",),
    title="Read the side-by-side comparison: the ratio, its interval, and what may be said",
    hint='`ratio = comparison.ratio("torch-compiled", "torch-eager")`; its `interval` has `low` and `high`.',
)
def speedup(entries: list[dict]) -> Verdict:
    """Judge the interval against the interleaved samples, and the claim against the interval."""
    given = answer_to(entries, "m.measure.speedup")
    if given is None:
        return unanswered()
    blocks = side_by_side(entries, "torch-compiled", "torch-eager")
    if blocks is None:
        return failed(
            "There is no side-by-side record of torch-compiled and torch-eager. Run the comparison's cell; without a "
            "C++ compiler it cannot run here, and these points are for another machine."
        )
    interval = stats.ratio_of_medians(*blocks).interval
    expected, yours = f"{interval.low:.3f} to {interval.high:.3f}", f"{given['low']:.3f} to {given['high']:.3f}"
    if not (is_close(given["low"], interval.low, within=0.02) and is_close(given["high"], interval.high, within=0.02)):
        turned = is_close(given["low"], 1 / interval.high, within=0.02)
        if turned and is_close(given["high"], 1 / interval.low, within=0.02):
            return failed("Turned around: this is eager over compiled.", expected, yours)
        return failed("This is not the interval of compiled over eager from the newest comparison.", expected, yours)
    claim = "cannot tell" if 1 in interval else "compiled is faster" if interval.high < 1 else "eager is faster"
    if given["claim"] not in ("compiled is faster", "eager is faster", "cannot tell"):
        return failed("Choose one of the three claims in the comment.", claim, str(given["claim"]))
    if given["claim"] != claim:
        return failed(
            "The interval is right, but it says something else: where does 1 lie?",
            f"{expected}: {claim}",
            given["claim"],
        )
    return passed("That is what this run can say.", f"{expected}: {claim}", f"{yours}: {given['claim']}")


@checkpoint(
    "m.measure.gap",
    title="Say how far the faster torch model is from the server's latency target",
    hint="Divide its median latency by the target's. Both in seconds.",
)
def gap(entries: list[dict]) -> Verdict:
    """Judge the factor between the faster option's median and the server CPU's limit."""
    given = answer_to(entries, "m.measure.gap")
    if given is None:
        return unanswered()
    blocks = side_by_side(entries, "torch-compiled", "torch-eager")
    alone = eager_latency(entries)
    if blocks is None and alone is None:
        return failed(NO_LATENCY)
    options = (
        [alone["samples"]] if blocks is None else [[sample for block in side for sample in block] for side in blocks]
    )
    factor = min(stats.percentile(samples, 50) for samples in options) / target("server-cpu").p50_s
    expected, yours = times(factor), times(given)
    if is_close(given, factor, within=0.05):
        return passed("So much part 1 has to find, or this is not the machine for it.", expected, yours)
    if is_close(given, 1 / factor, within=0.05):
        return failed("Turned around: divide the latency by the limit.", expected, yours)
    if is_close(given, factor * 1e3, within=0.05) or is_close(given, factor / 1e3, within=0.05):
        return failed("One of the two is in milliseconds and the other in seconds.", expected, yours)
    return failed("Divide the smaller of the comparison's two medians by the limit.", expected, yours)


def throughput_by_size(entries: list[dict]) -> dict[int, float]:
    """Return frames a second of the eager model by batch size; the newest record of each counts."""
    return {
        record["batch_size"]: frames_per_second(record)
        for record in measurements(entries, kind="throughput", option="torch-eager")
    }
