"""Facts about the recommendation for the device."""

from labs.checkpoints.reads.recommendations import compared
from labs.records import Records


def choice(records: Records) -> dict:
    """Return the recommendation, the measurements on its machine, and whether that was a device."""
    facts, _ = compared(records, "target.choice", "edge-fp32", "device", prefix="edge-")
    newest = records.measurements(kind="latency", option="edge-fp32")[-1]
    rehearsed = (
        newest.machine.testbed.get("site") == "rehearsal"
        or newest.machine.architecture != "aarch64"
    )
    where = records.answer("target.choice")["where"]
    return facts | {"where": where, "measured_where": "rehearsal" if rehearsed else "device"}
