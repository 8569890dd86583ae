"""Time: a calendar that can be moved forward, waits that can be shortened, and the states that follow from both."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

#: Seconds on Chameleon, from typical reports of its users; the clock's speed shortens them.
LEASE_START_S = 30.0
SERVER_BOOT_S = 600.0
SSH_AFTER_ACTIVE_S = 60.0
CONTAINER_START_S = 90.0
VIRTUAL_BOOT_S = 120.0
VOLUME_S = 90.0


@dataclass
class Clock:
    """A calendar that follows the real one, so that python-chi's own dates stay valid, until it is advanced.

    Speed shortens waiting (a boot, a lease's start) and leaves the calendar alone: python-chi computes the end
    of a lease from the machine's clock, so a calendar that ran faster would soon refuse every new lease.

    Attributes:
        speed: How many times shorter a wait is than on Chameleon; 120 turns a ten-minute boot into 5 s.
        offset_s: How far the calendar was advanced, in seconds.
        real: The clock underneath, seconds since 1970; tests inject one that they move by hand.
    """

    speed: float = 120.0
    offset_s: float = 0.0
    real: Callable[[], float] = time.time

    def now(self) -> float:
        """Return the rehearsal's time in seconds since 1970 (UTC)."""
        return self.real() + self.offset_s

    def shortened(self, duration_s: float) -> float:
        """Return how long a wait of some seconds on Chameleon takes here, in seconds."""
        return duration_s / self.speed


def stamp(moment_s: float, pattern: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    """Return a UTC time as text, by default as Keystone, Nova, Neutron and Glance write it: `1970-01-01T00:00:00Z`."""
    return datetime.fromtimestamp(moment_s, UTC).strftime(pattern)


def blazar_stamp(moment_s: float) -> str:
    """Return a time the way Blazar writes lease dates; python-chi parses exactly this, fraction included."""
    return stamp(moment_s, "%Y-%m-%dT%H:%M:%S.%f")


def created_stamp(moment_s: float) -> str:
    """Return a time the way Blazar writes `created_at`; python-chi refuses a fraction here."""
    return stamp(moment_s, "%Y-%m-%d %H:%M:%S")


def lease_status(lease: dict[str, Any], now_s: float) -> str:
    """Return Blazar's status of a recorded lease: `PENDING`, `ACTIVE`, `TERMINATED` or `ERROR`."""
    if now_s < lease["active_at_s"]:
        return "PENDING"
    if lease["fate"] == "ERROR":
        return "ERROR"
    return "ACTIVE" if now_s < lease["end_s"] else "TERMINATED"


def volume_status(volume: dict[str, Any], now_s: float) -> str:
    """Return Cinder's status of a recorded volume: `downloading` or `creating`, `available`, `in-use`."""
    if now_s < volume["settled_at_s"]:
        return "downloading" if volume["image_id"] else "creating"
    return "in-use" if volume["server_id"] else "available"


def machine_status(machine: dict[str, Any], now_s: float) -> str:
    """Return Nova's or Zun's status of a recorded server or container: `BUILD` or `Creating`, then its fate."""
    return machine["starting"] if now_s < machine["settled_at_s"] else machine["fate"]
