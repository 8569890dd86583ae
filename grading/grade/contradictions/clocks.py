"""Clocks: samples fit into their run, they vary, and nobody else has them."""

from __future__ import annotations

from collections.abc import Iterator

from grading.grade.contradictions.finding import Finding, impossible, named

#: Kinds whose samples are taken one after the other inside the run that the clock readings enclose.
_IN_TURN = ("latency", "throughput")

#: Kinds measured with a clock, many times.
_CLOCKED = (*_IN_TURN, "load")

#: Clock readings are two more calls than the samples know of; rounding in the file is far below this, in seconds.
_ROUNDING_S = 1e-4

#: Share by which sums of rounded times may exceed what bounds them.
_ROUNDING = 0.01

#: Of so many samples, a few may coincide: clocks tick in steps. All but a few never do.
_FEWEST_TO_JUDGE = 20
_LEAST_DISTINCT = 0.05


def run_has_a_length(records: list[dict]) -> Iterator[Finding]:
    """Yield records that end before they begin."""
    for record in records:
        if record["monotonic_end_s"] < record["monotonic_start_s"]:
            yield impossible("run-ends-before-it-begins", f"The {named(record)} ends before it begins.", record)


def samples_fit_the_run(records: list[dict]) -> Iterator[Finding]:
    """Yield records whose samples, one after the other, last longer than the run that holds them."""
    for record in records:
        if record["kind"] not in _IN_TURN or record.get("concurrency", 1) != 1:
            continue
        total_s, wall_s = sum(record["samples"]), record["monotonic_end_s"] - record["monotonic_start_s"]
        if wall_s >= 0 and total_s > wall_s * 1.001 + _ROUNDING_S:
            yield impossible(
                "samples-longer-than-run",
                f"The samples of the {named(record)} add up to {total_s:.3g} s, and its run lasted {wall_s:.3g} s.",
                record,
            )


def samples_vary(records: list[dict]) -> Iterator[Finding]:
    """Yield records whose readings are (nearly) all the same."""
    for record in _clocked(records):
        samples = record["samples"]
        if len(set(samples)) <= max(2, _LEAST_DISTINCT * len(samples)):
            yield impossible(
                "samples-constant",
                f"The {named(record)} has {len(samples)} samples and {len(set(samples))} different values: no clock "
                "reads the same again and again.",
                record,
            )


def samples_are_taken_once(records: list[dict]) -> Iterator[Finding]:
    """Yield records that hold the very samples of an earlier one."""
    first: dict[tuple[float, ...], dict] = {}
    for record in _clocked(records):
        before = first.setdefault(tuple(record["samples"]), record)
        if before is not record:
            message = f"The {named(record)} holds the very samples of the {named(before)}."
            yield impossible("samples-twice", message, record)


def load_fits_its_senders(records: list[dict]) -> Iterator[Finding]:
    """Yield load records whose requests do not fit into their run.

    Source: Little (1961): requests inside at once are their rate times their time; N senders have at most N inside.
    """
    for record in records:
        load = record.get("load")
        if record["kind"] != "load" or not isinstance(load, dict):
            continue
        samples, offsets, failures = record["samples"], load["offsets_s"], load["failures"]
        if len(offsets) != len(samples):
            message = f"The {named(record)} has {len(samples)} answers and {len(offsets)} moments at which they began."
            yield impossible("load-of-two-lengths", message, record)
            continue
        ends = [a + b for a, b in zip(offsets, samples, strict=True)]
        ends += [failure["offset_s"] + failure["latency_s"] for failure in failures]
        inside_s = sum(samples) + sum(failure["latency_s"] for failure in failures)
        if load["mode"] == "closed" and inside_s > record["concurrency"] * max(ends) * (1 + _ROUNDING):
            message = (
                f"In the {named(record)}, {record['concurrency']} senders waited {inside_s:.0f} s in all, within "
                f"{max(ends):.0f} s: each waits for one answer at a time."
            )
            yield impossible("load-beyond-its-senders", message, record)


def _clocked(records: list[dict]) -> Iterator[dict]:
    """Yield the records that have enough readings of a clock to be judged by them."""
    return (one for one in records if one["kind"] in _CLOCKED and len(one["samples"]) >= _FEWEST_TO_JUDGE)
