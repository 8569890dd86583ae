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


def line_through(seconds: dict[int, float]) -> tuple[float, float]:
    """Return the fixed and the per-picture seconds of the line through batches, with neither below zero.

    Each batch counts the same, whatever it takes: the squares of relative errors are smallest.

    Args:
        seconds: What a batch took, by its size.
    """
    ones = sum(1 / took**2 for took in seconds.values())
    sizes = sum(size / took**2 for size, took in seconds.items())
    squares = sum(size**2 / took**2 for size, took in seconds.items())
    right = (sum(1 / took for took in seconds.values()), sum(size / took for size, took in seconds.items()))
    determinant = ones * squares - sizes**2
    fixed_s = (right[0] * squares - right[1] * sizes) / determinant
    per_picture_s = (right[1] * ones - right[0] * sizes) / determinant
    if fixed_s < 0:
        return 0.0, right[1] / squares
    return (fixed_s, per_picture_s) if per_picture_s >= 0 else (right[0] / ones, 0.0)
