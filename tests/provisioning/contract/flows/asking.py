"""Asks the rehearsal's own service, from a Python that has python-chi and nothing of this course.

The testbed's calendar begins at a moment that the tests choose, and moves when a flow lets time
pass. python-chi computes dates from the computer's clock, which agrees with the site's on
Chameleon. So it reads the testbed's here.
"""

import json
import os
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import chi.hardware
import chi.lease
import chi.util


class TestbedDatetime(datetime):
    """A datetime whose present is the testbed's."""

    @classmethod
    def now(cls, tz=None):
        calendar = Path(os.environ["REHEARSAL_HOME"], "calendar.json")
        ahead_s = json.loads(calendar.read_text())["ahead_s"]
        return super().now(tz) + timedelta(seconds=ahead_s)


for module in (chi.hardware, chi.lease, chi.util):
    module.datetime = TestbedDatetime


def now():
    """Return the testbed's present moment, with time zone UTC."""
    return TestbedDatetime.now(UTC)


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
    """Return the name of the exception that a call raises; empty when it returns."""
    try:
        call(*arguments, **named)
    except Exception as error:
        return type(error).__name__
    return ""
