"""JSON as evidence has to be: finite numbers, no key twice, not deep, no endless digits."""

from __future__ import annotations

import json
import math

from grading.grade.intake.limits import DEFAULT_LIMITS, Limits


class StrictJsonError(ValueError):
    """Text that is not JSON, or JSON that evidence may not hold; the message says what is wrong."""


def loads(text: str, limits: Limits = DEFAULT_LIMITS) -> object:
    """Return a JSON text's value.

    Raises:
        StrictJsonError: Not JSON (often an HTML page that was saved in its place, or a file cut short), NaN, Infinity
            or 1e999, a key twice, too many digits, or too deep.
    """
    try:
        value = json.loads(text, parse_constant=_refuse, object_pairs_hook=_no_key_twice)
    except RecursionError:
        raise StrictJsonError("it is nested far deeper than any evidence") from None
    except json.JSONDecodeError as error:
        said = str(error)
        raise StrictJsonError(f"not JSON: {said if len(said) <= 80 else said[:77] + '…'}") from None
    except StrictJsonError:
        raise
    except ValueError:
        # The interpreter's own limit on a whole number's digits.
        raise StrictJsonError("a whole number has thousands of digits") from None
    _look_through(value, limits)
    return value


def _refuse(name: str) -> float:
    raise StrictJsonError(f"{name} is not a number that JSON knows")


def _no_key_twice(pairs: list[tuple[str, object]]) -> dict:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise StrictJsonError("an object holds a key twice, so it says two things")
    return found


def _look_through(value: object, limits: Limits, depth: int = 0) -> None:
    """Raise for what is too deep, too large for a float (1e999), or a whole number of too many digits."""
    if isinstance(value, dict | list):
        if depth > limits.json_depth:
            raise StrictJsonError(f"it is nested deeper than {limits.json_depth} levels")
        for part in value.values() if isinstance(value, dict) else value:
            _look_through(part, limits, depth + 1)
    elif isinstance(value, float) and math.isinf(value):
        raise StrictJsonError("a number is not finite: it is larger than any float")
    elif isinstance(value, int) and abs(value) >= 10**limits.json_digits:
        raise StrictJsonError(f"a whole number has more than {limits.json_digits} digits")
