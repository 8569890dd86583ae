"""One summary an option, each number with the interval behind it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from labs import stats
from labs.records.collection import Records
from labs.records.record import Measurement, require_same_machine
from labs.stats import Interval

#: The numbers that a target may bound, and whether the larger one is better.
LARGER_IS_BETTER = {"p50_s": False, "batch_fps": True, "size_bytes": False}

#: Float32 options against which others may lose answers; the first that a machine has asked counts.
BASELINES = ("food11", "edge-fp32", "torch-eager")


@dataclass(frozen=True)
class OptionSummary:
    """The facts about one option on one machine; None where nothing was measured."""

    #: The option's stable name, such as 'onnx-all'.
    option: str
    machine: str
    #: Share of images that were right, 0 to 1, with its Wilson interval.
    accuracy: Interval | None = None
    #: Median latency of a single image in seconds.
    p50_s: Interval | None = None
    #: Images a second in the largest batch size measured.
    batch_fps: Interval | None = None
    batch_size: int | None = None
    #: Size of the shipped file in bytes; exact, so the interval has no width.
    size_bytes: Interval | None = None
    #: How its answers differ from the baseline's on the same images; None if one of them was not
    #: asked.
    loss: stats.Paired | None = None
    #: Provider that most nodes ran on, or the device.
    provider: str = ""
    #: Threads of the machine's processor that the measuring process could use; NaN if they are not
    #: known.
    threads: float = math.nan
    #: All measurements behind it, oldest first.
    records: tuple[Measurement, ...] = field(default=(), repr=False, compare=False)

    @property
    def right(self) -> float:
        """How many answers were right the last time; NaN if it was never asked."""
        asked = [record for record in self.records if record.kind == "accuracy"]
        return float(sum(asked[-1].samples)) if asked else math.nan


def summarize(records: Iterable[object]) -> list[OptionSummary]:
    """Return a summary for each option of one machine; the newest record counts.

    Args:
        records: Measurements of any kind; other ledger entries are passed over.

    Raises:
        DifferentMachinesError: The records come from several machines.
    """
    measurements = [record for record in records if isinstance(record, Measurement)]
    require_same_machine(measurements)
    summaries: dict[str, OptionSummary] = {}
    for record in measurements:
        option = record.option
        if option not in summaries:
            machine = record.machine
            summaries[option] = OptionSummary(option, machine.label, threads=machine.cpu_count)
        summaries[option] = _with_record(summaries[option], record)
    baseline = _baseline(summaries)
    if baseline is None:
        return list(summaries.values())
    with_losses = []
    for option, summary in summaries.items():
        loss = Records(measurements).paired_accuracy(option, baseline)
        with_losses.append(replace(summary, loss=loss))
    return with_losses


def _with_record(summary: OptionSummary, record: Measurement) -> OptionSummary:
    """Return what is known about an option after one record more."""
    records = (*summary.records, record)
    return replace(summary, **_numbers(record, summary), records=records)


def _baseline(summaries: Mapping[str, OptionSummary]) -> str | None:
    """Return the option that others lose answers against; None where no baseline was asked."""
    for option in BASELINES:
        if option in summaries and summaries[option].accuracy:
            return option
    return None


def by_machine(records: Iterable[object], *baselines: str) -> dict[str, list[OptionSummary]]:
    """Return the options of each machine by its id; last stands the machine that measured a
    baseline's latency last.

    Args:
        baselines: ``BASELINES`` if none is named.
    """
    machines: dict[str, list[Measurement]] = {}
    lasts: dict[str, int] = {}
    for place, record in enumerate(records):
        if isinstance(record, Measurement):
            machines.setdefault(record.machine_id, []).append(record)
            if record.kind == "latency" and record.option in (baselines or BASELINES):
                lasts[record.machine_id] = place
    in_order = sorted(machines, key=lambda id: lasts.get(id, -1))
    return {id: summarize(machines[id]) for id in in_order}


def _numbers(record: Measurement, before: OptionSummary) -> dict:
    """Return the fields that one record fills."""
    if record.kind == "size":
        size = float(record.samples[-1])
        return {"size_bytes": Interval(size, size, size, 1.0)}
    ran_on = max(
        record.providers_used,
        key=record.providers_used.__getitem__,
        default=record.provider_requested,
    )
    fields: dict = {"provider": ran_on}
    if record.kind == "accuracy":
        fields["accuracy"] = record.value
    elif record.kind == "latency" and record.batch_size == 1:
        fields["p50_s"] = record.value
    elif record.kind == "throughput":
        largest = before.batch_size or 0
        if record.batch_size >= largest:
            fields |= {"batch_fps": record.throughput_fps, "batch_size": record.batch_size}
    return fields
