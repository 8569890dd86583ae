"""The instances of an ``instance_group``: their number on each device.

Read without Triton's own client, which Chameleon's Jupyter and the grader lack.
"""

import re
from collections.abc import Iterable, Mapping


def groups_of(text: str) -> list[dict]:
    """Return the groups of a stanza's text as Triton's own configuration has them.

    Args:
        text: ``instance_group [ { count: 1 kind: KIND_GPU gpus: [ 0 ] } ]``, and nothing else.

    Raises:
        ValueError: It is no such stanza.
    """
    stanza = re.fullmatch(r"\s*instance_group\s*:?\s*\[(.*)\]\s*", text, re.DOTALL)
    inside = stanza[1] if stanza else ""
    groups = re.findall(r"\{([^{}]*)\}", inside)
    between = re.sub(r"\{[^{}]*\}|[\s,]", "", inside)
    if not groups or between:
        raise ValueError(
            f"no stanza of the form `instance_group [ {{ … }} ]`: {text.strip()[:80]!r}"
        )
    return [_group(fields) for fields in groups]


def _group(fields: str) -> dict:
    """Return one group from the text between its brackets.

    Raises:
        ValueError: It has a field that moves or stops instances in another way.
    """
    unknown = set(re.findall(r"(\w+)\s*:", fields)) - {"count", "kind", "gpus", "name"}
    if unknown:
        names = ", ".join(sorted(unknown))
        raise ValueError(f"no stanza of `count`, `kind` and `gpus` alone: it has {names}")
    numbers = re.findall(r"gpus\s*:\s*(\d+)", fields)
    if listed := re.search(r"gpus\s*:\s*\[([\d\s,]*)\]", fields):
        numbers = re.findall(r"\d+", listed[1])
    gpus = [int(number) for number in numbers]
    group: dict[str, object] = {"count": 1, "kind": "KIND_AUTO", "gpus": gpus}
    if count := re.search(r"count\s*:\s*(\d+)", fields):
        group["count"] = int(count[1])
    if kind := re.search(r"kind\s*:\s*(KIND_\w+)", fields):
        group["kind"] = kind[1]
    return group


def by_device(groups: Iterable[Mapping]) -> dict[str, int]:
    """Return how many instances some groups make on each device.

    ``count`` is for each GPU. A group on GPUs that names none is on 'every GPU', and one without a
    kind is where Triton finds best ('any device').
    """
    counts: dict[str, int] = {}
    for group in groups:
        count = int(group.get("count", 1))
        for device in _devices(group):
            counts[device] = counts.get(device, 0) + count
    return counts


def _devices(group: Mapping) -> list[str]:
    kind = group.get("kind", "")
    if kind == "KIND_CPU":
        return ["CPU"]
    if kind == "KIND_GPU":
        numbers = group.get("gpus", ())
        return [f"GPU {number}" for number in numbers] or ["every GPU"]
    return ["any device"]


def in_words(groups: Iterable[Mapping]) -> str:
    """Return the same in words, such as '1 on GPU 0, 1 on GPU 1'."""
    counts = by_device(groups)
    return ", ".join(f"{counts[device]} on {device}" for device in sorted(counts))
