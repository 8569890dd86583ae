"""Steps as one visible list, each with its prerequisites, and the resulting plan: order, critical
path, minutes of lease.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from provisioning.setup.context import StepContext

#: Does the step's work and returns what others need to know of it. It looks before it makes, so
#: that running it twice leaves one of everything; it raises a ProvisioningError otherwise.
StepBody = Callable[[StepContext], Mapping[str, Any]]


@dataclass(frozen=True)
class SetupStep:
    """One idempotent piece of work."""

    name: str
    title: str
    #: Names of the steps that must be done before.
    needs: tuple[str, ...]
    body: StepBody
    #: Usual seconds; feeds the plan and the progress bar.
    expected_s: float
    #: Seconds after which the step fails.
    timeout_s: float


@dataclass(frozen=True)
class SetupPlan:
    """All steps with their usual times."""

    #: In an order in which they can run.
    steps: tuple[SetupStep, ...]
    #: By name: seconds after the beginning at which a step can begin when everything goes as usual.
    begins_s: Mapping[str, float]
    #: Names of the steps that decide the total, in order: a delay of theirs delays the end.
    critical_path: tuple[str, ...]
    #: Usual time from beginning to end with independent steps side by side.
    total_s: float
    #: Time of the same steps one after another.
    serial_s: float

    def text(self) -> str:
        """Return the plan as a table; ``*`` marks the critical path."""
        rows = [f"  {'step':<14}{'begins':>8}{'takes':>8}  needs"]
        for step in self.steps:
            mark = "* " if step.name in self.critical_path else "  "
            begins_min = self.begins_s[step.name] / 60
            takes_min = step.expected_s / 60
            needs = ", ".join(step.needs) or "-"
            rows.append(f"{mark}{step.name:<14}{begins_min:>8.1f}{takes_min:>8.1f}  {needs}")
        total_min = self.total_s / 60
        serial_min = self.serial_s / 60
        rows.append(
            f"Costs about {total_min:.1f} min of the lease; one step after another it would be "
            f"{serial_min:.1f} min."
        )
        return "\n".join(rows)


def plan(steps: Iterable[SetupStep]) -> SetupPlan:
    """Return the plan of the steps.

    Raises:
        graphlib.CycleError: they need each other in a circle.
    """
    by_name = {step.name: step for step in steps}
    begins: dict[str, float] = {}
    ends: dict[str, float] = {}
    needs = {name: step.needs for name, step in by_name.items()}
    for name in TopologicalSorter(needs).static_order():
        begins[name] = max((ends[need] for need in needs[name]), default=0.0)
        ends[name] = begins[name] + by_name[name].expected_s
    path: list[str] = []
    current = max(ends, key=lambda name: ends[name], default=None)
    while current is not None:
        path.insert(0, current)
        # The step that ended just when this one began is the one it waited for.
        awaited = (need for need in needs[current] if ends[need] == begins[current])
        current = next(awaited, None)
    # Python's sort is stable, so steps that begin together keep an order in which they can run.
    order = [by_name[name] for name in sorted(begins, key=lambda name: begins[name])]
    total_s = max(ends.values(), default=0.0)
    serial_s = sum(step.expected_s for step in order)
    return SetupPlan(tuple(order), begins, tuple(path), total_s, serial_s)
