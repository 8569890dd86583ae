"""What load records say: the few numbers that several lessons' judges ask for."""

from __future__ import annotations

from labs.records import Measurement, Records
from labs.stats import Interval


def answered(record: Measurement) -> Interval:
    """Return a record's good answers a second, with its interval."""
    return record.throughput_rps


def answered_per_s(record: Measurement) -> float:
    """Return a record's good answers a second."""
    return answered(record).value


def compute_s(record: Measurement) -> float:
    """Return the mean seconds from leaving the server's queue to the answer."""
    return record.load.server.compute_s


def newest_sweep(records: Records, option: str) -> list[Measurement]:
    """Return the open-loop runs of an option's newest sweep, in their order; none while there is no sweep."""
    runs = [
        one
        for one in records.measurements(kind="load", option=option)
        if one.load.mode == "open" and one.load.server and "sweep_id" in one.details
    ]
    return [one for one in runs if one.details["sweep_id"] == runs[-1].details["sweep_id"]]
