"""Blazar's little language for choosing resources, for example `["==", "$node_type", "compute_liqid"]`."""

import json
import operator
from collections.abc import Callable, Mapping
from typing import Any

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_JOIN: dict[str, Callable[[Any], bool]] = {"and": all, "or": any}


class BadExpressionError(ValueError):
    """The expression is not one that Blazar reads."""


def parse(text: str | list[Any] | None) -> list[Any]:
    """Return the expression that a reservation sends, as a list; an empty one matches everything.

    Args:
        text: The JSON text (python-chi sends text), a list that was decoded already, or nothing.

    Returns:
        The expression; the empty list when nothing was asked.

    Raises:
        BadExpressionError: The text is not JSON, or not a list.
    """
    if not text:
        return []
    try:
        expression = json.loads(text) if isinstance(text, str) else text
    except json.JSONDecodeError as error:
        raise BadExpressionError(f"resource_properties is not JSON: {text!r}") from error
    if not isinstance(expression, list):
        raise BadExpressionError(f"resource_properties must be a JSON list, not {text!r}")
    return expression


def matches(expression: list[Any], properties: Mapping[str, Any]) -> bool:
    """Return whether a resource with these properties satisfies the expression.

    Args:
        expression: A parsed expression; see `parse`.
        properties: The resource's properties; `$a.b` reads the key `a.b`.

    Returns:
        True when it does. A property that the resource lacks never matches.

    Raises:
        BadExpressionError: An operator or the number of operands is unknown.
    """
    if not expression:
        return True
    name, *operands = expression
    if name in _JOIN:
        return _JOIN[name]([matches(operand, properties) for operand in operands])
    if name not in _COMPARE or len(operands) != 2:
        raise BadExpressionError(f"not an expression Blazar reads: {expression!r}")
    key, wanted = operands
    found = properties.get(str(key).removeprefix("$"))
    if found is None:
        return False
    if isinstance(found, int | float) and not isinstance(found, bool):
        try:
            return _COMPARE[name](float(found), float(wanted))
        except (TypeError, ValueError):
            return False
    return _COMPARE[name](str(found), str(wanted))
