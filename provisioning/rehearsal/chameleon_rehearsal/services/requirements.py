"""Expressions by which a reservation chooses nodes and devices, as Chameleon's Blazar reads them.

An expression is `["==", "$node_type", "gpu_p100"]`, or several of them after `"and"`. There is no
`"or"`. Blazar keeps properties as text and compares them as text, so `"96"` is greater than
`"256"`. Only its own columns of hosts, such as `vcpus`, are numbers.

Source: ChameleonCloud/blazar, `blazar/utils/plugins.py` (the grammar) and
`blazar/db/sqlalchemy/api.py`, `host_get_all_by_queries` (the comparison).
"""

import json
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
#: Blazar's columns of a host that hold numbers.
NUMBERS = frozenset({"vcpus", "memory_mb", "local_gb", "hypervisor_version"})


class UnknownPropertyError(LookupError):
    """No resource of the site has the property."""


@dataclass(frozen=True)
class Requirement:
    """One comparison of a property with a text."""

    name: str
    comparison: str
    wanted: str

    def holds(self, properties: Mapping[str, Any]) -> bool:
        """Return whether a resource meets the requirement; one without the property does not."""
        value = properties.get(self.name)
        if value is None:
            return False
        compare = _COMPARISONS[self.comparison]
        if self.name not in NUMBERS:
            return compare(str(value), self.wanted)
        try:
            return compare(float(value), float(self.wanted))
        except ValueError:
            return False


def parse(expression: Any) -> list[Requirement]:
    """Return the requirements of an expression: its JSON text, or the decoded JSON.

    Of an `and` inside an `and`, Blazar keeps the first requirement alone.

    Raises:
        ValueError: Blazar does not read it; the message is Blazar's.
    """
    value = expression
    if isinstance(value, str):
        try:
            value = json.loads(value or "[]")
        except ValueError as error:
            raise ValueError(f"Malformed requirements {expression}") from error
    if value == [] and isinstance(value, list):
        return []
    if _is_comparison(value):
        comparison, name, wanted = value
        return [Requirement(name[1:], comparison, wanted)]
    if isinstance(value, list) and len(value) > 1 and value[0] == "and":
        parts = [parse(part) for part in value[1:]]
        if all(parts):
            return [part[0] for part in parts]
    raise ValueError(f"Malformed requirements {expression}")


def _is_comparison(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 3:
        return False
    if not all(isinstance(word, str) for word in value):
        return False
    comparison, name, wanted = value
    return comparison in _COMPARISONS and len(name) > 1 and name[0] == "$" and bool(wanted)


def fitting(
    requirements: Iterable[Requirement], resources: Iterable[tuple[Any, Mapping[str, Any]]]
) -> list[Any]:
    """Return the resources that meet all requirements, in their order.

    Args:
        resources: Each resource with its properties.

    Raises:
        UnknownPropertyError: No resource has a property that is compared.
    """
    wanted, candidates = list(requirements), list(resources)
    for requirement in wanted:
        if not any(requirement.name in properties for _, properties in candidates):
            raise UnknownPropertyError(requirement.name)
    chosen = []
    for resource, properties in candidates:
        if all(requirement.holds(properties) for requirement in wanted):
            chosen.append(resource)
    return chosen
