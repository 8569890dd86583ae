"""Arms a fault from a Python that has python-chi and nothing of this course."""

import json
import os
import urllib.request
from pathlib import Path


def arm(fault: str) -> None:
    """Ask the rehearsal to let a fault strike."""
    home = Path(os.environ["REHEARSAL_HOME"])
    request = urllib.request.Request(
        os.environ["CHI_RESOURCE_API_URL"] + "/_rehearsal/faults",
        data=json.dumps({"fault": fault}).encode(),
        headers={"X-Rehearsal-Secret": (home / "secret").read_text(), "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request).close()
