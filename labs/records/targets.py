"""The manager's three targets, which the whole course works towards, and what the AMD edition asks of its GPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Target:
    """What one way of serving must reach; None where nothing is asked."""

    #: Stable name: 'server-cpu', 'server-gpu' or 'device'.
    name: str
    #: The way of serving in words.
    title: str
    #: The machine that it is meant for.
    machine: str
    #: Median latency of a single picture must be below this, in seconds.
    p50_s: float
    #: Pictures a second in a batch, at least.
    batch_fps: float | None = None
    #: Size of the model's file must be below this, in bytes.
    size_bytes: int | None = None

    def rows(self) -> dict[str, str]:
        """Return the target as text for a table."""
        return {
            "option": self.title,
            "median latency": f"< {self.p50_s * 1e3:g} ms",
            "batch throughput": "" if self.batch_fps is None else f"≥ {self.batch_fps:g} frames/s",
            "size": "" if self.size_bytes is None else f"< {self.size_bytes / 1e6:g} MB",
            "machine": self.machine,
        }


TARGETS: tuple[Target, ...] = (
    Target("server-cpu", "Server, CPU", "AMD EPYC 7763", p50_s=3e-3, batch_fps=1000),
    Target("server-gpu", "Server, GPU", "NVIDIA A100 or A30", p50_s=1e-3, batch_fps=5000),
    Target("device", "On device", "Raspberry Pi 5, 4 × Cortex-A76", p50_s=15e-3, size_bytes=5_000_000),
)

#: Targets of machine classes that have their own, by a word in the machine's name; each replaces the one of its name.
#: Source: the AMD edition (March 2026) of https://teaching-on-testbeds.github.io/serve-model-chi/
OF_CLASS: dict[str, tuple[Target, ...]] = {
    "MI100": (Target("server-gpu", "Server, GPU", "AMD MI100", p50_s=1.5e-3, batch_fps=2500),),
}


def targets_for(machine: str) -> tuple[Target, ...]:
    """Return the three targets by which a machine's options are judged: its class's own where it has one.

    Args:
        machine: A line that names the machine and its GPUs, such as ``Fingerprint.label``; empty for no machine.
    """
    own = {one.name: one for word, targets in OF_CLASS.items() if word in machine for one in targets}
    return tuple(own.get(one.name, one) for one in TARGETS)


def target(name: str, machine: str = "") -> Target:
    """Return a target by name.

    Args:
        name: 'server-cpu', 'server-gpu' or 'device'.
        machine: As in ``targets_for``.

    Raises:
        KeyError: There is none of that name; the message lists them.
    """
    for one in targets_for(machine):
        if one.name == name:
            return one
    raise KeyError(f"no target {name!r}; there are {', '.join(one.name for one in TARGETS)}")


def target_table(machine: str = "") -> pd.DataFrame:
    """Return the targets as a table of text.

    Args:
        machine: As in ``targets_for``.
    """
    import pandas as pd  # late: the providers' environments read targets without it

    return pd.DataFrame([one.rows() for one in targets_for(machine)]).set_index("option")
