"""Steps as one visible list with what each needs, and the plan that follows: order, critical path, minutes of lease."""

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

    name: str
    title: str
    #: Names of the steps that must be done before.
    needs: tuple[str, ...]
    body: StepBody
    #: Usual seconds; feeds the plan and the progress bar.
    expected_s: float
    #: Seconds after which it is given up.
    timeout_s: float


@dataclass(frozen=True)
class Plan:
    """All steps with their usual times."""

    #: In an order in which they can run.
    steps: tuple[Step, ...]
    #: By name: seconds after the beginning at which a step can begin when everything goes as usual.
    begins_s: Mapping[str, float]
    #: Names of the steps that decide the total, in order: a delay of theirs delays the end.
    critical_path: tuple[str, ...]
    #: Usual time from beginning to end with independent steps side by side.
    total_s: float
    #: What the same steps would take one after another.
    serial_s: float

    def text(self) -> str:
        """Return the plan as a table; ``*`` marks the critical path."""
        rows = [f"{'':2}{'step':<14}{'begins':>8}{'takes':>8}  needs"]
        for step in self.steps:
            times = f"{self.begins_s[step.name] / 60:>8.1f}{step.expected_s / 60:>8.1f}"
            mark = "* " if step.name in self.critical_path else "  "
            rows.append(f"{mark}{step.name:<14}{times}  {', '.join(step.needs) or '-'}")
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
    begins: dict[str, float] = {}
    ends: dict[str, float] = {}
    for name in TopologicalSorter(
        {name: step.needs for name, step in by_name.items()}
    ).static_order():
        begins[name] = max((ends[need] for need in by_name[name].needs), default=0.0)
        ends[name] = begins[name] + by_name[name].expected_s
    path: list[str] = []
    current = max(ends, key=lambda name: ends[name], default=None)
    while current is not None:
        path.insert(0, current)
        current = next(
            (need for need in by_name[current].needs if ends[need] == begins[current]), None
        )
    # Python's sort is stable, so steps that begin together keep an order in which they can run.
    order = tuple(sorted((by_name[name] for name in begins), key=lambda step: begins[step.name]))
    total_s = max(ends.values(), default=0.0)
    return Plan(order, begins, tuple(path), total_s, sum(step.expected_s for step in order))
