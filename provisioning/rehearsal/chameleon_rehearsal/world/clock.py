"""Time: a calendar that can be moved forward, waits that can be shortened, and the states that
follow from both.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

#: Seconds on Chameleon, from typical reports of its users; the clock's speed shortens them.
LEASE_START_S = 30.0
SERVER_BOOT_S = 600.0
SSH_AFTER_ACTIVE_S = 60.0
CONTAINER_START_S = 90.0
VIRTUAL_BOOT_S = 120.0
VOLUME_S = 90.0
#: Until Nova calls a server off or on, and until its system answers then. Nova says ACTIVE when the
#: power is on: on bare metal the system needs minutes more.
POWER_CYCLE_S = 30.0
OS_BOOT_S = 300.0
VIRTUAL_OS_BOOT_S = 30.0


@dataclass
class Clock:
    """A calendar that follows the real one, so that python-chi's own dates stay valid, until it is
    advanced.

    Speed shortens waits (a boot, a lease's start) but does not change the calendar. python-chi
    computes the end of a lease from the machine's clock, so a faster calendar would soon refuse
    every new lease.

    Attributes:
        speed: How many times shorter a wait is than on Chameleon; 120 turns a ten-minute boot into
            5 s.
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


@dataclass
class Looks:
    """Looks at single leases, which distinguish a waiting program from a person.

    python-chi asks every 5 seconds while it waits, and each time for the lease and twice for its
    status. A person who looks at a status asks once.

    Attributes:
        real: Seconds since 1970, of this computer.
    """

    #: Seconds in which looks are counted, and those between the first and the last look of a wait,
    #: at the least.
    WINDOW_S: ClassVar = 12.0
    SPAN_S: ClassVar = 9.0
    #: Looks in that time of a program that waits, at the least: python-chi's are three times three.
    LEAST: ClassVar = 7

    real: Callable[[], float]
    _moments_s: dict[str, list[float]] = field(default_factory=dict)

    def waits(self, lease_id: str) -> bool:
        """Note a look at a lease, and return whether a program has waited for it long enough to be
        told.
        """
        now_s = self.real()
        moments_s = [
            moment_s
            for moment_s in self._moments_s.get(lease_id, [])
            if now_s - moment_s <= self.WINDOW_S
        ]
        moments_s.append(now_s)
        long_enough = len(moments_s) >= self.LEAST and now_s - moments_s[0] >= self.SPAN_S
        self._moments_s[lease_id] = [] if long_enough else moments_s
        return long_enough


def stamp(moment_s: float, pattern: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    """Return a UTC time as text, by default as Keystone, Nova, Neutron and Glance write it:
    `1970-01-01T00:00:00Z`.
    """
    return datetime.fromtimestamp(moment_s, UTC).strftime(pattern)


def blazar_stamp(moment_s: float) -> str:
    """Return a time the way Blazar writes lease dates; python-chi parses exactly this, fraction
    included.
    """
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
    """Return Cinder's status of a recorded volume: `downloading` or `creating`, `available`,
    `in-use`.
    """
    if now_s < volume["settled_at_s"]:
        return "downloading" if volume["image_id"] else "creating"
    return "in-use" if volume["server_id"] else "available"


def machine_status(machine: dict[str, Any], now_s: float) -> str:
    """Return Nova's or Zun's status of a recorded server or container: `BUILD` or `Creating`, then
    its fate.
    """
    return machine["starting"] if now_s < machine["settled_at_s"] else machine["fate"]


#: Nova's `vm_state` of a server that nothing changes, by its status.
_VM_STATES = {"ACTIVE": "active", "SHUTOFF": "stopped", "ERROR": "error"}


def server_states(server: dict[str, Any], now_s: float) -> tuple[str, str | None]:
    """Return Nova's `vm_state` and `task_state` of a recorded server."""
    if now_s < server["settled_at_s"]:
        vm_state, task_state = server["starting_state"]
        return vm_state, task_state
    return _VM_STATES[server["fate"]], None
