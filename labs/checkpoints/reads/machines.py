"""Facts about the machine on which a student's script ran, as the script wrote them down."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path


def about(path: Path) -> dict:
    """Return architecture and cores of where a script ran, and whether that was this very machine.

    Args:
        path: JSON with ``architecture``, ``cores`` and ``home``.
    """
    written = json.loads(path.read_text(encoding="utf-8"))
    # A device's user may have the same home as that of the container in which the course runs.
    this = (str(Path.home()), platform.machine(), os.cpu_count())
    here = (written["home"], written["architecture"], written["cores"]) == this
    return {"architecture": written["architecture"], "cores": written["cores"] or 0, "here": here}
