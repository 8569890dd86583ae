"""A student's function called on cases without its lesson, and what it did, as plain JSON.

The notebook's check and the grader's sandbox both do it with this file, which knows no question and no answer.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from labs.optimize.traced import Traced

#: Marks a value that JSON has no form for: {"$": "array", …}. The functions' own dictionaries never use this key.
MARK = "$"

#: Characters of all results together, and levels of lists in lists; what is beyond is no result that was asked for.
_MOST_CHARACTERS = 200_000
_DEEPEST = 12


def encode(value: object, depth: int = 0) -> object:
    """Return a value as JSON knows it; arrays, infinities and what cannot be kept are marked.

    A tuple becomes a list; of a traced matrix, what was done to it goes along. ``depth`` counts the lists around it.
    """
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {MARK: "float", "text": str(float(value))}
    if isinstance(value, Traced):
        seen = {"reads": value.reads(), "fetched": value.fetched()}
        return {MARK: "traced", "values": encode(value.values.tolist(), depth), **seen}
    if isinstance(value, np.ndarray):
        return {MARK: "array", "dtype": str(value.dtype), "values": encode(value.tolist(), depth)}
    if hasattr(value, "tolist"):  # numpy's scalars, pandas' series, torch's tensors
        return encode(value.tolist(), depth)
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {str(name): encode(part, depth + 1) for name, part in value.items()}
    if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
        parts = [encode(part, depth + 1) for part in value]
        return parts if isinstance(value, list | tuple) else sorted(parts, key=str)
    return {MARK: "other", "type": type(value).__name__}


def decode(value: Any, *, arrays: bool = True) -> Any:
    """Return the value that ``encode`` wrote: arrays as arrays again (traced ones with an empty log), or as lists."""
    if isinstance(value, list):
        return [decode(part, arrays=arrays) for part in value]
    if not isinstance(value, dict):
        return value
    kind = value.get(MARK)
    if kind == "array":
        values = decode(value["values"], arrays=arrays)
        return np.array(values, dtype=value["dtype"]) if arrays else values
    if kind == "traced" and arrays:
        return Traced(decode(value["values"]))
    if kind == "float":
        return float(value["text"])
    return {name: decode(part, arrays=arrays) for name, part in value.items()}


def call(function: Callable, cases: Sequence[object]) -> list[dict]:
    """Return what a function did on each case: ``{"value": …}``, or ``{"raised": type, "said": text}``.

    Each case is a list of arguments as ``encode`` wrote them; they are made afresh, so that a function may change them.
    A kernel that returns its traced result is worth all of its matrices: what it read of the others counts as well.
    """
    done: list[dict] = []
    left = _MOST_CHARACTERS
    for case in cases:
        try:
            arguments = decode(case)
            value = function(*arguments)
            matrices = [one for one in arguments if isinstance(one, Traced)]
            kept = encode(matrices if any(value is one for one in matrices) else value)
            left -= len(json.dumps(kept))
            done.append(
                {"value": kept if left > 0 else {MARK: "other", "type": "result that is too large"}}
            )
        except Exception as error:  # whatever a student's function raises is its result
            done.append({"raised": type(error).__name__, "said": str(error)[:300]})
    return done
