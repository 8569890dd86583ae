"""JSON as evidence has to be: finite numbers, no key twice, not deep, no endless digits."""

import json
import math
from collections.abc import Collection, Iterable
from typing import Any

#: Most nested objects and lists, and most digits of a whole number; real measurements have fewer.
MOST_DEPTH, MOST_DIGITS = 24, 18


class StrictJsonError(ValueError):
    """Text that is not JSON, or JSON that evidence may not hold; the message says what is wrong."""


def loads(text: str) -> Any:
    """Return a JSON text's value.

    Raises:
        StrictJsonError: The text is not JSON (often a saved HTML page, or a file cut short). Or it
            has NaN, Infinity or 1e999, a key twice, too many digits, or too many levels.
    """
    try:
        value = json.loads(text, parse_constant=_refuse, object_pairs_hook=_no_key_twice)
    except RecursionError:
        raise StrictJsonError("it is nested far deeper than any evidence") from None
    except json.JSONDecodeError as error:
        reason = str(error)
        if len(reason) > 80:
            reason = f"{reason[:77]}…"
        raise StrictJsonError(f"not JSON: {reason}") from None
    except StrictJsonError:
        raise
    except ValueError:
        # The interpreter's own limit on a whole number's digits.
        raise StrictJsonError("a whole number has thousands of digits") from None
    _look_through(value)
    return value


def _refuse(name: str) -> float:
    raise StrictJsonError(f"{name} is not a number that JSON knows")


def _no_key_twice(pairs: list[tuple[str, object]]) -> dict:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise StrictJsonError("an object holds a key twice, so it says two things")
    return values


def _look_through(value: Any) -> None:
    """Raise for JSON that is too deep, too large for a float, or has an integer of too many digits;
    without recursion.
    """
    level = [[value]]
    for _ in range(MOST_DEPTH + 1):
        below: list = []
        for item in level:
            parts = item.values() if isinstance(item, dict) else item
            kinds = set(map(type, parts))
            # A list of samples is known by its types alone, which takes a third of the time.
            if kinds <= _NUMBERS:
                numbers = parts
            else:
                numbers = [part for part in parts if type(part) in _NUMBERS]
            if numbers and _farthest_from_0(numbers) >= 10**MOST_DIGITS:
                _refuse_large(numbers)
            if kinds & _CONTAINERS:
                below += [part for part in parts if type(part) in _CONTAINERS]
        level = below
        if not level:
            return
    raise StrictJsonError(f"it is nested deeper than {MOST_DEPTH} levels")


def _farthest_from_0(numbers: Collection[float]) -> float:
    return max(max(numbers), -min(numbers))


def _refuse_large(numbers: Iterable[float]) -> None:
    """Raise where a large number is infinite by now (1e999), or whole; a large float is a float."""
    for number in numbers:
        if number in (math.inf, -math.inf):
            raise StrictJsonError("a number is not finite: it is larger than any float")
        is_whole = type(number) is int
        if is_whole and abs(number) >= 10**MOST_DIGITS:
            raise StrictJsonError(f"a whole number has more than {MOST_DIGITS} digits")


_NUMBERS = frozenset({int, float})
_CONTAINERS = frozenset({dict, list})
