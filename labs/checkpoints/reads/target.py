"""Facts about the recommendation for the device."""

from labs.checkpoints.reads.recommendations import compared
from labs.machine.quantization_format import quantization_format
from labs.records import Records


def choice(records: Records) -> dict:
    """Return the recommendation, the measurements on its machine, and whether that was a device."""
    facts, _ = compared(records, "target.choice", "edge-fp32", "device", prefix="edge-")
    newest = records.measurements(kind="latency", option="edge-fp32")[-1]
    rehearsed = (
        newest.machine.testbed.get("site") == "rehearsal"
        or newest.machine.architecture != "aarch64"
    )
    # A laptop without VNNI adds in 16 bits: all 8-bit files may lose there what a board keeps.
    saturates = quantization_format(newest.machine).reduce_range
    kept = facts["kept"] or (saturates and not facts["keeping"])
    where = records.answer("target.choice")["where"]
    measured_where = "rehearsal" if rehearsed else "device"
    return facts | {"kept": kept, "where": where, "measured_where": measured_where}
