"""Facts about the recommendation for the device."""

from labs.checkpoints.reads.recommendations import compared
from labs.records import Records


def choice(records: Records) -> dict:
    """Return what the recommendation says, what was measured there, and whether it was a device."""
    facts, row, _ = compared(records, "target.choice", "edge-fp32")
    newest = records.latest(kind="latency", option="edge-fp32", batch_size=1)
    rehearsed = newest.machine.testbed.get("site") == "rehearsal" or newest.machine.architecture != "aarch64"
    kept = row["size_bytes"] <= 5_000_000 and facts["accuracy_kept"]
    measured_where = "rehearsal" if rehearsed else "device"
    where = records.answer("target.choice")["where"]
    return facts | {"kept": bool(facts["measured"] and kept), "where": where, "measured_where": measured_where}
