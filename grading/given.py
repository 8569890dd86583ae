"""What stands beside a function when it is called without its lesson, and what of a function would be missing there.

The grader runs the answer cells of a lesson and no other cell: no torch, no runtime, no server, and no record. The
notebook's check names what a function takes from elsewhere, so that nobody learns of it from a grade.
"""

from __future__ import annotations

import builtins
import dis
import json
import linecache
import math
import symtable
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FunctionType

import numpy as np
import pandas as pd

from labs import stats
from labs.records.format import duration, megabytes, milliseconds, percent, rate, times
from labs.records.options import summarize
from labs.records.targets import target


def names() -> dict[str, object]:
    """Return the names that a lesson's functions may use."""
    return {
        **{"np": np, "pd": pd, "json": json, "math": math, "stats": stats, "target": target, "summarize": summarize},
        **{"duration": duration, "megabytes": megabytes, "milliseconds": milliseconds, "percent": percent},
        **{"rate": rate, "times": times},
    }


def taken_from_elsewhere(function: Callable, answers: Iterable[str] = ()) -> list[str]:
    """Return the names that a function uses and that neither its cell nor the grader has, sorted.

    Args:
        function: One that was written in a cell or a file; of anything else, nothing can be said.
        answers: Names of functions that other answer cells define.
    """
    if not isinstance(function, FunctionType):
        return []
    cell = function.__code__.co_filename
    own = _bound("".join(linecache.getlines(cell)))
    if function.__name__ not in own:
        return []
    there = own | {*answers, *names(), *dir(builtins)}
    missing: set[str] = set()
    waiting, seen = [function], {function}
    while waiting:
        one = waiting.pop()
        used = set(_globals_of(one.__code__))
        missing |= used - there
        called = {value for name in used & own if isinstance(value := one.__globals__.get(name), FunctionType)}
        # What a helper in the same cell needs is needed as well.
        helpers = {helper for helper in called if helper.__code__.co_filename == cell} - seen
        waiting += helpers
        seen |= helpers
    return sorted(missing)


def _bound(source: str) -> set[str]:
    """Return the names that a cell's own lines make."""
    try:
        table = symtable.symtable(source, "cell", "exec")
    except SyntaxError:
        return set()
    return {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}


def _globals_of(code: CodeType) -> Iterator[str]:
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield step.argval
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _globals_of(inner)
