"""Holding a process to a few cores of one clock class, so that a large machine answers in the shape of a small one.

A laptop spreads work over its cores, raises their clocks as it pleases, and need not have equal ones. A process may
choose the cores that it runs on; their clock is root's to set. So the cores are taken from the class whose clock comes
nearest to the one that is wanted, and their clock is looked at meanwhile: whether it kept still is known afterwards.
Milliseconds measured like this are still this machine's.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import log
from pathlib import Path

from labs.progress import OnProgress

#: A clock that moved less than this between its lowest and its highest reading kept still.
STEADY_WITHIN = 0.05


@dataclass
class Held:
    """What a process was held to, and what the clock did meanwhile."""

    #: Numbers of the processors; empty where this system lets no process choose.
    cpus: tuple[int, ...]
    #: Highest clock that these are made for, in Hz; None where the machine does not tell.
    class_hz: float | None
    #: The file system to read the clock from.
    root: Path = Path("/")
    #: Clocks seen, in Hz.
    seen_hz: list[float] = field(default_factory=list)

    def watching(self, on_progress: OnProgress) -> OnProgress:
        """Return the same reporting, with a look at the clock at each report: between what is timed, and never within.

        Args:
            on_progress: Told how far it is.
        """

        def report(fraction: float, text: str) -> None:
            self.look()
            on_progress(fraction, text)

        return report

    def look(self) -> None:
        """Note the clocks of the held processors, as far as they are told."""
        found = [_clock_hz(cpu, "scaling_cur_freq", self.root) for cpu in self.cpus]
        self.seen_hz += [value for value in found if value]

    @property
    def steady(self) -> bool | None:
        """Whether the clock kept still; None where it is not told."""
        return max(self.seen_hz) <= (1 + STEADY_WITHIN) * min(self.seen_hz) if self.seen_hz else None

    def to_json(self) -> dict:
        """Return plain JSON values."""
        between = [min(self.seen_hz), max(self.seen_hz)] if self.seen_hz else None
        return {"cpus": list(self.cpus), "class_hz": self.class_hz, "seen_hz": between, "steady": self.steady}


@contextlib.contextmanager
def held_to(cores: int, clock_hz: float, *, root: Path = Path("/")) -> Iterator[Held]:
    """Hold this process, and whatever it starts meanwhile, to some cores for a block.

    Args:
        cores: How many; all usable ones where there are fewer.
        clock_hz: Clock of the machine that is imitated: the cores come from the class nearest to it.
        root: The file system to read clocks from.
    """
    if not hasattr(os, "sched_setaffinity"):  # macOS lets no process choose its cores
        yield Held((), None, root)
        return
    usable = os.sched_getaffinity(0)
    class_hz, cpus = nearest_class(usable, cores, clock_hz, root)
    os.sched_setaffinity(0, cpus)
    try:
        held = Held(cpus, class_hz, root)
        held.look()
        yield held
    finally:
        os.sched_setaffinity(0, usable)


def nearest_class(
    usable: set[int], cores: int, clock_hz: float, root: Path = Path("/")
) -> tuple[float | None, tuple[int, ...]]:
    """Return the clock class in Hz whose cores come nearest to a clock, and so many of its processors.

    Args:
        usable: Processors that may be chosen.
        cores: How many are wanted; a class with fewer is taken only where none has enough.
        clock_hz: The clock wanted.
        root: The file system to read from.
    """
    classes: dict[float | None, list[int]] = {}
    for cpu in sorted(usable):
        classes.setdefault(_clock_hz(cpu, "cpuinfo_max_freq", root), []).append(cpu)

    def distance(made_for_hz: float | None) -> tuple[bool, float]:
        far = abs(log(made_for_hz / clock_hz)) if made_for_hz else float("inf")
        return len(classes[made_for_hz]) < cores, far

    best = min(classes, key=distance)
    return best, tuple(classes[best][:cores])


def _clock_hz(cpu: int, name: str, root: Path) -> float | None:
    try:
        return 1e3 * float((root / f"sys/devices/system/cpu/cpu{cpu}/cpufreq/{name}").read_text())  # the files say kHz
    except (OSError, ValueError):
        return None
