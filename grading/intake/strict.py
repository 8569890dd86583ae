"""JSON as evidence has to be: finite numbers, no key twice, not deep, no endless digits."""

from __future__ import annotations

import json
import math
import re

from grading.intake.limits import DEFAULT_LIMITS, Limits

#: More opening brackets in a row than any honest value has; the scanner's own stack is not to be tried.
_ABYSS_BRACKETS = 64
_ABYSS = re.compile(r"(?:[\[{]\s*){64}|(?:\{\s*\"[^\"]{0,64}\"\s*:\s*){64}")


class StrictJsonError(ValueError):
    """Text that is not JSON, or JSON that evidence may not hold; the message says what is wrong."""


def loads(text: str, limits: Limits = DEFAULT_LIMITS) -> object:
    """Return a JSON text's value.

    Raises:
        StrictJsonError: Not JSON (often an HTML page that was saved in its place, or a file cut short), NaN, Infinity
            or 1e999, a key twice, too many digits, or too deep.
    """
    if is_abyss(text):
        raise StrictJsonError("it is nested far deeper than any evidence")

    def whole(digits: str) -> int:
        if len(digits) > limits.json_digits:
            raise StrictJsonError(f"a whole number has {len(digits)} digits")
        return int(digits)

    # A Python function for each of a ledger's numbers takes longer than all the rest; most lines have no long ones.
    has_long = re.search(rf"(?<![0-9.])[0-9]{{{limits.json_digits + 1}}}", text) is not None
    parse_int = whole if has_long else None
    try:
        value = json.loads(text, parse_constant=_refuse, parse_int=parse_int, object_pairs_hook=_no_key_twice)
    except StrictJsonError:
        raise
    except RecursionError:
        raise StrictJsonError("it is nested far deeper than any evidence") from None
    except ValueError as error:
        raise StrictJsonError(f"not JSON: {_in_short(str(error))}") from None
    _look_through(value, limits.json_depth)
    return value


def is_abyss(text: str) -> bool:
    """Return whether a text opens so many brackets in a row that no parser should try."""
    # Counting is fast, and a line of evidence opens a few; an abyss opens thousands.
    return text.count("[") + text.count("{") >= _ABYSS_BRACKETS and _ABYSS.search(text) is not None


def _refuse(name: str) -> float:
    raise StrictJsonError(f"{name} is not a number that JSON knows")


def _no_key_twice(pairs: list[tuple[str, object]]) -> dict:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise StrictJsonError("an object holds a key twice, so it says two things")
    return found


def _look_through(value: object, most: int) -> None:
    """Raise when a value is nested deeper than allowed, or holds a number too large for a float; without recursion.

    Such numbers (1e999) have become infinity by now, which JSON itself cannot say.
    """
    level = [[value]]
    for _ in range(most + 1):
        for one in level:
            parts = one.values() if isinstance(one, dict) else one
            if math.inf in parts or -math.inf in parts:
                raise StrictJsonError("a number is not finite: it is larger than any float")
        level = [part for one in level for part in _containers(one)]
        if not level:
            return
    raise StrictJsonError(f"it is nested deeper than {most} levels")


def _containers(one: dict | list) -> list:
    parts = one.values() if isinstance(one, dict) else one
    # A list of samples is known by its types alone, which takes a third of the time.
    return [part for part in parts if isinstance(part, dict | list)] if {dict, list} & set(map(type, parts)) else []


def _in_short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "…"
