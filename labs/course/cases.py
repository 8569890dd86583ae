"""The verdict on a function: its results on the cases, compared with the expected ones. The first
failing case gives the message.

Cases are ordered from plain to special, each with the message for a function that fails it. If the
result is wrong in a common way (the wrong sign, twice as much, …), the general sentence follows the
case's message. It appears alone only if there is no usable result (nothing returned, a text for a
number).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from labs.course.cells import ALONE, MAY_IMPORT
from labs.judge.calls import MARK, decode

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
    #: Its lesson was unlocked by the instructor before it was right.
    LOST = "lost"
    #: Everybody has its points; only the assignment says so.
    CREDITED = "credited"


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
    """Return the verdict on a function, from its results on its cases (``labs.judge.calls.call``).

    The arguments and the expected result of each case are encoded; its sentence may be empty.
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
            sentence = general(value, expected, case["says"])
            returned = shown(value)
        elif came.get("raised") == "NotImplementedError":
            return replace(STUB, message=f"{STUB.message} It may import {MAY_IMPORT}.")
        else:
            sentence = _of_exception(came, case["says"])
            returned = "nothing"
        arguments = ", ".join(map(shown, decode(case["args"], arrays=False)))
        call = f"{name}({arguments})"
        pairs = (("Call", call), ("Returned", returned), ("Expected", shown(expected)))
        return Verdict(State.FAILED, sentence, pairs)
    return Verdict(State.PASSED, f"Right in all {len(cases)} cases.")


def _of_exception(came: Mapping, own: str) -> str:
    """Return the message for a function that raised, with the case's own advice if it helps."""
    kind = came.get("raised")
    message = f": {came['said']}" if came.get("said") else ""
    advice = ALONE if kind == "NameError" else own
    return f"It stops with {kind}{message}. {advice}".strip()


def general(came: Any, expected: Any, own: str) -> str:
    """Return the case's own sentence, and behind it a fault that every question knows."""
    if came is None and expected is not None:
        return "It returns nothing. Is there a `return`?"
    if isinstance(expected, dict) and isinstance(came, dict):
        if came.keys() != expected.keys():
            keys = shown(sorted(came))
            wanted_keys = shown(sorted(expected))
            return f"{own} Its keys are {keys} instead of {wanted_keys}.".strip()
        name = _first_wrong(expected, came, expected)
        of_value = general(came[name], expected[name], own)
        return f"`{name}` is wrong. {of_value}"
    if _kind(came) != _kind(expected):
        return f"It returns {_kind(came)} instead of {_kind(expected)}."
    values = _numbers(came)
    wanted = _numbers(expected)
    if values is None or wanted is None:
        return _of_words(came, expected, own)
    if values.shape != wanted.shape:
        shapes = f"{values.shape} instead of {wanted.shape}"
        return f"It returns an array of shape {shapes}. {own}".strip()
    return _numerical(came, expected, values, wanted, own)


def _first_wrong(places: Iterable[Any], came: Any, expected: Any) -> Any:
    """Return the first key or index at which a result differs from the expected one."""
    return next(place for place in places if not close(came[place], expected[place]))


def _of_words(came: Any, expected: Any, own: str) -> str:
    """Return the fault of a word or a list of words. For a list, the case's own sentence names the
    missing word.
    """
    if isinstance(expected, list):
        if len(came) != len(expected):
            return own or f"It returns {len(came)} values instead of {len(expected)}."
        if sorted(map(repr, came)) == sorted(map(repr, expected)):
            return f"{own} The values are right, but their order is wrong.".strip()
    return own or "Another result is expected: work this call out by hand, and compare."


def _numerical(came: Any, expected: Any, values: np.ndarray, wanted: np.ndarray, own: str) -> str:
    several_results = wanted.ndim == 1 and len(wanted) <= 3
    if several_results and not _reordered(values, wanted):
        place = _first_wrong(range(len(wanted)), came, expected)
        of_value = general(came[place], expected[place], own)
        return f"Value {place + 1} of {len(wanted)} is wrong. {of_value}"
    sentence = _known(values, wanted, isinstance(expected, int))
    if not sentence and not own:
        sentence = _how_far(values, wanted)
    return f"{own} {sentence}".strip()


def _known(values: np.ndarray, wanted: np.ndarray, whole: bool) -> str:
    """Return what is wrong with numbers in a way that every question knows, or nothing."""
    if whole and np.rint(values) == wanted and values % 1:
        return "It is not a whole number."
    if _alike(values, wanted):  # whole numbers are held to more than to a thousandth
        return ""
    with np.errstate(all="ignore"):
        if _reordered(values, wanted):
            return "The values are right, but their order is wrong."
        if _alike(-values, wanted):
            return "It has the wrong sign."
        if _alike(values * wanted, np.ones_like(wanted)):
            return "It is the reciprocal: 1 divided by the right result."
        if values.size <= 2:
            return ""
        within_limits = np.clip(values, wanted.min(), wanted.max())
        if _alike(within_limits, wanted):
            return "Some numbers are outside the limits."
        factors = values / np.where(wanted == 0, np.nan, wanted)
        factor = factors.flat[0]
        if _alike(factors, factor):
            return f"It is {factor:g} times the right result."
    return ""


def _how_far(values: np.ndarray, wanted: np.ndarray) -> str:
    """Return the general message for wrong numbers."""
    if values.ndim:
        is_near = np.isclose(values, wanted, rtol=_NEAR, atol=_ZERO)
        wrong = int(np.sum(~is_near)) or "at least one"
        return f"{wrong} of {values.size} numbers are wrong: work one of them out by hand."
    difference = shown(abs(float(values - wanted)))
    direction = "small" if values < wanted else "large"
    return f"It is {difference} too {direction}: work this call out by hand."


def _reordered(values: np.ndarray, wanted: np.ndarray) -> bool:
    """Return whether these are the right numbers in another order."""
    if wanted.ndim != 1 or _alike(values, wanted):
        return False
    return _alike(np.sort(values), np.sort(wanted))


def _alike(values: Any, wanted: Any) -> bool:
    """Return whether numbers agree; those that are not whole may differ as far as ``close``
    allows.
    """
    return np.allclose(values, wanted, rtol=_NEAR, atol=_ZERO)


def close(came: Any, expected: Any) -> bool:
    """Return whether a result equals the expected one: integers and words exactly, other numbers
    within a thousandth.
    """
    if isinstance(expected, list):
        if not isinstance(came, list) or len(came) != len(expected):
            return False
        return all(map(close, came, expected))
    if isinstance(expected, dict):
        if not isinstance(came, dict) or came.keys() != expected.keys():
            return False
        return all(close(came[name], expected[name]) for name in expected)
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
        pairs = [f"{name}: {shown(part)}" for name, part in value.items()]
        text = f"{{{', '.join(pairs)}}}"
    else:
        text = repr(value)
    if len(text) <= _MOST_SHOWN:
        return text
    beginning = text[: _MOST_SHOWN - 2]
    return f"{beginning} …"


def _numbers(value: Any) -> np.ndarray | None:
    """Return a number, or a regular list of them, as an array; None for anything else."""
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    return array.astype(float) if array.dtype.kind in "iuf" else None


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
