"""Start here: one prediction and one function, small enough to learn how questions work."""

from __future__ import annotations

import numpy as np

from grading.checkpoints import Mistake, function_question, prediction
from labs.records import Records

_SIZE = {"kind": "size", "option": "torch-eager"}


@prediction(
    "start.size_guess",
    about=_SIZE,
    title="Predict the size of the model's file",
    unit="MB",
    between=(0.001, 100_000),
)
def size_mb(records: Records) -> float | None:
    """Return the measured size of the model's file in megabytes."""
    record = records.latest(**_SIZE)
    return None if record is None else record.samples[-1] / 1e6


def _cases(random: np.random.Generator) -> list[tuple]:
    return [(int(size_bytes),) for size_bytes in 10 ** random.uniform(5, 10, size=5)]


def _own(records: Records) -> list[tuple]:
    record = records.latest(**_SIZE)
    return [] if record is None else [(int(record.samples[-1]),)]


@function_question(
    "start.megabytes",
    points=1,
    title="Write a function that turns bytes into megabytes",
    hints=("How many bytes is one megabyte? Mega is a million.", "`return size_bytes / …` with that number."),
    cases=_cases,
    own=_own,
    needs=(_SIZE,),
    mistakes=(
        Mistake("mebibytes", lambda size_bytes: size_bytes / 2**20, "These are mebibytes (MiB), of 2²⁰ bytes each."),
        Mistake("kilobytes", lambda size_bytes: size_bytes / 1e3, "These are kilobytes: mega is a million."),
        Mistake("multiplied", lambda size_bytes: size_bytes * 1e6, "Turned around: a megabyte holds many bytes."),
    ),
)
def megabytes(size_bytes: int) -> float:
    """Return a size in megabytes."""
    return size_bytes / 1e6
