"""Call a student's function on cases without its lesson, and return its results as plain JSON.

The notebook's check and the grader's sandbox both use this file. It contains neither questions nor
answers.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from labs.judge.traced import Traced

#: Marks a value that JSON has no form for: {"$": "array", …}. The functions' own dictionaries never
#: use this key.
MARK = "$"

#: Characters of all results together, and levels of lists in lists; what is beyond is no result
#: that was asked for.
_MOST_CHARACTERS = 200_000
_DEEPEST = 12


def encode(value: object, depth: int = 0) -> object:
    """Return a value as JSON knows it; arrays, infinities and values that JSON cannot represent are
    marked.

    A tuple becomes a list; a traced matrix is returned with the log of its accesses. ``depth``
    counts the lists around it.
    """
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        number = float(value)
        return number if math.isfinite(number) else {MARK: "float", "text": str(number)}
    if isinstance(value, Traced):
        values = encode(value.values.tolist(), depth)
        log = {"reads": value.reads(), "fetched": value.fetched()}
        return {MARK: "traced", "values": values, **log}
    if isinstance(value, np.ndarray):
        values = encode(value.tolist(), depth)
        return {MARK: "array", "dtype": str(value.dtype), "values": values}
    if hasattr(value, "tolist"):  # numpy's scalars, pandas' series, torch's tensors
        return encode(value.tolist(), depth)
    if depth < _DEEPEST:
        if isinstance(value, Mapping):
            return {str(name): encode(part, depth + 1) for name, part in value.items()}
        if isinstance(value, list | tuple):
            return [encode(part, depth + 1) for part in value]
        if isinstance(value, set | frozenset):
            parts = [encode(part, depth + 1) for part in value]
            return sorted(parts, key=str)
    return {MARK: "other", "type": type(value).__name__}


def decode(value: Any, *, arrays: bool = True) -> Any:
    """Return the value that ``encode`` wrote: arrays as arrays again (traced ones with an empty
    log), or as lists.
    """
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
    """Return what a function did on each case: ``{"value": …}``, or
    ``{"raised": type, "said": text}``.

    Each case is a list of arguments as ``encode`` wrote them; they are new copies, so that a
    function may change them. If a kernel returns its traced result, the log contains all of its
    matrices, because reads of the others count too.
    """
    outputs: list[dict] = []
    characters_left = _MOST_CHARACTERS
    for case in cases:
        try:
            arguments = decode(case)
            value = function(*arguments)
            matrices = [argument for argument in arguments if isinstance(argument, Traced)]
            if any(value is matrix for matrix in matrices):
                value = matrices
            result = encode(value)
            characters_left -= len(json.dumps(result))
            if characters_left <= 0:
                result = {MARK: "other", "type": "result that is too large"}
            outputs.append({"value": result})
        except Exception as error:  # whatever a student's function raises is its result
            message = str(error)[:300]
            outputs.append({"raised": type(error).__name__, "said": message})
    return outputs
