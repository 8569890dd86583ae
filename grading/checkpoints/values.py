"""Answers as plain JSON, and their form: what is handed over may be numpy, pandas, tuples or still the stub's dots.

Beside them stand the small questions that judges ask of numbers and times.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping
from datetime import datetime

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


def fitted(value: object, form: object) -> object:
    """Return a plain answer with its words spelled as they were offered: capitals and spaces are forgiven.

    Args:
        value: Plain JSON.
        form: What the answer looks like, as for ``fault_of_form``.
    """
    if isinstance(form, tuple) and isinstance(value, str):
        return next((word for word in form if _same(word, value)), value)
    if isinstance(form, list) and isinstance(value, list):
        return [fitted(part, form[0]) for part in value]
    if isinstance(form, dict) and isinstance(value, dict):
        return {name: fitted(part, form[name]) if name in form else part for name, part in value.items()}
    return value


def fault_of_form(value: object, form: object, where: str = "") -> str:
    """Return one sentence on an answer that has not the form that was asked for; an empty text when it has.

    Args:
        value: Plain JSON.
        form: ``float`` (any number), ``int``, ``bool`` or ``str``; words to choose from as a tuple; ``[form]`` for a
            list; ``{"name": form}`` for a dictionary.
        where: Name of the part that this is.
    """
    part = f"`{where}`" if where else "The answer"
    if isinstance(form, dict):
        if not isinstance(value, dict):
            return f"{part} is {_kind(value)}; a dictionary with {_words(form)} is asked for."
        if lacks := [name for name in form if name not in value]:
            return f"{part} lacks {_words(lacks)}: keep the names that stand in the cell."
        return next((fault for name in form if (fault := fault_of_form(value[name], form[name], name))), "")
    if isinstance(form, list):
        if not isinstance(value, list):
            return f"{part} is {_kind(value)}; a list is asked for."
        return next((fault for one in value if (fault := fault_of_form(one, form[0], where))), "")
    if isinstance(form, tuple):
        fits = isinstance(value, str) and any(_same(word, value) for word in form)
        return "" if fits else f"{part} is one of {_words(form)}."
    wanted = {float: "a number", int: "a whole number", bool: "True or False", str: "a text"}[form]
    return "" if _is_a(value, form) else f"{part} is {_kind(value)}; {wanted} is asked for."


def _is_a(value: object, form: type) -> bool:
    if form is bool or isinstance(value, bool):
        return form is bool and isinstance(value, bool)
    if form is float:
        return isinstance(value, int | float)
    if form is int:
        return isinstance(value, int | float) and value == int(value)
    return isinstance(value, form)


def _same(word: str, given: str) -> bool:
    return " ".join(word.casefold().split()) == " ".join(given.casefold().split())


def _words(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _kind(value: object) -> str:
    kinds = {
        bool: "True or False",
        str: "a text",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "a dictionary",
    }
    return kinds.get(type(value), "nothing")


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


def moment(stamp: str) -> datetime:
    """Return an ISO 8601 time stamp as a date and time that can be compared."""
    return datetime.fromisoformat(stamp)


def is_number(value: object) -> bool:
    """Return whether a JSON value is a number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_close(value: float, expected: float, *, within: float = 0.01) -> bool:
    """Return whether a number equals another up to a relative difference."""
    return abs(value - expected) <= within * abs(expected)
