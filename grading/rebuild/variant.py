"""Changed records: the same options on the same machine, with other numbers that hang together in the same way.

They are no measurements and never become any: they exist for a minute, to see whether a cell computes or recites.
"""

from __future__ import annotations

import copy
import hashlib

import numpy as np

#: Share of pictures and of samples that stays.
_STAYS = 0.8

#: Factors by which an option's times change.
_FACTORS = (0.7, 1.5)

#: Kinds whose samples are times.
_TIMES = frozenset({"latency", "throughput", "load_time", "first_prediction"})


def changed(entries: list[dict], seed: str) -> list[dict]:
    """Return measurements and predictions with other numbers, without any answer.

    Times of an option are scaled by a factor of its own, the first blocks or samples go, and a fifth of the pictures
    goes from all accuracy records alike.

    Args:
        entries: Ledger entries that contradict nothing.
        seed: Draws the change.
    """
    kept = [copy.deepcopy(entry) for entry in entries if entry.get("type") != "answer"]
    for entry in kept:
        if entry.get("type") != "measurement":
            continue
        if entry["kind"] in _TIMES and len(entry["samples"]) >= 5:
            _slow_down(entry, seed)
        elif entry["kind"] == "accuracy":
            _take_pictures(entry, seed)
    return kept


def _slow_down(record: dict, seed: str) -> None:
    factor = _random(seed, record["option"]).uniform(*_FACTORS)
    block = record["details"].get("block_calls") or 1
    blocks = len(record["samples"]) // block if isinstance(block, int) and block > 0 else 0
    # All records of a comparison lose as many blocks: turns stay turns.
    gone = block * int(blocks * (1 - _STAYS)) if blocks else 0
    record["samples"] = [sample * factor for sample in record["samples"][gone:]]


def _take_pictures(record: dict, seed: str) -> None:
    """Keep the same pictures of every record over as many."""
    count = len(record["samples"])
    stay = np.sort(_random(seed, str(count)).permutation(count)[: max(1, int(_STAYS * count))])
    record["samples"] = [record["samples"][index] for index in stay]
    for name in ("predicted", "labels"):
        if isinstance(record["details"].get(name), list) and len(record["details"][name]) == count:
            record["details"][name] = [record["details"][name][index] for index in stay]


def counts(given: dict, seed: str, name: str) -> dict:
    """Return counts (of nodes, of operators) with other numbers, all larger and all different."""
    random = _random(seed, name)
    return {key: value + int(random.integers(3, 40)) for key, value in given.items()}


def _random(seed: str, name: str) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(hashlib.sha256(f"{seed}\0{name}".encode()).digest()[:8], "big"))
