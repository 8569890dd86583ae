"""What load records say: the few numbers that several lessons' judges ask for."""

from __future__ import annotations

from labs.records import Measurement
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
