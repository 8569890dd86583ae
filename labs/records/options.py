"""One summary an option, each number with the interval behind it, and the options that no other beats."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from labs import stats
from labs.records.collection import Records
from labs.records.record import Measurement, require_same_machine
from labs.stats import Interval

#: The numbers by which options are judged, and whether the larger one is better.
LARGER_IS_BETTER = {
    "accuracy": True,
    "p50_s": False,
    "p95_s": False,
    "p99_s": False,
    "batch_fps": True,
    "size_bytes": False,
}

#: The numbers for which options can be told from each other; a run side by side says nothing about tails.
COMPARABLE = ("accuracy", "p50_s", "batch_fps", "size_bytes")


@dataclass(frozen=True)
class OptionSummary:
    """What is known about one option on one machine; None where nothing was measured."""

    #: The option's stable name, such as 'onnx-all'.
    option: str
    #: One line that names the machine.
    machine: str
    #: Hash of what makes runs comparable.
    machine_id: str
    #: Share of images that were right, 0 to 1, with its Wilson interval.
    accuracy: Interval | None = None
    #: Median latency of a single image in seconds.
    p50_s: Interval | None = None
    #: The latency that 95 of 100 requests stay under, in seconds.
    p95_s: Interval | None = None
    #: The latency that 99 of 100 requests stay under, in seconds.
    p99_s: Interval | None = None
    #: Images a second in the largest batch size measured.
    batch_fps: Interval | None = None
    #: That batch size.
    batch_size: int | None = None
    #: Size of the shipped file in bytes; exact, so the interval has no width.
    size_bytes: Interval | None = None
    #: Provider that most nodes ran on, or the device.
    provider: str = ""
    #: Precision that was computed in.
    precision: str = ""
    #: All measurements behind it, oldest first.
    records: tuple[Measurement, ...] = field(default=(), repr=False, compare=False)


class Best(NamedTuple):
    """The best options by one number, and what may be said of the others; options in none of the sets are worse."""

    #: Those with the best figure.
    leaders: set[str]
    #: Those that a comparison could not tell from the best.
    near: set[str]
    #: Those that were never compared with it: not on the same images, or not side by side.
    uncompared: set[str]


def summarize(records: Iterable[object], *, across_machines: bool = False) -> list[OptionSummary]:
    """Return one summary for each option (and machine), in order of first appearance; the newest record counts.

    Args:
        records: Measurements of any kind; other ledger entries are passed over.
        across_machines: Accept records of several machines, each with its own summary.

    Raises:
        DifferentMachinesError: The records come from several machines and ``across_machines`` is not set.
    """
    kept = [record for record in records if isinstance(record, Measurement)]
    if not across_machines:
        require_same_machine(kept)
    found: dict[tuple[str, str], OptionSummary] = {}
    for record in kept:
        key = (record.option, record.machine.machine_id)
        before = found.get(key) or OptionSummary(record.option, record.machine.label, record.machine.machine_id)
        found[key] = replace(before, **_numbers(record, before), records=(*before.records, record))
    return list(found.values())


def told_apart(one: OptionSummary, other: OptionSummary, number: str) -> str:
    """Return whether ``one`` is 'better' or 'worse' than ``other``, 'cannot tell', or 'not compared'.

    Accuracy is compared image by image, times and throughput by the newest run in which both took turns. Intervals of
    runs of their own decide nothing: they know neither the images that both were shown nor what the machine did
    between the runs. Figures without any width, such as sizes, are compared as they are.

    Args:
        one: An option.
        other: Another, of the same machine.
        number: A key of ``LARGER_IS_BETTER``.
    """
    first, second = getattr(one, number), getattr(other, number)
    if first is None or second is None:
        return "not compared"
    if first.low == first.high and second.low == second.high and 0 not in (first.confidence, second.confidence):
        gain = (first.value - second.value) * (1 if LARGER_IS_BETTER[number] else -1)
        return "cannot tell" if gain == 0 else "better" if gain > 0 else "worse"
    both = Records(one.records + other.records)
    if number == "accuracy":
        paired = both.paired_accuracy(one.option, other.option)
        return "not compared" if paired is None else paired.verdict
    kind, batch_size = ("latency", 1) if number == "p50_s" else ("throughput", one.batch_size)
    if number not in COMPARABLE or (number == "batch_fps" and one.batch_size != other.batch_size):
        return "not compared"
    run = both.comparison(one.option, other.option, kind=kind, batch_size=batch_size)
    if run is None:
        return "not compared"
    return {"faster": "better", "slower": "worse"}.get(run.ratio(one.option, other.option).verdict, "cannot tell")


def best(options: Sequence[OptionSummary], number: str) -> Best:
    """Return the names of the best options, of those that cannot be told from them, and of those not compared.

    Args:
        options: Summaries of one machine.
        number: A key of ``LARGER_IS_BETTER``; one that is not ``COMPARABLE`` has no best.
    """
    known = [one for one in options if getattr(one, number) is not None]
    if not known or number not in COMPARABLE:
        return Best(set(), set(), set())
    first = (max if LARGER_IS_BETTER[number] else min)(known, key=lambda one: getattr(one, number).value)
    # A run side by side overrules figures of two runs.
    for one in known:
        if one is not first and told_apart(one, first, number) == "better":
            first = one
    leaders = {one.option for one in known if getattr(one, number) == getattr(first, number)}
    said = {one.option: told_apart(one, first, number) for one in known if one.option not in leaders}
    near, uncompared = ({name for name, word in said.items() if word == w} for w in ("cannot tell", "not compared"))
    return Best(leaders, near, uncompared)


#: One table after the other summarizes the same records.
_interval = functools.lru_cache(maxsize=1024)(stats.steady_interval)


def _numbers(record: Measurement, before: OptionSummary) -> dict:
    """Return the fields that one record fills."""
    if record.kind == "size":
        size = float(record.samples[-1])
        return {"size_bytes": Interval(size, size, size, 1.0)}
    ran_on = max(record.providers_used, key=record.providers_used.get, default=record.provider_requested)
    fields: dict = {"provider": ran_on, "precision": record.precision}
    if record.kind == "accuracy":
        fields["accuracy"] = record.value
    elif record.kind == "latency" and record.batch_size == 1:
        for name, q in (("p50_s", 50), ("p95_s", 95), ("p99_s", 99)):
            fields[name] = _interval(record.samples, q=q)
    elif record.kind == "throughput" and record.batch_size >= (before.batch_size or 0):
        fields |= {"batch_fps": record.throughput_fps, "batch_size": record.batch_size}
    return fields


#: What an option is judged by unless a lesson says otherwise.
OBJECTIVES = ("accuracy", "p50_s", "batch_fps", "size_bytes")
