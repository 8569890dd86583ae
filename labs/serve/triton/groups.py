"""What an ``instance_group`` makes: how many instances on which device, from its text or from Triton's answer.

Read without Triton's own client, which neither Chameleon's Jupyter nor a grader has.
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
    whole = re.fullmatch(r"\s*instance_group\s*:?\s*\[(.*)\]\s*", text, re.DOTALL)
    inner = re.findall(r"\{([^{}]*)\}", whole[1]) if whole else []
    if not whole or not inner or re.sub(r"\{[^{}]*\}|[\s,]", "", whole[1]):
        raise ValueError(
            f"no stanza of the form `instance_group [ {{ … }} ]`: {text.strip()[:80]!r}"
        )
    found = []
    for group in inner:
        count, kind = (
            re.search(r"count\s*:\s*(\d+)", group),
            re.search(r"kind\s*:\s*(KIND_\w+)", group),
        )
        named = re.search(r"gpus\s*:\s*\[([\d\s,]*)\]", group)
        numbers = re.findall(r"\d+", named[1]) if named else re.findall(r"gpus\s*:\s*(\d+)", group)
        found.append(
            {
                "count": int(count[1]) if count else 1,
                "kind": kind[1] if kind else "KIND_AUTO",
                "gpus": list(map(int, numbers)),
            }
        )
    return found


def by_device(groups: Iterable[Mapping]) -> dict[str, int]:
    """Return how many instances some groups make on each device.

    ``count`` is for each GPU. A group on GPUs that names none is on 'every GPU', and one without a kind is where
    Triton finds best ('any device').
    """
    found: dict[str, int] = {}
    for group in groups:
        on_gpu = [f"GPU {number}" for number in group.get("gpus", ())] or ["every GPU"]
        devices = {"KIND_CPU": ["CPU"], "KIND_GPU": on_gpu}.get(
            group.get("kind", ""), ["any device"]
        )
        for device in devices:
            found[device] = found.get(device, 0) + int(group.get("count", 1))
    return found


def in_words(groups: Iterable[Mapping]) -> str:
    """Return the same in words, such as '1 on GPU 0, 1 on GPU 1'."""
    return ", ".join(f"{count} on {device}" for device, count in sorted(by_device(groups).items()))
