"""Answers as plain JSON, and their form: what is handed over may be numpy, pandas, tuples or still the stub's dots."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from labs.checkpoints.calls import MARK, decode, encode


class NotAnsweredError(ValueError):
    """The value is, or still contains, the stub's dots."""


def plain(value: object) -> object:
    """Return a value as JSON knows it.

    Raises:
        NotAnsweredError: The stub's dots are still in it.
        TypeError: It cannot be written down, such as a function; often parentheses are missing behind its name.
        ValueError: It is not a finite number.
    """
    kept = decode(encode(value), arrays=False)
    _refuse(kept)
    return kept


def _refuse(part: object) -> None:
    """Raise what keeps a value, as ``encode`` writes it, from being an answer."""
    if part is None or (isinstance(part, str) and not part.strip(" .…")):
        raise NotAnsweredError("not answered yet")
    if isinstance(part, float) and not math.isfinite(part):
        raise ValueError(f"{part} is not a finite number")
    if isinstance(part, Mapping) and MARK in part:
        kind = part.get("type", "value")
        if kind == "ellipsis":
            raise NotAnsweredError("not answered yet")
        if kind in ("function", "builtin_function_or_method"):
            raise TypeError("this is a function, not its result: call it with parentheses")
        raise TypeError(f"a {kind} cannot be kept as an answer; hand over a number, a text or a list")
    if isinstance(part, list | Mapping):
        for one in part.values() if isinstance(part, Mapping) else part:
            _refuse(one)


def fitted(value: object, form: object) -> object:
    """Return a plain answer with its words spelled as they were offered: capitals and spaces are forgiven."""
    if isinstance(form, list | tuple) and isinstance(value, str):
        return next((word for word in form if _same(word, value)), value)
    if isinstance(form, Mapping) and isinstance(value, Mapping):
        return {name: fitted(part, form.get(name)) for name, part in value.items()}
    return value


def fault_of_form(value: object, form: object, where: str = "") -> str:
    """Return one sentence on an answer that has not the form that was asked for; an empty text when it has.

    Args:
        value: Plain JSON.
        form: 'number', 'whole number', 'True or False', 'text' or 'list'; words to choose from as a list; a dictionary
            of these by name.
        where: Name of the part that this is.
    """
    part = f"`{where}`" if where else "The answer"
    if isinstance(form, Mapping):
        if not isinstance(value, Mapping):
            return f"{part} is to be a dictionary with {_words(form)}."
        if lacks := [name for name in form if name not in value]:
            return f"{part} lacks {_words(lacks)}: keep the names that stand in the cell."
        return next((fault for name in form if (fault := fault_of_form(value[name], form[name], name))), "")
    if isinstance(form, list | tuple):
        return "" if any(_same(word, value) for word in form) else f"{part} is one of {_words(form)}."
    return "" if _FORMS[str(form)](value) else f"{part} is to be a {form}.".replace("a True", "True")


def is_number(value: object) -> bool:
    """Return whether a JSON value is a number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


_FORMS = {
    "number": is_number,
    "whole number": lambda value: is_number(value) and value == int(value),
    "True or False": lambda value: isinstance(value, bool),
    "text": lambda value: isinstance(value, str),
    "list": lambda value: isinstance(value, list),
}


def _same(word: object, given: object) -> bool:
    return " ".join(str(word).casefold().split()) == " ".join(str(given).casefold().split())


def _words(names: Iterable[object]) -> str:
    return ", ".join(f"`{name}`" for name in names)
