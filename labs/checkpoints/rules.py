"""What has to hold of facts about a file or about records, as data: field, what it is held to, and a sentence.

``("weights", "int8", "Its weights are {weights}. …")`` asks for one value; a rule that asks for more holds a dictionary
of one of ``TESTS``: ``{"at least": 0.8}``. The sentence may name facts in braces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

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
    """Return the sentence of the first rule that is broken; an empty text when all hold."""
    for name, wanted, says in rules:
        if not holds(facts[name], wanted, facts):
            return says.format_map(facts)
    return ""


def holds(value: object, wanted: object, facts: Mapping[str, Any]) -> bool:
    """Return whether a value is what a rule holds it to."""
    if not isinstance(wanted, Mapping):
        return value == wanted
    ((test, to),) = wanted.items()
    return bool(TESTS[test](value, facts[to] if test.endswith(" fact") else to))
