"""Answers as plain JSON: what students hand over may be numpy, pandas, tuples or still the stub's dots."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping

#: Digits shown on a card; the ledger keeps all of them.
_SIGNIFICANT = 4

#: Rows of a table that are shown back; of a longer one, only how many it has.
_ROWS = 2


class NotAnsweredError(ValueError):
    """The value is, or still contains, the stub's dots."""


def plain(value: object) -> object:
    """Return a value as JSON knows it.

    Raises:
        NotAnsweredError: The stub's dots are still in it.
        TypeError: It cannot be written down, such as a function; often parentheses are missing behind its name.
        ValueError: It is not a finite number.
    """
    if isinstance(value, str) and not value.strip():
        raise NotAnsweredError("not answered yet")
    return _plain(value)


def _plain(value: object) -> object:
    """Return a value, or a part of one, as JSON knows it; a part may be an empty text, which then says 'none'."""
    if value is ... or value is None:
        raise NotAnsweredError("not answered yet")
    if isinstance(value, str) and value.strip() and not value.strip(" .…"):
        raise NotAnsweredError("not answered yet")
    if isinstance(value, bool | str):
        return value
    if hasattr(value, "tolist"):  # numpy arrays and scalars, pandas series, torch tensors
        return _plain(value.tolist())
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        if not math.isfinite(value):
            raise ValueError(f"{value} is not a finite number; was something divided by zero, or nothing measured?")
        return float(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(part) for part in value]
    if callable(value):
        raise TypeError(f"{value!r} is a function, not its result: call it with parentheses")
    raise TypeError(f"a {type(value).__name__} cannot be kept as an answer; hand over a number, a text or a list")


def shown(value: object) -> str:
    """Return a plain value as it is shown back on a card."""
    if isinstance(value, dict):
        return "\n".join(f"{name}: {_on_one_line(part)}" for name, part in value.items())
    if isinstance(value, list) and len(value) > _ROWS and all(isinstance(part, dict) for part in value):
        return f"{len(value)} rows"  # a table that came with the answer; its owner has it on the screen
    if isinstance(value, list):
        return ", ".join(_on_one_line(part) for part in value)
    if isinstance(value, float):
        return f"{value:.{_SIGNIFICANT}g}"
    return str(value)


def _on_one_line(value: object) -> str:
    """Return a part of a plain value; a dictionary inside another one takes a line and not many."""
    if isinstance(value, dict):
        return "(" + ", ".join(f"{name}: {_on_one_line(part)}" for name, part in value.items()) + ")"
    return shown(value)
