"""Plan and reserve a device: how many are free, and the lease that the site has."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, prediction
from grading.checkpoints.leases import judge_lease
from labs.records import Records


@prediction(
    "e.reserve.free_guess",
    about={"subject": "edge.block"},
    title="Predict how many of the seven boards are free in the first free block",
    between=(0, 7),
)
def free(records: Records) -> float | None:
    """Return how many devices of the chosen kind were free in the chosen block."""
    seen = records.seen("edge.block")
    return None if seen is None else seen["free"]


@checkpoint(
    "e.reserve.lease",
    points=2,
    title="Reserve one device by name, from hour to five to, and read its record",
    hint="Both are in the last record: one word in capitals, and less than 120 minutes from start to end.",
)
def lease(records: Records) -> Verdict:
    """Judge the lease as the site has it."""
    return judge_lease(records, "edge", "e.reserve.lease")
