"""The rules for facts and the form of answers, both as data.

A rule is a field, its required value, and a sentence that may name facts in braces, such as
``("weights", "int8", "Its weights are {weights}. …")``. A dictionary with one of ``TESTS`` allows
several values: ``{"at least": 0.8}``.

A rule judges by the figure that its sentence shows, so that no student reads "It takes 20.0 times
as long, and the limit is 20". Write each figure with the same number of decimals as the lesson's
table.
"""

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from string import Formatter
from typing import Any

from labs.judge.calls import MARK, decode, encode


def _is_one_of(value: Any, allowed: Any) -> bool:
    return value in allowed


def _is_near(value: Any, wanted: Any) -> bool:
    return abs(value - wanted) <= 0.01 * abs(wanted)


#: Tests for a field, other than equality with a value.
TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "is not": operator.ne,
    "at least": operator.ge,
    "at most": operator.le,
    "one of": _is_one_of,
    "holds": operator.contains,
    # Another fact: {"is fact": "expected"}
    "is fact": operator.eq,
    "near fact": _is_near,
}


def fault(rules: Sequence[tuple[str, Any, str]], facts: Mapping[str, Any]) -> str:
    """Return the sentence of the first rule that is broken; an empty text when all hold.

    A rule holds if the facts keep it, exact or as its sentence shows them (``as_shown``).
    """
    for name, wanted, says in rules:
        if holds(facts[name], wanted, facts):
            continue
        shown = as_shown(says, facts)
        if not holds(shown[name], wanted, shown):
            return says.format_map(facts)
    return ""


def as_shown(sentence: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts, each float as a sentence shows it: 0.0499 as 0.05 by ``{loss:.1%}``."""
    shown = dict(facts)
    for _, name, spec, _ in Formatter().parse(sentence):
        if name and spec and isinstance(facts.get(name), float):
            text = format(facts[name], spec).replace(",", "")
            number = Decimal(text.removesuffix("%"))
            if text.endswith("%"):
                number = number / 100
            shown[name] = float(number)
    return shown


def holds(value: object, wanted: object, facts: Mapping[str, Any]) -> bool:
    """Return whether a value fulfils a rule."""
    if not isinstance(wanted, Mapping):
        return value == wanted
    ((test, limit),) = wanted.items()
    if test.endswith(" fact"):
        limit = facts[limit]
    return bool(TESTS[test](value, limit))


class NotAnsweredError(ValueError):
    """The value is, or still contains, the stub's dots."""


def plain(value: object) -> Any:
    """Return a value as JSON knows it; numpy's and pandas' become lists and numbers.

    Raises:
        NotAnsweredError: The stub's dots are still in it.
    """
    answer = decode(encode(value), arrays=False)
    if _is_stub(answer):
        raise NotAnsweredError("not answered yet")
    return answer


def _is_stub(part: object) -> bool:
    if isinstance(part, Mapping):
        is_ellipsis = MARK in part and part.get("type") == "ellipsis"
        return is_ellipsis or any(map(_is_stub, part.values()))
    if isinstance(part, list):
        return any(map(_is_stub, part))
    if isinstance(part, str):
        return not part.strip(" .…")
    return part is None


def fitted(value: object, form: object, where: str = "") -> Any:
    """Return a plain answer in the form asked for, whatever capitals and spaces its words have.

    Args:
        form: 'number', 'whole number' or 'text'; words to choose from as a list; a dictionary of
            these by name.

    Raises:
        ValueError: It has another form; the message is a sentence.
    """
    part = f"`{where}`" if where else "The answer"
    if isinstance(form, Mapping):
        if not isinstance(value, Mapping):
            raise ValueError(f"{part} must be a dictionary with {_words(form)}.")
        lacking = [name for name in form if name not in value]
        if lacking:
            raise ValueError(f"{part} lacks {_words(lacking)}: keep the names of the given cell.")
        return {name: fitted(value[name], form[name], name) for name in form}
    if isinstance(form, list | tuple):
        choice = next((word for word in form if _same(word, value)), None)
        if choice is None:
            raise ValueError(f"{part} must be one of {_words(form)}.")
        return choice
    if not _FORMS[str(form)](value):
        raise ValueError(f"{part} must be a {form}.")
    return value


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < math.inf


def _is_whole_number(value: Any) -> bool:
    return _is_number(value) and value == int(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


_FORMS: dict[str, Callable[[object], bool]] = {
    "number": _is_number,
    "whole number": _is_whole_number,
    "text": _is_text,
}


def _same(word: object, given: object) -> bool:
    return _folded(word) == _folded(given)


def _folded(word: object) -> str:
    """Return a word in small letters, with single spaces."""
    return " ".join(str(word).casefold().split())


def _words(names: Iterable[object]) -> str:
    return ", ".join(f"`{name}`" for name in names)
