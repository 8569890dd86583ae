"""Time, as a thing that can be handed over: tests drive it, everybody else uses the machine's."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the steps and the planner know of time."""

    def now(self) -> datetime:
        """Return the present moment with time zone UTC."""

    def monotonic_s(self) -> float:
        """Return seconds that never go backwards; only differences mean anything."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class MachineClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Return the present moment with time zone UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return the monotonic clock in seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
