"""Facts about a device: the requested container."""

from labs.checkpoints.reads.observations import newest
from labs.records import Records


def container(records: Records) -> dict:
    """Return status, image and open ports of the container on the device."""
    missing = "No container of yours was seen yet: write the calls, and run their cell."
    seen = newest(records, "edge.container", missing)
    return {name: seen[name] for name in ("status", "image", "ports")}
