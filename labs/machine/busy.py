"""How busy this machine is: where many programs share its processors, an answer takes longer."""

import os

from labs.machine.fingerprint import usable_cpu_count

#: Most that a busy machine stretches a waiting time; beyond it, something hangs.
_MOST = 20.0


def slowdown() -> float:
    """Return how many times as long work takes as on an idle machine, 1 to 20: processes per
    processor.

    It is an estimate, from the last minute's load average.
    """
    return min(max(1.0, os.getloadavg()[0] / usable_cpu_count()), _MOST)
