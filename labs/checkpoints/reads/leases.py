"""Facts about leases and releases: what the sites said of them at that time (``provisioning.lab.facts``).

Subjects of the observations are ``<part>.lease``, ``.lease_at_release`` and ``.release``; the parts are 'model', 'edge'
and 'system'.
"""

from datetime import datetime
from functools import partial

from labs.checkpoints.reads.observations import newest
from labs.course.question import MissingEvidenceError
from labs.records import Records


def lease(records: Records, part: str) -> dict:
    """Return the lease that the site had when it was read last: status, node, kind, hours and how many of its name.

    ``kind`` is the type of a machine that the part may run on, else the name of the machine that was reserved.
    """
    missing = "No lease of yours was seen yet: run the cell that reads it from the site."
    seen = newest(records, f"{part}.lease", missing)
    start, end = (datetime.fromisoformat(seen[name]) for name in ("start", "end"))
    return {
        "status": seen["status"],
        "by_name": bool(seen["node"]),
        "kind": seen["type"],
        "begins": f"{start:%H:%M}",
        "begins_minute": start.minute,
        "ends": f"{end:%H:%M}",
        "ends_minute": end.minute,
        "minutes": (end - start).total_seconds() / 60,
        "of_this_name": seen["of_this_name"],
    }


def release(records: Records, part: str) -> dict:
    """Return what the site still counted after a release, and the hours from then to the end of the lease."""
    released, before = (
        records.observations(f"{part}.{name}") for name in ("release", "lease_at_release")
    )
    if not released or not before or records.index(released[-1]) < records.index(before[-1]):
        raise MissingEvidenceError(
            "No release of your lease was seen yet: run the cells above, and then this one."
        )
    seen = released[-1].seen
    left = datetime.fromisoformat(before[-1].seen["end"]) - datetime.fromisoformat(seen["at"])
    return {"held": ", ".join(seen["held"]), "hours_given_back": left.total_seconds() / 3600}


#: By part, as the questions name them.
model_lease, edge_lease, system_lease = (
    partial(lease, part=part) for part in ("model", "edge", "system")
)
model_release, edge_release, system_release = (
    partial(release, part=part) for part in ("model", "edge", "system")
)
