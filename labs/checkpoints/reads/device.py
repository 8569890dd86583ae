"""What was seen of a device: the container that was asked for, and where a student's script ran."""

import json
import os
import platform
from pathlib import Path

from labs.checkpoints.reads.observations import newest
from labs.records import Records


def container(records: Records) -> dict:
    """Return status, image and open ports of the container on the device."""
    missing = "No container of yours was seen yet: write the calls, and run their cell."
    seen = newest(records, "edge.container", missing)
    return {name: seen[name] for name in ("status", "image", "ports")}


def about(path: Path) -> dict:
    """Return architecture and cores of where a script ran, by the JSON that it wrote, and whether that was here."""
    written = json.loads(path.read_text(encoding="utf-8"))
    # A device's user may have the same home as that of the container in which the course runs.
    this = (str(Path.home()), platform.machine(), os.cpu_count())
    here = (written["home"], written["architecture"], written["cores"]) == this
    return {"architecture": written["architecture"], "cores": written["cores"] or 0, "here": here}
