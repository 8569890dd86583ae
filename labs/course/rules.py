"""What has to hold of facts, and the form of answers, both as data.

A rule is a field, what it is held to, and a sentence that may name facts in braces: ``("weights", "int8", "Its weights
are {weights}. …")`` asks for one value, and a dictionary of one of ``TESTS`` for more: ``{"at least": 0.8}``.

A rule judges by the figure that its sentence shows, so that no student reads "It takes 20.0 times as long, and the
limit is 20". Write each figure with as many decimals as the lesson's table shows.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from string import Formatter
from typing import Any

from labs.course.calls import MARK, decode, encode

#: What a field may be held to, other than a value.
TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "is not": lambda value, wanted: value != wanted,
    "at least": lambda value, wanted: value >= wanted,
    "at most": lambda value, wanted: value <= wanted,
    "one of": lambda value, wanted: value in wanted,
    "holds": lambda value, wanted: wanted in value,
    # Another fact: {"is fact": "expected"}
    "is fact": lambda value, wanted: value == wanted,
    "near fact": lambda value, wanted: abs(value - wanted) <= 0.01 * abs(wanted),
}


def fault(rules: Sequence[tuple[str, Any, str]], facts: Mapping[str, Any]) -> str:
    """Return the sentence of the first rule that is broken; an empty text when all hold.

    A rule holds if the facts keep it, exact or as its sentence shows them (``as_shown``).
    """
    for name, wanted, says in rules:
        shown = as_shown(says, facts)
        if not holds(facts[name], wanted, facts) and not holds(shown[name], wanted, shown):
            return says.format_map(facts)
    return ""


def as_shown(sentence: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts, with each float rounded as a sentence shows it: by ``{loss:.1%}``, 0.0499 becomes 0.05."""
    shown = dict(facts)
    for _, name, spec, _ in Formatter().parse(sentence):
        if name and spec and isinstance(facts.get(name), float):
            text = format(facts[name], spec).replace(",", "")
            number = Decimal(text.removesuffix("%"))
            shown[name] = float(number / 100 if text.endswith("%") else number)
    return shown


def holds(value: object, wanted: object, facts: Mapping[str, Any]) -> bool:
    """Return whether a value is what a rule holds it to."""
    if not isinstance(wanted, Mapping):
        return value == wanted
    ((test, to),) = wanted.items()
    return bool(TESTS[test](value, facts[to] if test.endswith(" fact") else to))


class NotAnsweredError(ValueError):
    """The value is, or still contains, the stub's dots."""


def plain(value: object) -> Any:
    """Return a value as JSON knows it; numpy's and pandas' become lists and numbers.

    Raises:
        NotAnsweredError: The stub's dots are still in it.
    """
    kept = decode(encode(value), arrays=False)
    if _is_stub(kept):
        raise NotAnsweredError("not answered yet")
    return kept


def _is_stub(part: object) -> bool:
    if isinstance(part, Mapping):
        return (part.get("type") == "ellipsis" and MARK in part) or any(
            map(_is_stub, part.values())
        )
    if isinstance(part, list):
        return any(map(_is_stub, part))
    return part is None or (isinstance(part, str) and not part.strip(" .…"))


def fitted(value: object, form: object, where: str = "") -> Any:
    """Return a plain answer in the form that was asked for; capitals and spaces of its words are forgiven.

    Args:
        form: 'number', 'whole number' or 'text'; words to choose from as a list; a dictionary of these by name.

    Raises:
        ValueError: It has another form; the message is a sentence.
    """
    part = f"`{where}`" if where else "The answer"
    if isinstance(form, Mapping):
        if not isinstance(value, Mapping):
            raise ValueError(f"{part} is to be a dictionary with {_words(form)}.")
        if lacks := [name for name in form if name not in value]:
            raise ValueError(
                f"{part} lacks {_words(lacks)}: keep the names that stand in the cell."
            )
        return {name: fitted(value[name], form[name], name) for name in form}
    if isinstance(form, list | tuple):
        choice = next((word for word in form if _same(word, value)), None)
        if choice is None:
            raise ValueError(f"{part} is one of {_words(form)}.")
        return choice
    if not _FORMS[str(form)](value):
        raise ValueError(f"{part} is to be a {form}.")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


_FORMS = {
    "number": _is_number,
    "whole number": lambda value: _is_number(value) and value == int(value),
    "text": lambda value: isinstance(value, str),
}


def _same(word: object, given: object) -> bool:
    return " ".join(str(word).casefold().split()) == " ".join(str(given).casefold().split())


def _words(names: Iterable[object]) -> str:
    return ", ".join(f"`{name}`" for name in names)
