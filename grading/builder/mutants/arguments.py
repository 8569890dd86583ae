"""Statements that begin a function and change its arguments: sorted, rounded, always the same
number; or that recite the answer of one case.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum, auto
from typing import Any

#: Description of the edit, and the statement's text.
Edit = tuple[str, str]


class ArgumentKind(Enum):
    """The values of an argument in all cases."""

    NUMBER = auto()
    SEQUENCE = auto()
    OTHER = auto()


#: Possible changes of a sequence, as a list.
_SEQUENCES = {
    "sorted": "sorted({0})",
    "reversed": "{0}[::-1]",
    "first alone": "{0}[:1]",
    "last alone": "{0}[-1:]",
    "first left out": "{0}[1:]",
    "last left out": "{0}[:-1]",
    "first twice": "[*{0}, *{0}[:1]]",
    "doubles once": "[v for i, v in enumerate({0}) if v not in list({0})[:i]]",
    "neighbours alike once": "[v for i, v in enumerate({0}) if i == 0 or v != {0}[i - 1]]",
}

#: The few elements of a short sequence, such as the axes of a shape.
_FEWEST, _MOST = 2, 5


def kind_of(values: Sequence[Any]) -> ArgumentKind:
    """Return what values of one argument have in common."""
    if all(map(_is_number, values)):
        return ArgumentKind.NUMBER
    if all(_has_length(value) and not isinstance(value, dict) for value in values):
        return ArgumentKind.SEQUENCE
    return ArgumentKind.OTHER


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _has_length(value: object) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, str)


def argument_edits(name: str, values: Sequence[Any], written: Sequence[float]) -> Iterator[Edit]:
    """Yield what a function may do to one argument before it begins.

    Args:
        values: Its values in the cases.
        written: Numbers that may be written in instead.
    """
    for value in written:
        yield "argument ignored", f"{name} = {value!r}"
    kind = kind_of(values)
    if kind is ArgumentKind.NUMBER:
        for function in ("int", "round", "abs"):
            yield f"argument: {function}", f"{name} = {function}({name})"
    elif kind is ArgumentKind.SEQUENCE:
        for label, form in _SEQUENCES.items():
            text = form.format(name)
            if all(hasattr(value, "dtype") for value in values):
                text = f"np.array({text}, dtype={name}.dtype)"
            yield f"argument: {label}", f"{name} = {text}"
        yield from _elements(name, values)


def _elements(name: str, values: Sequence[Any]) -> Iterator[Edit]:
    """Yield one element taken for another, and two exchanged (a square kernel, rows as columns)."""
    counts = {len(value) for value in values if isinstance(value, list | tuple)}
    if len(counts) != 1 or not all(isinstance(value, list | tuple) for value in values):
        return
    (count,) = counts
    if not _FEWEST <= count <= _MOST:
        return
    for first in range(count):
        for second in range(count):
            if first == second:
                continue
            order = list(range(count))
            order[second] = first
            yield "element for another", _reordered(name, order)
            if first < second:
                order[first] = second
                yield "elements exchanged", _reordered(name, order)


def _reordered(name: str, order: Sequence[int]) -> str:
    elements = ", ".join(f"{name}[{place}]" for place in order)
    return f"{name} = [{elements}]"


def recited(arguments: Mapping[str, Any], result: Any) -> Iterator[Edit]:
    """Yield edits that give one case's answer to all calls with its special feature: a 0 or 1, two
    equal numbers, a sequence with one element.
    """
    if not _is_simple(result):
        return
    answer = f"return {result!r}"
    numbers = {name: value for name, value in arguments.items() if _is_number(value)}
    for name, value in numbers.items():
        if value in (0, 1):
            yield "case recited", f"if {name} == {value!r}: {answer}"
    names = list(numbers)
    for place, name in enumerate(names):
        for other in names[place + 1 :]:
            if numbers[name] == numbers[other]:
                yield "case recited", f"if {name} == {other}: {answer}"
    for name, value in arguments.items():
        if _has_length(value) and len(value) <= 1:
            yield "case recited", f"if len({name}) == {len(value)}: {answer}"


def _is_simple(result: Any) -> bool:
    if isinstance(result, list):
        return all(map(_is_simple, result))
    return result is None or (_is_number(result) and result in (0, 1, -1))
