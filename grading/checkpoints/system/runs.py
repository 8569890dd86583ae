"""What load records say, as plain JSON: the few numbers that several lessons' judges ask for."""

from __future__ import annotations

from grading.checkpoints.evidence import measurements
from labs.records.load import Load
from labs.stats import Interval


def answered(record: dict) -> Interval:
    """Return a record's good answers a second, with its interval, as ``Measurement.throughput_rps`` has it."""
    return Load.from_json(record["load"]).answered_per_s(tuple(record["samples"]))


def answered_per_s(record: dict) -> float:
    """Return a record's good answers a second."""
    return answered(record).value


def compute_s(record: dict) -> float:
    """Return the mean seconds from leaving the server's queue to the answer."""
    server = record["load"]["server"]
    return server["input_s"] + server["infer_s"] + server["output_s"]


def newest_sweep(entries: list[dict], option: str) -> list[dict]:
    """Return the open-loop runs of an option's newest sweep, in their order; none while there is no sweep."""
    runs = [
        one
        for one in measurements(entries, kind="load", option=option)
        if one["load"]["mode"] == "open" and one["load"]["server"] and "sweep_id" in one["details"]
    ]
    return [one for one in runs if one["details"]["sweep_id"] == runs[-1]["details"]["sweep_id"]]
