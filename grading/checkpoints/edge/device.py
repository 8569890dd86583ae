"""What judges of part 2 share: records from the device, and whether a device made them at all."""

from __future__ import annotations

from grading.checkpoints.evidence import latest, measurements
from labs.records.targets import target

#: The device's limits, from the manager's list.
DEVICE_S, DEVICE_BYTES = target("device").p50_s, target("device").size_bytes

#: The float model on the device, that every other option is held against.
BASELINE = "edge-fp32"

#: Said when a record is missing.
NOT_MEASURED = "There is no such record from the device yet: run the cell that measures it."


def on_arm(found: dict | None) -> bool:
    """Return whether a record, or anything else with a machine, comes from an ARM processor that is really there."""
    machine = (found or {}).get("machine") or {}
    return machine.get("architecture") in ("aarch64", "arm64") and not machine.get("emulator")


def on_the_estimated_core(found: dict | None) -> bool:
    """Return whether a record comes from the core that the estimate is about: another ARM core cannot test it."""
    machine = (found or {}).get("machine") or {}
    return "Cortex-A76" in str(machine.get("cpu_model", "")) and not machine.get("emulator")


def rehearsed(record: dict | None) -> bool:
    """Return whether a record was made in a rehearsal."""
    return (((record or {}).get("machine") or {}).get("testbed") or {}).get("site") == "rehearsal"


def where_of(record: dict) -> str:
    """Return 'device' for a record from an ARM processor that is really there and no laptop's, else 'rehearsal'."""
    return "device" if on_arm(record) and not rehearsed(record) else "rehearsal"


def right_of(entries: list[dict], option: str) -> list[float] | None:
    """Return 1 or 0 for each picture of an option's newest accuracy record, or None."""
    record = latest(entries, kind="accuracy", option=option)
    return None if record is None else record["samples"]


def points_lost(entries: list[dict], option: str, baseline: str = BASELINE) -> float | None:
    """Return how many points of accuracy an option loses against another on the same pictures, or None."""
    mine, theirs = right_of(entries, option), right_of(entries, baseline)
    if mine is None or theirs is None or len(mine) != len(theirs):
        return None
    return 100 * (sum(theirs) - sum(mine)) / len(mine)


def size_of(entries: list[dict], option: str) -> float | None:
    """Return the size in bytes of an option's newest size record, or None."""
    record = latest(entries, kind="size", option=option)
    return None if record is None else record["samples"][-1]


def newest_run(entries: list[dict], *options: str) -> dict[str, dict]:
    """Return the records by option of the newest side-by-side run that holds all these options; empty without one."""
    runs: dict[str, dict[str, dict]] = {}
    for record in measurements(entries, kind="latency", batch_size=1):
        if "comparison_id" in record["details"]:
            runs.setdefault(record["details"]["comparison_id"], {})[record["option"]] = record
    fitting = [run for run in runs.values() if set(options) <= set(run)]
    return fitting[-1] if fitting else {}


def blocks(record: dict) -> list[list[float]]:
    """Return a compared record's samples, turn by turn."""
    size = record["details"]["block_calls"]
    return [record["samples"][begin : begin + size] for begin in range(0, len(record["samples"]), size)]
