"""Where this process is: at Chameleon or in a rehearsal of it, and by which clock."""

import json
import os
import shlex
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path


def rehearsing(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether this process talks to the rehearsal testbed."""
    return "REHEARSAL_PORTS" in environ


def on_chameleon() -> bool:
    """Return whether Chameleon's own Jupyter, which sets these variables, started this process."""
    if rehearsing():
        return False
    return any(os.environ.get(name) for name in ("OS_ACCESS_TOKEN", "OS_IDENTITY_PROVIDER"))


#: In a rehearsal's folder: how far its calendar was moved ahead of this computer's.
CALENDAR_NAME = "calendar.json"


def poll_s() -> float:
    """Return the seconds between two looks: rehearsed machines change a hundred times faster."""
    return 0.5 if rehearsing() else 5.0


def ssh_command() -> str:
    """Return how OpenSSH is called: as it is, or with the rehearsal's own configuration and key."""
    if not rehearsing():
        return "ssh"
    config = Path(os.environ["REHEARSAL_PORTS"]).with_name("ssh_config")
    return shlex.join(["ssh", "-F", str(config), "-i", os.environ["OS_KEYPAIR_PRIVATE_KEY"]])


class WallClock:
    """The clock of steps and planner: the machine's own; a test drives another."""

    def now(self) -> datetime:
        """Return the present moment with time zone UTC."""
        return datetime.now(UTC)

    monotonic_s = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)


class RehearsedClock(WallClock):
    """The rehearsal's calendar: the machine's own time, and how far the calendar was moved ahead of
    it.
    """

    def now(self) -> datetime:
        return super().now() + ahead_of(Path(os.environ["REHEARSAL_PORTS"]).parent)


def ahead_of(folder: Path) -> timedelta:
    """Return how far a rehearsal's calendar was moved ahead of this computer's."""
    try:
        calendar = json.loads((folder / CALENDAR_NAME).read_text(encoding="utf-8"))
        return timedelta(seconds=float(calendar["ahead_s"]))
    except (OSError, ValueError, LookupError, TypeError):
        return timedelta()


def site_clock() -> WallClock:
    """Return the clock of the sites: the machine's, or the rehearsal's, whose calendar can be
    moved.
    """
    return RehearsedClock() if rehearsing() else WallClock()
