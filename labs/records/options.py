"""One summary an option, each number with the interval behind it: what tables and pictures are drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from labs import stats
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


@dataclass(frozen=True)
class OptionSummary:
    """What is known about one option on one machine; None where nothing was measured."""

    #: The option's stable name, such as 'onnx-all'.
    option: str
    #: One line that names the machine.
    machine: str
    #: Hash of what makes runs comparable.
    machine_id: str
    #: Share of pictures that were right, 0 to 1, with its Wilson interval.
    accuracy: Interval | None = None
    #: Median latency of a single picture in seconds.
    p50_s: Interval | None = None
    #: The latency that 95 of 100 requests stay under, in seconds.
    p95_s: Interval | None = None
    #: The latency that 99 of 100 requests stay under, in seconds.
    p99_s: Interval | None = None
    #: Pictures a second in the largest batch size measured.
    batch_fps: Interval | None = None
    #: That batch size.
    batch_size: int | None = None
    #: Size of the shipped file in bytes; exact, so the interval has no width.
    size_bytes: Interval | None = None
    #: Provider that most nodes ran on, or the device.
    provider: str = ""
    #: Precision that was computed in.
    precision: str = ""


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
        found[key] = replace(before, **_numbers(record, before))
    return list(found.values())


def best(options: Sequence[OptionSummary], number: str) -> tuple[set[str], set[str]]:
    """Return the names of the best options, and of those that this run cannot tell from them.

    The second set holds the options whose interval overlaps with the best one's.

    Args:
        options: Summaries of one machine.
        number: A key of ``LARGER_IS_BETTER``.
    """
    known = {one.option: getattr(one, number) for one in options if getattr(one, number) is not None}
    if not known:
        return set(), set()
    first = (max if LARGER_IS_BETTER[number] else min)(known.values(), key=lambda interval: interval.value)
    leaders = {name for name, interval in known.items() if interval.value == first.value}
    near = {name for name, interval in known.items() if interval.low <= first.high and first.low <= interval.high}
    return leaders, near - leaders


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
            fields[name] = stats.median_interval(record.samples, q=q)
    elif record.kind == "throughput" and record.batch_size >= (before.batch_size or 0):
        fields |= {"batch_fps": record.throughput_fps, "batch_size": record.batch_size}
    return fields
