"""Forms of answers: their keys and the kinds of their values, without the values."""

from typing import Any

#: Maps whose keys the user or the site chooses.
FREE = frozenset(
    {"metadata", "addresses", "extra_specs", "labels", "environment", "additionalProperties"}
)
_KINDS = {bool: "boolean", int: "number", float: "number", str: "string", type(None): "null"}


def form(value: Any) -> Any:
    """Return the form of a JSON value; a list has the form of its first item."""
    if isinstance(value, dict):
        return {key: form(item) for key, item in value.items()}
    if isinstance(value, list):
        return [form(value[0])] if value else []
    return _KINDS[type(value)]


def differences(real: Any, ours: Any, path: str = "") -> list[str]:
    """Return what a form has and ours lacks, or has as another kind; null agrees with all.

    Returns:
        The path of each key that is missing, `a.b[].c`, or a path and both kinds.
    """
    if "null" in (real, ours) or path.rpartition(".")[2] in FREE:
        return []
    if isinstance(real, dict) and isinstance(ours, dict):
        lines: list[str] = []
        for key, value in real.items():
            inner = f"{path}.{key}" if path else key
            lines += differences(value, ours[key], inner) if key in ours else [inner]
        return lines
    if isinstance(real, list) and isinstance(ours, list):
        return differences(real[0], ours[0], f"{path}[]") if real and ours else []
    return [] if real == ours else [f"{path} is {_kind(ours)}, not {_kind(real)}"]


def _kind(value: Any) -> str:
    """Return the kind that a form has at its root."""
    return value if isinstance(value, str) else type(value).__name__
