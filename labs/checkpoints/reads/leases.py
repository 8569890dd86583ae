"""Facts about leases, machines and releases: what the sites said of them at that time (``provisioning.lab.facts``).

Subjects of the observations are ``<part>.lease``, ``.machine``, ``.lease_at_release`` and ``.release``; the parts are
'model', 'edge' and 'system'.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from labs.course.question import MissingEvidenceError
from labs.records import Records


def lease(records: Records, part: str) -> dict:
    """Return the lease that the site had when it was read last: status, node, kind, hours and how many of its name."""
    seen = _seen(records, f"{part}.lease", "No lease of yours was seen yet: run the cell that reads it from the site.")
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


def machine(records: Records, part: str) -> dict:
    """Return how the steps of a set-up stand, how often each ran, and what the site counts under this name."""
    seen = _seen(records, f"{part}.machine", "No machine was seen yet: run the steps, and the cell that looks at it.")
    steps, held = seen["steps"], {kind: count for kind, count in seen["held"].items() if kind != "volume"}
    return {
        "steps": len(steps),
        "open_steps": ", ".join(sorted(name for name, step in steps.items() if step["state"] != "done")),
        "failed_checks": ", ".join(sorted(name for name, found in seen["checks"].items() if found == "failed")),
        "runs": min((step["attempts"] for step in steps.values()), default=0),
        "held": ", ".join(f"{count} {kind}" for kind, count in sorted(held.items())),
        "most_of_one_kind": max(held.values(), default=0),
    }


def practice(records: Records) -> dict:
    """Return the status of the practice lease that failed, and of the leases of its name that came after it."""
    first = _seen(records, "reserve.practice", "No practice lease was asked for yet: run the cells above.")
    then = _seen(records, "reserve.recovered", "Not asked for again yet: write the calls, and run their cell.")
    statuses = then["statuses"]
    return {"failed": first["status"], "count": len(statuses), "now": " and ".join(statuses)}


def edge_container(records: Records) -> dict:
    """Return status, image and open ports of the container on the device."""
    seen = _seen(records, "edge.container", "No container of yours was seen yet: write the calls, and run their cell.")
    return {name: seen[name] for name in ("status", "image", "ports")}


def release(records: Records, part: str) -> dict:
    """Return what the site still counted after a release, and the hours from then to the end of the lease."""
    released, before = (records.observations(f"{part}.{name}") for name in ("release", "lease_at_release"))
    if not released or not before or records.index(released[-1]) < records.index(before[-1]):
        raise MissingEvidenceError("No release of your lease was seen yet: run the cells above, and then this one.")
    seen = released[-1].seen
    left = datetime.fromisoformat(before[-1].seen["end"]) - datetime.fromisoformat(seen["at"])
    return {"held": ", ".join(seen["held"]), "hours_given_back": left.total_seconds() / 3600}


def _seen(records: Records, subject: str, missing: str) -> dict:
    seen = records.seen(subject)
    if seen is None:
        raise MissingEvidenceError(missing)
    return seen


#: By part, as the questions name them.
model_lease, edge_lease, system_lease = (partial(lease, part=part) for part in ("model", "edge", "system"))
model_release, edge_release, system_release = (partial(release, part=part) for part in ("model", "edge", "system"))
system_machine = partial(machine, part="system")
