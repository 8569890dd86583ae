"""Measure the torch model, one request at a time: percentiles from samples, and how certain they are."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, unanswered
from grading.checkpoints.evidence import answer_to, is_close, latest, measurements, percentile
from labs import stats
from labs.records.format import milliseconds, percent

PLAIN_JSON = True

NO_LATENCY = "There is no latency record of torch-eager yet: run the cell that measures it."


def eager_latency(entries: list[dict]) -> dict | None:
    """Return the record that the questions about samples are asked of: the newest one measured alone."""
    alone = [
        record
        for record in measurements(entries, kind="latency", option="torch-eager", batch_size=1)
        if "comparison_id" not in record["details"]
    ]
    return alone[-1] if alone else None


@checkpoint(
    "m.measure.percentiles",
    points=2,
    title="Compute p50, p95 and p99 from the samples",
    hint="`np.percentile(samples, 95)` is the value that 95 of 100 samples stay under. Leave it in seconds.",
)
def percentiles(entries: list[dict]) -> Verdict:
    """Judge the three percentiles against the record's samples; any way to interpolate between samples is right."""
    given = answer_to(entries, "m.measure.percentiles")
    if given is None:
        return unanswered()
    record = eager_latency(entries)
    if record is None:
        return failed(NO_LATENCY)
    expected = {f"p{q}": percentile(record, q) for q in (50, 95, 99)}
    right = ", ".join(f"{name} {milliseconds(value)}" for name, value in expected.items())
    yours = ", ".join(f"{name} {milliseconds(given[name])}" for name in expected)
    wrong = [name for name in expected if not _between_neighbours(record, int(name[1:]), given[name])]
    if not wrong:
        return passed("These are the record's percentiles.", right, yours)
    if all(is_close(given[name], expected[name] * 1e3) for name in expected):
        return failed("These are milliseconds. Seconds are asked for: milliseconds are for the screen.", right, yours)
    mean = sum(record["samples"]) / len(record["samples"])
    if "p50" in wrong and is_close(given["p50"], mean, within=1e-6):
        return failed("The mean is not the median: a few slow requests pull it up.", right, yours)
    return failed(f"Not this record's: {', '.join(wrong)}.", right, yours)


def _between_neighbours(record: dict, q: float, value: float) -> bool:
    """Return whether a value lies between the samples around the q-th percentile, with room for rounding."""
    ordered = sorted(record["samples"])
    rank = q / 100 * (len(ordered) - 1)
    low, high = ordered[max(0, int(rank) - 1)], ordered[min(len(ordered) - 1, int(rank) + 2)]
    near = is_close(value, percentile(record, q), within=0.005)
    return near or low <= value <= high


@checkpoint(
    "m.measure.certainty",
    points=2,
    title="Find which percentile is least certain, and why",
    hint="Compare how wide the three intervals are, each relative to its own value.",
)
def certainty(entries: list[dict]) -> Verdict:
    """Judge the widest interval against the samples, and the reason against how few samples lie beyond it."""
    given = answer_to(entries, "m.measure.certainty")
    if given is None:
        return unanswered()
    record = eager_latency(entries)
    if record is None:
        return failed(NO_LATENCY)
    widths = {f"p{q}": stats.median_interval(record["samples"], q=q).relative_half_width for q in (50, 95, 99)}
    yours = f"{given['widest']}, {given['samples_beyond']} samples beyond"
    if given["widest"] not in widths:
        return failed("Name one of p50, p95 and p99.", yours=yours)
    widest = max(widths.values())
    shown = ", ".join(f"{name} ± {percent(width)}" for name, width in widths.items())
    # Two that are nearly equally wide may both be called the widest.
    if widths[given["widest"]] < 0.9 * widest:
        return failed("Another percentile has a wider interval, relative to its value.", shown, yours)
    q = int(given["widest"][1:])
    # Once: a fast machine's record has tens of thousands of samples.
    limit_s = percentile(record, q)
    beyond = sum(sample > limit_s for sample in record["samples"])
    if abs(given["samples_beyond"] - beyond) > 1:
        return failed(
            "The percentile is right. Count the samples that are larger than it.", f"{shown}; {beyond} beyond", yours
        )
    return passed("That is the percentile to be careful with.", f"{shown}; {beyond} beyond", yours)


@checkpoint(
    "m.measure.more_samples",
    points=2,
    title="Work out how many samples would halve the interval twice",
    hint="The interval shrinks with the square root of the number of samples.",
)
def more_samples(entries: list[dict]) -> Verdict:
    """Judge the number of samples for a quarter of the interval's width: sixteen times as many."""
    given = answer_to(entries, "m.measure.more_samples")
    if given is None:
        return unanswered()
    record = eager_latency(entries)
    if record is None:
        return failed(NO_LATENCY)
    have = len(record["samples"])
    expected, yours = f"16 × {have} = {16 * have}", f"{given:g} = {given / have:.3g} × {have}"
    if is_close(given, 16 * have, within=0.05):
        return passed("A quarter of the width costs sixteen times the samples.", expected, yours)
    if is_close(given, 4 * have, within=0.05):
        return failed("Four times the samples halve the interval once.", expected, yours)
    if is_close(given, 16, within=0.01):
        return failed("That is the factor; multiply the number of samples by it.", expected, yours)
    return failed("The width goes with one over the square root of the number of samples.", expected, yours)


@checkpoint(
    "m.measure.accuracy_interval",
    title="Say how many points the measured accuracy is certain to",
    hint="`accuracy.value` has `low` and `high`. Half of the distance between them, in percentage points.",
)
def accuracy_interval(entries: list[dict]) -> Verdict:
    """Judge half of the interval's width, in points, against the newest accuracy record."""
    given = answer_to(entries, "m.measure.accuracy_interval")
    if given is None:
        return unanswered()
    record = latest(entries, kind="accuracy", option="torch-eager")
    if record is None:
        return failed("There is no accuracy record of torch-eager yet: run the cell that measures it.")
    samples = record["samples"]
    interval = stats.proportion_interval(round(sum(samples)), len(samples))
    points = 50 * (interval.high - interval.low)
    expected, yours = f"± {points:.1f} points, from {len(samples)} pictures", f"± {given:.3g} points"
    if is_close(given, points, within=0.1):
        return passed("An unlucky choice of pictures could have moved it that far.", expected, yours)
    if is_close(given, 2 * points, within=0.1):
        return failed("That is the whole width; what is added and taken away is half of it.", expected, yours)
    if is_close(100 * given, points, within=0.1):
        return failed("That is a fraction; a point is a hundredth.", expected, yours)
    return failed("This is not half the width of the record's interval.", expected, yours)
