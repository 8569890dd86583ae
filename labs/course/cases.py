"""What a function did on its cases, held against what was expected: the first case that fails speaks.

Cases stand from plain to special, each with the sentence for a function that fails just there. If the result is wrong
in a way that every question knows (the wrong sign, twice as much, …), the general sentence stands behind it; only if
there is no result to speak of (nothing returned, a text for a number) does it stand alone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from labs.course.calls import MARK, decode
from labs.course.cells import ALONE, MAY_IMPORT

#: Characters of one value in a call.
_MOST_SHOWN = 160

#: Share of a number, and distance from 0, by which a result may differ.
_NEAR, _ZERO = 1e-3, 1e-9


class State(StrEnum):
    """How a question stands."""

    PASSED = "passed"
    #: There is an answer, and it is not right.
    FAILED = "failed"
    #: The stub is still there, or nothing was handed over.
    UNANSWERED = "unanswered"
    #: A record or a file that the question rests on is not there yet.
    MISSING = "missing"
    #: The grader could not open it, through no fault of the student's; only the grader says so.
    PENDING = "pending"
    #: Taken out of the assignment for the whole class; only the assignment says so.
    VOID = "void"


@dataclass(frozen=True)
class Verdict:
    """The outcome of one check."""

    state: State
    #: What is right, or what is wrong and what to do about it. Backticks mark code.
    message: str
    #: Names and values shown below it: the call, what came, and what was expected.
    shown: tuple[tuple[str, str], ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the points are earned."""
        return self.state is State.PASSED


STUB = Verdict(
    State.UNANSWERED,
    "Not written yet: replace the line `raise NotImplementedError`, and run its cell.",
)


def judge(name: str, cases: Sequence[Mapping], outputs: Sequence[Mapping]) -> Verdict:
    """Return the verdict on a function, by what it did on its cases (``labs.course.calls.call``).

    Of each case, arguments and expected result are encoded; its sentence may be empty.
    """
    if len(outputs) != len(cases):
        return Verdict(
            State.FAILED, "The cases have changed since this was checked: run the check again."
        )
    for case, came in zip(cases, outputs, strict=True):
        expected = decode(case["expected"], arrays=False)
        if "value" in came:
            value = decode(came["value"], arrays=False)
            if close(value, expected):
                continue
            says, did = general(value, expected, case["says"]), shown(value)
        elif came.get("raised") == "NotImplementedError":
            return replace(STUB, message=f"{STUB.message} It may import {MAY_IMPORT}.")
        else:
            said = f": {came['said']}" if came.get("said") else ""
            alone = ALONE if came.get("raised") == "NameError" else case["says"]
            says, did = f"It stops with {came.get('raised')}{said}. {alone}".strip(), "nothing"
        arguments = ", ".join(shown(decode(one, arrays=False)) for one in case["args"])
        pairs = (("Call", f"{name}({arguments})"), ("Returned", did), ("Expected", shown(expected)))
        return Verdict(State.FAILED, says, pairs)
    return Verdict(State.PASSED, f"Right in all {len(cases)} cases.")


def general(came: Any, expected: Any, own: str) -> str:
    """Return the case's own sentence, and behind it what is wrong in a way that every question knows."""
    if came is None and expected is not None:
        return "It returns nothing: is there a `return`?"
    if isinstance(expected, dict) and isinstance(came, dict):
        if came.keys() != expected.keys():
            return f"{own} Its keys are {shown(sorted(came))} instead of {shown(sorted(expected))}.".strip()
        wrong = next(name for name in expected if not close(came[name], expected[name]))
        return f"`{wrong}` is wrong. {general(came[wrong], expected[wrong], own)}"
    if _kind(came) != _kind(expected):
        return f"It returns {_kind(came)} instead of {_kind(expected)}."
    values, wanted = _numbers(came), _numbers(expected)
    if values is None or wanted is None:
        # Of a list of words, the case's own sentence says which one is missing.
        if isinstance(expected, list) and len(came) != len(expected):
            return own or f"It returns {len(came)} values instead of {len(expected)}."
        if isinstance(expected, list) and sorted(map(repr, came)) == sorted(map(repr, expected)):
            return f"{own} The right values, in another order.".strip()
        return own or "Another result is expected: work this call out by hand, and compare."
    if values.shape != wanted.shape:
        return (
            f"It returns an array of shape {values.shape} instead of {wanted.shape}. {own}".strip()
        )
    return _numerical(came, expected, values, wanted, own)


