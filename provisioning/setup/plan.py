"""Steps as one visible list with what each needs, and the plan that follows: order, critical path, minutes of lease."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from provisioning.setup.context import StepContext

#: Does the step's work and returns what others need to know of it. It looks before it makes, so that running it twice
#: leaves one of everything; it raises a ProvisioningError otherwise.
StepBody = Callable[[StepContext], Mapping[str, Any]]


@dataclass(frozen=True)
class Step:
    """One idempotent piece of work."""

    #: Short name.
    name: str
    #: Words for people.
    title: str
    #: Names of the steps that must be done before.
    needs: tuple[str, ...]
    #: The work itself.
    body: StepBody
    #: Usual seconds; feeds the plan and the progress bar.
    expected_s: float
    #: Seconds after which it is given up.
    timeout_s: float


@dataclass(frozen=True)
class Scheduled:
    """A step in the plan, with the time at which it can begin when everything goes as usual."""

    step: Step
    #: Seconds after the beginning.
    begins_s: float
    #: True when a delay of this step delays the end.
    critical: bool


@dataclass(frozen=True)
class Plan:
    """All steps with their usual times, in an order in which they can run."""

    schedule: tuple[Scheduled, ...]
    #: Usual time from beginning to end with independent steps side by side.
    total_s: float
    #: What the same steps would take one after another.
    serial_s: float

    @property
    def critical_path(self) -> tuple[str, ...]:
        """Names of the steps that decide the total, in order."""
        return tuple(item.step.name for item in self.schedule if item.critical)

    def text(self) -> str:
        """Return the plan as a table; ``*`` marks the critical path."""
        rows = [f"{'':2}{'step':<14}{'begins':>8}{'takes':>8}  needs"]
        for item in self.schedule:
            needs = ", ".join(item.step.needs) or "-"
            times = f"{item.begins_s / 60:>8.1f}{item.step.expected_s / 60:>8.1f}"
            rows.append(f"{'* ' if item.critical else '  '}{item.step.name:<14}{times}  {needs}")
        rows.append(
            f"Costs about {self.total_s / 60:.1f} min of the lease; one step after another it would be "
            f"{self.serial_s / 60:.1f} min."
        )
        return "\n".join(rows)


def plan(steps: Iterable[Step]) -> Plan:
    """Return the plan of the steps.

    Raises:
        graphlib.CycleError: they need each other in a circle.
    """
    by_name = {step.name: step for step in steps}
    order = tuple(TopologicalSorter({name: step.needs for name, step in by_name.items()}).static_order())
    begins: dict[str, float] = {}
    ends: dict[str, float] = {}
    for name in order:
        begins[name] = max((ends[need] for need in by_name[name].needs), default=0.0)
        ends[name] = begins[name] + by_name[name].expected_s
    total_s = max(ends.values(), default=0.0)
    critical: set[str] = set()
    current = next((name for name, end in ends.items() if end == total_s), None)
    while current is not None:
        critical.add(current)
        current = next((need for need in by_name[current].needs if ends[need] == begins[current]), None)
    schedule = [Scheduled(by_name[name], begins[name], name in critical) for name in order]
    # Python's sort is stable, so steps that begin together keep an order in which they can run.
    schedule.sort(key=lambda item: item.begins_s)
    return Plan(tuple(schedule), total_s, sum(step.expected_s for step in by_name.values()))
