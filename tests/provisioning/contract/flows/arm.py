"""Arms a fault, or moves the calendar, from a Python that has python-chi and nothing of this course."""

import json
import os
import urllib.request
from pathlib import Path


def arm(fault: str) -> None:
    """Ask the rehearsal to let a fault strike."""
    _ask("faults", {"fault": fault})


def advance(seconds: float) -> None:
    """Let time pass at once: nothing that a flow waits for depends on how busy this machine is."""
    _ask("clock", {"advance_s": seconds})


def _ask(what: str, body: dict) -> None:
    home = Path(os.environ["REHEARSAL_HOME"])
    request = urllib.request.Request(
        f"{os.environ['CHI_RESOURCE_API_URL']}/_rehearsal/{what}",
        data=json.dumps(body).encode(),
        headers={"X-Rehearsal-Secret": (home / "secret").read_text(), "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request).close()
