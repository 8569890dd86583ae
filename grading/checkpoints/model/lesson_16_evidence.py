"""Choose and defend: the frontier, the race, the targets and the constraints, all recomputed from the ledger."""

from __future__ import annotations

from grading.checkpoints.evidence import accuracy, frames_per_second, latest, measurements, percentile

PLAIN_JSON = True

#: The float model that every option is held against.
BASELINE = "onnx-all"

#: The four measures of the frontier, and whether the larger one is better.
MEASURES = {"accuracy": True, "p50_s": False, "batch_fps": True, "size_bytes": False}

#: Providers and devices that compute on a GPU.
_ON_A_GPU = {"CUDAExecutionProvider", "TensorrtExecutionProvider", "MIGraphXExecutionProvider", "cuda"}

#: Accuracy that every choice of this lesson may lose against the float model, 0 to 1.
MAX_LOSS = 0.01

#: Rounding of an accuracy difference.
_EPSILON = 1e-9


def numbers(entries: list[dict]) -> dict[str, dict[str, float]]:
    """Return accuracy, p50, batch throughput and size of each option that has all four; the newest record counts."""
    found: dict[str, dict[str, float]] = {}
    largest: dict[str, int] = {}
    home = machine_of(latest(entries, option=BASELINE))
    for record in measurements(entries):
        if home is not None and machine_of(record) != home:
            continue  # part 2 measures on a device, and keeps its records in the same ledger
        option, kind, batch_size = record["option"], record["kind"], record["batch_size"]
        row = found.setdefault(option, {})
        if kind == "size":
            row["size_bytes"] = record["samples"][-1]
        elif kind == "accuracy":
            row["accuracy"] = accuracy(record)
        elif kind == "latency" and batch_size == 1:
            row["p50_s"] = percentile(record, 50)
        elif kind == "throughput" and batch_size >= largest.get(option, 0):
            row["batch_fps"], largest[option] = frames_per_second(record), batch_size
    return {option: row for option, row in found.items() if set(row) == set(MEASURES)}


def machine_of(record: dict | None) -> str | None:
    """Return the identity of the machine that made a record; None where it states none."""
    return ((record or {}).get("machine") or {}).get("machine_id")


def beats(one: dict[str, float], other: dict[str, float]) -> bool:
    """Return whether one option is at least as good as another in all four measures, and better in one."""
    gains = [(one[name] - other[name]) * (1 if larger else -1) for name, larger in MEASURES.items()]
    return all(gain >= 0 for gain in gains) and any(gain > 0 for gain in gains)


def on_the_frontier(found: dict[str, dict[str, float]]) -> list[str]:
    """Return the options that no other one beats."""
    return [name for name, row in found.items() if not any(beats(other, row) for other in found.values())]


def affordable(found: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Return the options that lose one point at most against the float model."""
    floor = found[BASELINE]["accuracy"] - MAX_LOSS - _EPSILON
    return {name: row for name, row in found.items() if row["accuracy"] >= floor}


def gpu_options(entries: list[dict]) -> set[str]:
    """Return the options that computed on a GPU."""
    used = {record["option"]: record.get("providers_used") or {} for record in measurements(entries)}
    asked = {record["option"]: record.get("provider_requested") for record in measurements(entries, kind="latency")}
    return {name for name, nodes in used.items() if set(nodes) & _ON_A_GPU or asked.get(name) in _ON_A_GPU}


def what_ran(entries: list[dict], option: str) -> tuple[str, str, str]:
    """Return runtime, provider and file of an option's newest latency record: what makes it another option at all."""
    record = latest(entries, kind="latency", option=option) or {}
    file = (record.get("model") or {}).get("sha256", option)
    return record.get("backend", ""), record.get("provider_requested", ""), file


def race(entries: list[dict], batch_size: int) -> dict[str, dict]:
    """Return the records by option of the newest side-by-side run of this batch size that holds the float model."""
    kind = "latency" if batch_size == 1 else "throughput"
    runs: dict[str, dict[str, dict]] = {}
    for record in measurements(entries, kind=kind, batch_size=batch_size):
        if "comparison_id" in record["details"]:
            runs.setdefault(record["details"]["comparison_id"], {})[record["option"]] = record
    with_baseline = [run for run in runs.values() if BASELINE in run]
    return with_baseline[-1] if with_baseline else {}


def blocks(record: dict) -> list[list[float]]:
    """Return a raced record's samples, turn by turn."""
    size = record["details"]["block_calls"]
    return [record["samples"][begin : begin + size] for begin in range(0, len(record["samples"]), size)]
