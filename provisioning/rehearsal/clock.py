"""The rehearsal's clock: a calendar that can be moved forward, and waiting times that can be shortened."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


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
        """Return how long a wait takes here.

        Args:
            duration_s: The wait on Chameleon, in seconds.

        Returns:
            The wait in the rehearsal, in seconds.
        """
        return duration_s / self.speed

    def advance(self, duration_s: float) -> float:
        """Move the calendar forward and return the new time.

        Args:
            duration_s: Seconds to jump, not negative.

        Returns:
            The rehearsal's time after the jump, in seconds since 1970.

        Raises:
            ValueError: The duration is negative. Time does not run backwards; `reset` starts afresh.
        """
        if duration_s < 0:
            raise ValueError("the calendar only moves forward: reset the rehearsal to start again from now")
        self.offset_s += duration_s
        return self.now()


def stamp(moment_s: float, pattern: str) -> str:
    """Return a UTC time as text, for example `stamp(0, "%Y-%m-%d")` is `1970-01-01`."""
    return datetime.fromtimestamp(moment_s, UTC).strftime(pattern)


def blazar_stamp(moment_s: float) -> str:
    """Return a time the way Blazar writes lease dates; python-chi parses exactly this, fraction included."""
    return stamp(moment_s, "%Y-%m-%dT%H:%M:%S.%f")


def created_stamp(moment_s: float) -> str:
    """Return a time the way Blazar writes `created_at`; python-chi refuses a fraction here."""
    return stamp(moment_s, "%Y-%m-%d %H:%M:%S")


def iso_stamp(moment_s: float) -> str:
    """Return a time the way Keystone, Nova, Neutron and Glance write it, for example `1970-01-01T00:00:00Z`."""
    return stamp(moment_s, "%Y-%m-%dT%H:%M:%SZ")
