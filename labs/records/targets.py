"""The manager's three targets, what the AMD edition asks of its GPU, and how near the measured options come to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labs.records.options import LARGER_IS_BETTER, OptionSummary

if TYPE_CHECKING:
    pass


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


#: Providers, and torch's device, that compute on a GPU.
GPU_PROVIDERS = frozenset(
    {"CUDAExecutionProvider", "TensorrtExecutionProvider", "MIGraphXExecutionProvider", "ROCMExecutionProvider", "cuda"}
)

#: The numbers that a target may bound.
BOUNDED = ("p50_s", "batch_fps", "size_bytes")


@dataclass(frozen=True)
class Standing:
    """The option that comes nearest to a target."""

    #: The target.
    target: Target
    #: The nearest option; None when no option of the right kind has every number that the target asks for.
    option: OptionSummary | None
    #: For each bounded number, whether that option keeps its limit.
    kept: dict[str, bool]

    @property
    def met(self) -> bool:
        """Whether every limit is kept."""
        return self.option is not None and all(self.kept.values())


def limits(target: Target) -> dict[str, float]:
    """Return the target's limits by the number that they bound: a floor where larger is better, else a ceiling."""
    return {number: getattr(target, number) for number in BOUNDED if getattr(target, number) is not None}


def keeps(value: float, number: str, limit: float) -> bool:
    """Return whether a value keeps a limit: at least a floor, below a ceiling."""
    return value >= limit if LARGER_IS_BETTER[number] else value < limit


def standing(target: Target, options: Sequence[OptionSummary]) -> Standing:
    """Return the most accurate option that keeps every limit; where none does, the one that comes nearest.

    The manager takes accuracy for granted, so room that is left inside a limit is no reason to give any up.

    Only options that compute where the target wants it take part: a GPU's latency says nothing about a server without
    one.

    Args:
        target: What has to be reached.
        options: Summaries of one machine.
    """
    bounds = limits(target)
    wants_gpu = target.name == "server-gpu"
    fitting = [one for one in options if (one.provider in GPU_PROVIDERS) == wants_gpu]
    complete = [one for one in fitting if all(getattr(one, number) is not None for number in bounds)]
    if not complete:
        return Standing(target, None, {})

    def strain(one: OptionSummary) -> float:
        return max(_strain(one, number, at) for number, at in bounds.items())

    keeping = [one for one in complete if all(_keeps(one, bounds).values())]
    # Ties in accuracy go to the option with more room.
    nearest = min(keeping or complete, key=lambda one: (-_accuracy(one) if keeping else 0, strain(one)))
    return Standing(target, nearest, _keeps(nearest, bounds))


def standings(options: Sequence[OptionSummary], targets: Iterable[Target] | None = None) -> list[Standing]:
    """Return where the options stand with each target, in the targets' order.

    Args:
        options: Summaries of one machine.
        targets: What has to be reached; those of that machine's class when None.
    """
    wanted = targets_for(options[0].machine if options else "") if targets is None else targets
    return [standing(target, options) for target in wanted]


def _keeps(one: OptionSummary, bounds: dict[str, float]) -> dict[str, bool]:
    return {number: keeps(getattr(one, number).value, number, at) for number, at in bounds.items()}


def _strain(one: OptionSummary, number: str, limit: float) -> float:
    """Return how much of a limit is used up: 1 is just at it, above 1 is beyond it."""
    value = getattr(one, number).value
    return limit / value if LARGER_IS_BETTER[number] else value / limit


def _accuracy(one: OptionSummary) -> float:
    return one.accuracy.value if one.accuracy else 0.0
