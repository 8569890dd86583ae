"""JSON as evidence has to be: finite numbers, no key twice, not deep, no endless digits."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Callable

from grading.intake.limits import DEFAULT_LIMITS, Limits

#: More opening brackets in a row than any honest value has; the scanner's own stack is not to be tried.
_ABYSS_BRACKETS = 64
#: What may stand between them.
_BETWEEN = re.compile(r'\s++|"[^"]{0,64}+"\s*+:')


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

    count_digits = functools.partial(_whole, limits.json_digits)
    try:
        value = _parsed(text)
        # A Python function for each of a ledger's numbers takes longer than all the rest; few lines hold large ones.
        if _largest(value, limits.json_depth) >= 10**limits.json_digits:
            _parsed(text, count_digits)
    except RecursionError:
        raise StrictJsonError("it is nested far deeper than any evidence") from None
    except json.JSONDecodeError as error:
        raise StrictJsonError(f"not JSON: {_in_short(str(error))}") from None
    except StrictJsonError:
        raise
    except ValueError:
        # The interpreter's own limit on a whole number's digits.
        return _parsed(text, count_digits)
    return value


def _parsed(text: str, parse_int: Callable[[str], int] | None = None) -> object:
    return json.loads(text, parse_constant=_refuse, parse_int=parse_int, object_pairs_hook=_no_key_twice)


def _whole(most: int, digits: str) -> int:
    if (count := len(digits.lstrip("-"))) > most:
        raise StrictJsonError(f"a whole number has {count} digits")
    return int(digits)


def is_abyss(text: str) -> bool:
    """Return whether a text opens so many brackets in a row that no parser should try."""
    # Counting is fast, and a line of evidence opens a few; an abyss opens thousands.
    if text.count("[") + text.count("{") < _ABYSS_BRACKETS:
        return False
    # One way through the text: a pattern of as many brackets would begin anew behind each of them.
    return "[" * _ABYSS_BRACKETS in _BETWEEN.sub("", text).replace("{", "[")


def _refuse(name: str) -> float:
    raise StrictJsonError(f"{name} is not a number that JSON knows")


def _no_key_twice(pairs: list[tuple[str, object]]) -> dict:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise StrictJsonError("an object holds a key twice, so it says two things")
    return found


def _largest(value: object, most_levels: int) -> float:
    """Return the largest magnitude among a value's numbers, and 0 where there are none; without recursion.

    Raises:
        StrictJsonError: It is nested deeper than allowed, or holds a number too large for a float. Such numbers (1e999)
            have become infinity by now, which JSON itself cannot say.
    """
    largest, level = 0.0, [[value]]
    for _ in range(most_levels + 1):
        below: list = []
        for one in level:
            parts = one.values() if isinstance(one, dict) else one
            kinds = set(map(type, parts))
            # A list of samples is known by its types alone, which takes a third of the time.
            numbers = parts if kinds <= _NUMBERS else [part for part in parts if type(part) in _NUMBERS]
            if numbers:
                largest = max(largest, max(numbers), -min(numbers))
            if kinds & _CONTAINERS:
                below += [part for part in parts if type(part) in _CONTAINERS]
        if largest == math.inf:
            raise StrictJsonError("a number is not finite: it is larger than any float")
        level = below
        if not level:
            return largest
    raise StrictJsonError(f"it is nested deeper than {most_levels} levels")


_NUMBERS, _CONTAINERS = frozenset({int, float}), frozenset({dict, list})


def _in_short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "…"
