"""Changed records: the same options on the same machine, with other numbers that hang together in the same way.

They are no measurements and never become any: they exist for a minute, to see whether a cell computes or recites.
"""

from __future__ import annotations

import copy
import hashlib

import numpy as np

#: Share of samples that stays, and of pictures.
_STAYS, _PICTURES_STAY = 0.8, 0.5

#: Share of an option's right pictures that become wrong ones; drawn for each option.
_WRONG = (0.02, 0.12)

#: How much faster than any other batch size another one becomes than the one that was good enough.
_BEST = 1.3

#: Factors by which an option's times (and its memory) change.
_FACTORS = (0.7, 1.5)

#: The same for the server's part of a request, and for how busy the machine was.
_SERVERS, _BUSIER = (0.6, 0.9), (0.6, 0.9)

#: Kinds that are scaled: times, and the memory of a process.
_SCALED = frozenset({"latency", "throughput", "load_time", "first_prediction", "peak_memory"})

#: What of a load record's server is seconds.
_SERVER_S = ("queue_s", "input_s", "infer_s", "output_s")

#: What of a record's details is seconds or bytes, and changes with the samples.
_DETAILS = ("server_timing_s", "alive_s", "memory_bytes", "body_bytes")

#: Observations whose numbers are changed; the others are names, states and hashes.
_SEEN = ("edge.largest", "edge.work", "ensemble.steps.1", "ensemble.steps.8", "ensemble.steps.scaled")


def changed(entries: list[dict], seed: str) -> list[dict]:
    """Return measurements, observations and predictions with other numbers, without any answer.

    Times of an option are scaled by a factor of its own, the first blocks or samples go, and another batch size becomes
    the best. Half of the pictures goes from all accuracy records alike, and some of each option's become wrong. A
    load run is stretched in time, some of its answers go, and its server takes another part of them.

    Args:
        entries: Ledger entries that contradict nothing.
        seed: Draws the change.
    """
    kept = [copy.deepcopy(entry) for entry in entries if entry.get("type") != "answer"]
    for entry in kept:
        if entry.get("type") == "observation" and entry.get("subject") in _SEEN:
            entry["seen"] = _other_numbers(entry["seen"], generator(seed, entry["subject"]))
        if entry.get("type") != "measurement":
            continue
        if entry["kind"] in _SCALED:
            _slow_down(entry, seed)
        elif entry["kind"] == "load":
            _slow_down_load(entry, seed)
        elif entry["kind"] == "accuracy":
            _take_pictures(entry, seed)
            _see_wrong(entry, seed)
    for option in {entry["option"] for entry in kept if entry.get("kind") == "throughput"}:
        _move_knee(kept, option, seed)
    return kept


def _slow_down(record: dict, seed: str) -> None:
    factor = generator(seed, record["option"]).uniform(*_FACTORS)
    block = record["details"].get("block_calls") or 1
    blocks = len(record["samples"]) // block if isinstance(block, int) and block > 0 else 0
    # All records of a comparison lose as many blocks: turns stay turns.
    gone = block * int(blocks * (1 - _STAYS)) if blocks else 0
    record["samples"] = [sample * factor for sample in record["samples"][gone:]]
    growth = generator(seed, f"{record['option']} over time").uniform(0.2, 0.8)
    scale_details(record["details"], factor, growth=growth)


def _slow_down_load(record: dict, seed: str) -> None:
    """Stretch a run, take answers out of it, and shift what its server and its machine were busy with."""
    random = generator(seed, f"load {record['option']}")
    factor, servers, busier = (float(random.uniform(*ends)) for ends in (_FACTORS, _SERVERS, _BUSIER))
    stretch(record, factor)
    load = record["load"]
    server, usage = load.get("server"), load.get("usage", {})
    if server:
        for name in _SERVER_S:
            server[name] *= servers
        if server.get("batches"):
            _rebatch(server, random)
    usage["cpu"] = [share * busier for share in usage.get("cpu", ())]
    _drop(record, random)


def _drop(record: dict, random: np.random.Generator) -> None:
    """Take a fifth of the answers out of a run, as if they had never come."""
    load, count = record["load"], len(record["samples"])
    stay = np.sort(random.permutation(count)[: max(1, int(_STAYS * count))])
    record["samples"] = [record["samples"][index] for index in stay]
    for name in ("offsets_s", "sent_offsets_s"):
        if len(load.get(name, ())) == count:
            load[name] = [load[name][index] for index in stay]


