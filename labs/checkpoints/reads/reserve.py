"""The site's report about the practice lease."""

from labs.checkpoints.reads.observations import newest
from labs.records import Records


def practice(records: Records) -> dict:
    """Return the status of the practice lease that failed, and of the leases of its name that came
    after it.
    """
    first = newest(
        records, "reserve.practice", "No practice lease was asked for yet: run the cells above."
    )
    then = newest(
        records,
        "reserve.recovered",
        "Not asked for again yet: write the calls, and run their cell.",
    )
    statuses = then["statuses"]
    return {"failed": first["status"], "count": len(statuses), "now": " and ".join(statuses)}
