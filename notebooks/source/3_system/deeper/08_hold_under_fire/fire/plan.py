"""When each attack begins and ends: a plan that a seed fixes."""

from dataclasses import dataclass

import numpy as np

#: The attacks, by the names that tables and charts show.
ATTACKS = ("slow bodies", "half-open", "bombs", "kills", "drain")

#: Of an attack's equal share of the time, the part that it lasts, and the parts between which it
#: begins. The rest is quiet, so that the service can recover.
_LASTS, _BEGINS = 0.55, (0.1, 0.3)


@dataclass(frozen=True)
class Window:
    """The time of one attack, in seconds after the first good photo was due."""

    attack: str
    begin_s: float
    end_s: float


def plan(seed: int, duration_s: float) -> list[Window]:
    """Return a window for each attack, in the order of time; the same for the same seed."""
    random = np.random.default_rng(seed)
    share_s = duration_s / len(ATTACKS)
    windows = []
    for place, number in enumerate(random.permutation(len(ATTACKS))):
        begin_s = share_s * (place + random.uniform(*_BEGINS))
        end_s = begin_s + _LASTS * share_s
        windows.append(Window(ATTACKS[number], round(begin_s, 2), round(end_s, 2)))
    return windows
