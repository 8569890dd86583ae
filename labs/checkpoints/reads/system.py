"""How the set-up of a node stands: what its steps wrote down, and what the site counts (``provisioning.lab.facts``)."""

from labs.checkpoints.reads.observations import newest
from labs.records import Records


def machine(records: Records) -> dict:
    """Return how the steps of a set-up stand, how often each ran, and what the site counts under this name."""
    missing = "No machine was seen yet: run the steps, and the cell that looks at it."
    seen = newest(records, "system.machine", missing)
    steps, held = seen["steps"], {kind: count for kind, count in seen["held"].items() if kind != "volume"}
    return {
        "steps": len(steps),
        "open_steps": ", ".join(sorted(name for name, step in steps.items() if step["state"] != "done")),
        "failed_checks": ", ".join(sorted(name for name, found in seen["checks"].items() if found == "failed")),
        "runs": min((step["attempts"] for step in steps.values()), default=0),
        "held": ", ".join(f"{count} {kind}" for kind, count in sorted(held.items())),
        "most_of_one_kind": max(held.values(), default=0),
    }
