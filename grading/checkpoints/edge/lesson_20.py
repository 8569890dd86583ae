"""Plan and reserve a device: how many are free, and the lease that the site has."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, missing, passed, prediction
from grading.checkpoints.leases import TERMS, lease_fault
from labs.records import Records


@prediction(
    "e.reserve.free_guess",
    about={"subject": "edge.block"},
    title="Predict how many of the seven boards are free in your block",
    between=(0, 7),
)
def free(records: Records) -> float | None:
    """Return how many devices of the chosen kind were free in the chosen block."""
    seen = records.seen("edge.block")
    return None if seen is None else seen["free"]


@checkpoint(
    "e.reserve.lease",
    points=2,
    evidence_only=True,
    title="Reserve one device by name, from hour to five to",
    hints=(
        "The three calls of the table, in this order; `block` has the device's name and both ends.",
        "`mine = lease.Lease(…)`, then `mine.add_device_reservation(amount=1, device_name=…)` and `mine.submit(…)`.",
    ),
)
def lease(records: Records) -> Verdict:
    """Judge the lease as the site has it."""
    seen = records.seen("edge.lease")
    if seen is None:
        return missing("No lease of yours was seen yet: run the cell that reads it from the site.")
    if fault := lease_fault(seen, TERMS["edge"]):
        return failed(fault, yours=f"{seen['node'] or 'any device'}, {seen['start']} to {seen['end']}")
    return passed("One device by its name, from a full hour, with time left for the next one.", yours=seen["node"])
