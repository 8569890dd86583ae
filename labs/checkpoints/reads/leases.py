"""Facts about leases and releases, as the sites reported them at that time
(``provisioning.lab.facts``).

Subjects of the observations are ``<part>.lease``, ``.lease_at_release`` and ``.release``; the parts
are 'model', 'edge' and 'system'.
"""

from datetime import datetime
from functools import partial

from labs.checkpoints.reads.observations import newest
from labs.course.question import MissingEvidenceError
from labs.records import Observation, Records


def lease(records: Records, part: str) -> dict:
    """Return the lease that the site had when it was read last: status, node, kind, hours and how
    many of its name.

    ``kind`` is the type of a machine that the part may run on, else the name of the machine that
    was reserved.
    """
    missing = "No lease of yours was seen yet: run the cell that reads it from the site."
    seen = newest(records, f"{part}.lease", missing)
    start = datetime.fromisoformat(seen["start"])
    end = datetime.fromisoformat(seen["end"])
    minutes = (end - start).total_seconds() / 60
    return {
        "status": seen["status"],
        "by_name": bool(seen["node"]),
        "kind": seen["type"],
        "begins": f"{start:%H:%M}",
        "begins_minute": start.minute,
        "ends": f"{end:%H:%M}",
        # Of the block's own last hour, which a block from a half hour on begins at half past.
        "ends_minute": int(minutes) % 60,
        "minutes": minutes,
        "of_this_name": seen["of_this_name"],
    }


def release(records: Records, part: str) -> dict:
    """Return what the site still counted after a release, and the hours from then to the end of the
    lease.
    """
    releases = records.observations(f"{part}.release")
    leases_before = records.observations(f"{part}.lease_at_release")
    both_seen = bool(releases) and bool(leases_before)
    if not both_seen or _is_before(releases[-1], leases_before[-1], records):
        # An older release belongs to another lease.
        raise MissingEvidenceError(
            "No release of your lease was seen yet: run the cells above, and then this one."
        )
    seen = releases[-1].seen
    end = datetime.fromisoformat(leases_before[-1].seen["end"])
    left = end - datetime.fromisoformat(seen["at"])
    return {"held": ", ".join(seen["held"]), "hours_given_back": left.total_seconds() / 3600}


def _is_before(earlier: Observation, later: Observation, records: Records) -> bool:
    """Return whether one observation is before another one in the ledger."""
    return records.index(earlier) < records.index(later)


#: By part, as the questions name them.
model_lease = partial(lease, part="model")
edge_lease = partial(lease, part="edge")
system_lease = partial(lease, part="system")
model_release = partial(release, part="model")
edge_release = partial(release, part="edge")
system_release = partial(release, part="system")