def stretch(record: dict, factor: float) -> None:
    """Multiply every moment and every span of a load run by one factor, so that it still obeys Little's law."""
    load = record["load"]
    record["samples"] = [sample * factor for sample in record["samples"]]
    for name in ("offsets_s", "sent_offsets_s"):
        load[name] = [moment * factor for moment in load.get(name, ())]
    for failure in load.get("failures", ()):
        failure["offset_s"] *= factor
        failure["latency_s"] *= factor
    load["duration_s"] *= factor
    if load.get("offered_rps"):
        load["offered_rps"] /= factor
    for name in _SERVER_S if load.get("server") else ():
        load["server"][name] *= factor
    scale_details(record["details"], factor)


def _rebatch(server: dict, random: np.random.Generator) -> None:
    batches = server["batches"]
    server["batches"] = {size: max(1, round(count * random.uniform(0.5, 2))) for size, count in batches.items()}
    server["executions"] = sum(server["batches"].values())
    server["requests"] = sum(int(size) * count for size, count in server["batches"].items())


def scale_details(details: dict, factor: float, *, growth: float = 0.0) -> None:
    """Multiply what a record's details hold in seconds and bytes.

    Args:
        details: Of a record; changed in place.
        factor: For everything.
        growth: How much more the last look at a machine under load is changed than the first one.
    """
    for name in _DETAILS:
        if name in details:
            details[name] = _scaled(details[name], factor)
    windows = details.get("windows") or []
    for place, window in enumerate(windows):
        window["p50_s"] *= factor * (1 + growth * place / len(windows))


def _scaled(value: object, factor: float) -> object:
    if isinstance(value, dict):
        return {name: _scaled(part, factor) for name, part in value.items()}
    if isinstance(value, list):
        return [_scaled(part, factor) for part in value]
    return value * factor if type(value) in (int, float) else value


def _other_numbers(value: object, random: np.random.Generator) -> object:
    """Return what was seen with each number changed by a factor of its own; counts stay whole."""
    if isinstance(value, dict):
        return {name: _other_numbers(part, random) for name, part in value.items()}
    if type(value) is int:
        return max(1, round(value * random.uniform(1.5, 3.5)))
    return value * float(random.uniform(0.5, 0.9)) if type(value) is float else value


def _take_pictures(record: dict, seed: str) -> None:
    """Keep the same pictures of every record over as many."""
    count = len(record["samples"])
    stay = np.sort(generator(seed, str(count)).permutation(count)[: max(1, int(_PICTURES_STAY * count))])
    record["samples"] = [record["samples"][index] for index in stay]
    for name in ("predicted", "labels"):
        if isinstance(record["details"].get(name), list) and len(record["details"][name]) == count:
            record["details"][name] = [record["details"][name][index] for index in stay]


def _see_wrong(record: dict, seed: str) -> None:
    """Let an option be wrong about some pictures that it was right about."""
    random = generator(seed, f"wrong {record['option']}")
    predicted, labels = (record["details"].get(name) for name in ("predicted", "labels"))
    known = isinstance(predicted, list) and isinstance(labels, list) and len(predicted) == len(record["samples"])
    share = random.uniform(*_WRONG)
    for place, right in enumerate(record["samples"]):
        if right and random.random() < share:
            record["samples"][place] = 0.0
            if known:
                predicted[place] = (int(predicted[place]) + int(random.integers(1, 11))) % 11


def _move_knee(entries: list[dict], option: str, seed: str) -> None:
    """Make another batch size the best by far: which one is good enough is then another answer."""
    runs: dict[int, list[dict]] = {}
    for entry in entries:
        if entry.get("kind") == "throughput" and entry["option"] == option and "comparison_id" not in entry["details"]:
            runs.setdefault(entry["batch_size"], []).append(entry)
    if len(runs) < 2:
        return
    rates = {size: size / float(np.median(found[-1]["samples"])) for size, found in runs.items()}
    best = max(rates.values())
    knee = min(size for size, rate in rates.items() if rate >= 0.9 * best)
    chosen = generator(seed, f"knee {option}").choice(sorted(set(rates) - {knee}))
    factor = rates[int(chosen)] / (_BEST * best)
    for record in runs[int(chosen)]:
        record["samples"] = [sample * factor for sample in record["samples"]]


def generator(seed: str, name: str) -> np.random.Generator:
    """Return the generator that a seed gives to one thing that is drawn."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(f"{seed}\0{name}".encode()).digest()[:8], "big"))
