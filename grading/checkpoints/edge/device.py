"""What judges of part 2 share: records from the device, and whether a device made them at all."""

from __future__ import annotations

from labs.records import Measurement, Records
from labs.records.targets import target

#: The device's limits, from the manager's list.
DEVICE_S, DEVICE_BYTES = target("device").p50_s, target("device").size_bytes

#: The float model on the device, that every other option is held against.
BASELINE = "edge-fp32"

#: Said when a record is missing.
NOT_MEASURED = "There is no such record from the device yet: run the cell that measures it."


def on_arm(found: Measurement | dict | None) -> bool:
    """Return whether a record, or anything else with a machine, comes from an ARM processor that is really there."""
    architecture, _, emulator = _machine_of(found)
    return architecture in ("aarch64", "arm64") and not emulator


def on_the_estimated_core(found: Measurement | None) -> bool:
    """Return whether a record comes from the core that the estimate is about: another ARM core cannot test it."""
    _, cpu_model, emulator = _machine_of(found)
    return "Cortex-A76" in cpu_model and not emulator


def rehearsed(record: Measurement | None) -> bool:
    """Return whether a record was made in a rehearsal."""
    return record is not None and record.machine.testbed.get("site") == "rehearsal"


def _machine_of(found: Measurement | dict | None) -> tuple[str, str, str]:
    """Return architecture, processor and emulator of a record, or of what was seen of a machine; empty if unknown."""
    names = ("architecture", "cpu_model", "emulator")
    if isinstance(found, Measurement):
        return tuple(getattr(found.machine, name) for name in names)
    machine = (found or {}).get("machine") or {}
    return tuple(str(machine.get(name, "")) for name in names)


def where_of(record: Measurement) -> str:
    """Return 'device' for a record from an ARM processor that is really there and no laptop's, else 'rehearsal'."""
    return "device" if on_arm(record) and not rehearsed(record) else "rehearsal"


def right_of(records: Records, option: str) -> tuple[float, ...] | None:
    """Return 1 or 0 for each picture of an option's newest accuracy record, or None."""
    record = records.latest(kind="accuracy", option=option)
    return None if record is None else record.samples


def points_lost(records: Records, option: str, baseline: str = BASELINE) -> float | None:
    """Return how many points of accuracy an option loses against another on the same pictures, or None."""
    mine, theirs = right_of(records, option), right_of(records, baseline)
    if mine is None or theirs is None or len(mine) != len(theirs):
        return None
    return 100 * (sum(theirs) - sum(mine)) / len(mine)


def size_of(records: Records, option: str) -> float | None:
    """Return the size in bytes of an option's newest size record, or None."""
    record = records.latest(kind="size", option=option)
    return None if record is None else record.samples[-1]
