"""How busy this machine is: where many programs share its processors, an answer takes longer."""

import os
import time
from dataclasses import dataclass

from labs.machine.fingerprint import usable_cpu_count

#: Most that a busy machine stretches a waiting time; beyond it, something hangs.
_MOST = 20.0

#: A shorter measurement says nothing: the system counts processor time in hundredths of a second.
_LEAST_S = 0.5


@dataclass(frozen=True)
class ProcessorTime:
    """A reading of the clocks, in seconds; only differences mean anything."""

    #: Time on the wall.
    wall_s: float
    #: Processor time of all programs on the machine.
    machine_s: float
    #: Processor time of this process and of its children that have ended.
    own_s: float


def processor_time() -> ProcessorTime | None:
    """Return a reading of now; None in an environment without psutil."""
    try:
        import psutil  # late: the providers' environments measure without it
    except ImportError:
        return None
    machine = psutil.cpu_times()
    # A processor that waits for a disk is idle, and user time includes that of guests.
    not_counted = ("idle", "iowait", "guest", "guest_nice")
    not_counted_s = sum(getattr(machine, name, 0.0) for name in not_counted)
    own = os.times()
    own_s = own.user + own.system + own.children_user + own.children_system
    return ProcessorTime(time.monotonic(), sum(machine) - not_counted_s, own_s)


def others_share(
    begin: ProcessorTime | None, end: ProcessorTime | None, processors: int
) -> float | None:
    """Return the share of all processors that other programs used between two readings, 0 to 1.

    None if a reading is missing, or less than half a second lies between them.

    Args:
        processors: How many the machine has.
    """
    if begin is None or end is None:
        return None
    wall_s = end.wall_s - begin.wall_s
    if wall_s < _LEAST_S:
        return None
    machine_s = end.machine_s - begin.machine_s
    own_s = end.own_s - begin.own_s
    share = (machine_s - own_s) / (wall_s * processors)
    return min(max(share, 0.0), 1.0)


def slowdown() -> float:
    """Return how many times as long work takes as on an idle machine, 1 to 20: processes per
    processor.

    It is an estimate, from the last minute's load average.
    """
    return min(max(1.0, os.getloadavg()[0] / usable_cpu_count()), _MOST)
