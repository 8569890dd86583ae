"""How near the measured options come to the manager's targets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from labs.records.options import LARGER_IS_BETTER, OptionSummary
from labs.records.targets import Target, targets_for

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
