"""Asks the rehearsal's own service, from a Python that has python-chi and nothing of this course."""

import json
import os
import urllib.request
from pathlib import Path


def ask(what, **body):
    request = urllib.request.Request(
        f"{os.environ['CHI_RESOURCE_API_URL']}/_rehearsal/{what}",
        data=json.dumps(body).encode(),
        headers={"X-Rehearsal-Secret": (Path(os.environ["REHEARSAL_HOME"]) / "secret").read_text()},
    )
    urllib.request.urlopen(request).close()


def arm(fault):
    ask("faults", fault=fault)


def advance(seconds):
    """Let time pass at once: nothing that is waited for depends on how busy this machine is."""
    ask("clock", advance_s=seconds)


def raised(call, *arguments, **named):
    """Return the name of what a call raises; empty when it returns."""
    try:
        call(*arguments, **named)
    except Exception as error:
        return type(error).__name__
    return ""