def _numerical(came: Any, expected: Any, values: np.ndarray, wanted: np.ndarray, own: str) -> str:
    if (
        wanted.ndim == 1 and len(wanted) <= 3 and not _reordered(values, wanted)
    ):  # several results: the first wrong one
        at = [close(one, right) for one, right in zip(came, expected, strict=True)].index(False)
        return f"Value {at + 1} of {len(wanted)} is wrong. {general(came[at], expected[at], own)}"
    says = _known(values, wanted, isinstance(expected, int)) or (
        "" if own else _how_far(values, wanted)
    )
    return f"{own} {says}".strip()


def _known(values: np.ndarray, wanted: np.ndarray, whole: bool) -> str:
    """Return what is wrong with numbers in a way that every question knows, or nothing."""
    if whole and np.rint(values) == wanted and values % 1:
        return "It is not a whole number."
    if _alike(values, wanted):  # whole numbers are held to more than to a thousandth
        return ""
    with np.errstate(all="ignore"):
        factor = values / np.where(wanted == 0, np.nan, wanted)
        known = {
            "The right values, in another order.": _reordered(values, wanted),
            "It has the wrong sign.": _alike(-values, wanted),
            "It is turned around: 1 divided by what was asked for.": _alike(
                values * wanted, np.ones_like(wanted)
            ),
            "It exceeds the limits.": values.size > 2
            and _alike(np.clip(values, wanted.min(), wanted.max()), wanted),
            f"It is {factor.flat[0]:g} times what was asked for.": values.size > 2
            and _alike(factor, factor.flat[0]),
        }
    return next((says for says, true in known.items() if true), "")


def _how_far(values: np.ndarray, wanted: np.ndarray) -> str:
    """Return what can be said of any wrong numbers."""
    if values.ndim:
        wrong = int(np.sum(~np.isclose(values, wanted, rtol=_NEAR, atol=_ZERO)))
        return f"Of {values.size} numbers, {wrong or 'at least one'} are wrong: work one of them out by hand."
    by = shown(abs(float(values - wanted)))
    return f"It is {by} too {'small' if values < wanted else 'large'}: work this call out by hand."


def _reordered(values: np.ndarray, wanted: np.ndarray) -> bool:
    """Return whether these are the right numbers in another order."""
    return (
        wanted.ndim == 1 and not _alike(values, wanted) and _alike(np.sort(values), np.sort(wanted))
    )


def _alike(values: Any, wanted: Any) -> bool:
    """Return whether numbers are as near as ``close`` asks of those that are not whole."""
    return np.allclose(values, wanted, rtol=_NEAR, atol=_ZERO)


def close(came: Any, expected: Any) -> bool:
    """Return whether a result is what was expected: whole numbers and words the same, others within a thousandth."""
    if isinstance(expected, list):
        return (
            isinstance(came, list)
            and len(came) == len(expected)
            and all(map(close, came, expected))
        )
    if isinstance(expected, dict):
        return (
            isinstance(came, dict)
            and came.keys() == expected.keys()
            and all(close(came[name], expected[name]) for name in expected)
        )
    if isinstance(expected, bool) or isinstance(came, bool):
        return came is expected
    if isinstance(expected, float) and isinstance(came, int | float):
        if math.isnan(expected):
            return math.isnan(came)
        return math.isclose(came, expected, rel_tol=_NEAR, abs_tol=_ZERO)
    return came == expected


def shown(value: Any) -> str:
    """Return a value on one line."""
    if isinstance(value, float):
        text = f"{value:.4g}"
    elif isinstance(value, list):
        text = f"[{', '.join(map(shown, value))}]"
    elif isinstance(value, dict) and MARK in value:
        text = f"a {value.get('type', 'value')}"
    elif isinstance(value, dict):
        text = f"{{{', '.join(f'{name}: {shown(part)}' for name, part in value.items())}}}"
    else:
        text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 2]} …"


def _numbers(value: Any) -> np.ndarray | None:
    """Return a number, or a regular list of them, as an array; None for anything else."""
    try:
        found = np.asarray(value)
    except ValueError:
        return None
    return found.astype(float) if found.dtype.kind in "iuf" else None


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "True or False"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, dict):
        return f"a {value.get('type', 'value')}" if MARK in value else "a dictionary"
    return "nothing" if value is None else "a list or an array"
