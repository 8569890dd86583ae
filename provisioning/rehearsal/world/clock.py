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

    def advance(self, duration_s: float) -> float:
        """Move the calendar forward by some seconds and return the rehearsal's time.

        Raises:
            ValueError: The duration is negative. Time does not run backwards; `reset` starts afresh.
        """
        if duration_s < 0:
            raise ValueError("the calendar only moves forward: reset the rehearsal to start again from now")
        self.offset_s += duration_s
        return self.now()


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
    """Return Blazar's status of a lease: `PENDING`, `ACTIVE`, `TERMINATED` or `ERROR`.

    Args:
        lease: A recorded lease with `active_at_s`, `end_s` and `fate` (`ACTIVE` or `ERROR`).
        now_s: The rehearsal's time, seconds since 1970.
    """
    if now_s < lease["active_at_s"]:
        return "PENDING"
    if lease["fate"] == "ERROR":
        return "ERROR"
    return "ACTIVE" if now_s < lease["end_s"] else "TERMINATED"


def server_status(server: dict[str, Any], now_s: float) -> str:
    """Return Nova's status of a server: `BUILD`, then its fate, which is `ACTIVE` or `ERROR`.

    Args:
        server: A recorded server with `settled_at_s` and `fate`.
        now_s: The rehearsal's time, seconds since 1970.
    """
    return "BUILD" if now_s < server["settled_at_s"] else server["fate"]


def container_status(container: dict[str, Any], now_s: float) -> str:
    """Return Zun's status of a container: `Creating`, then its fate, which is `Running` or `Error`.

    Args:
        container: A recorded container with `settled_at_s` and `fate`.
        now_s: The rehearsal's time, seconds since 1970.
    """
    return "Creating" if now_s < container["settled_at_s"] else container["fate"]


def answers_ssh(server: dict[str, Any], now_s: float) -> bool:
    """Return whether the server's SSH daemon is up: a while after `ACTIVE`, as on bare metal."""
    return server_status(server, now_s) == "ACTIVE" and now_s >= server["ssh_at_s"]
