"""Events folded into what a person wants to see: a table of steps, a log tail, time left. Widgets draw this."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from provisioning.errors import CancelledError
from provisioning.setup.graph import Plan
from provisioning.setup.runner import Event
from provisioning.setup.state import StateFile

RowState = Literal["waiting", "running", "done", "failed", "cancelled", "blocked"]

_MARKS: dict[RowState, str] = {
    "waiting": " ",
    "running": ">",
    "done": "v",
    "failed": "x",
    "cancelled": "o",
    "blocked": "-",
}
TAIL_LINES = 8


@dataclass
class Row:
    """One step as it is shown."""

    name: str
    title: str
    expected_s: float
    state: RowState = "waiting"
    elapsed_s: float = 0.0
    #: Last lines of its log.
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    #: Text of its error, with the way out; empty when there is none.
    error: str = ""


class Progress:
    """All steps as they are shown; feed it each event.

    Args:
        plan: of the run.
        state: the record, so that a new kernel shows at once what was done before.
    """

    def __init__(self, plan: Plan, state: StateFile | None = None):
        self.plan = plan
        self.rows = {i.step.name: Row(i.step.name, i.step.title, i.step.expected_s) for i in plan.schedule}
        if state is None:
            return
        for row in self.rows.values():
            record = state.step(row.name)
            row.elapsed_s, row.error = record.elapsed_s, record.error
            # 'running' in the file of a kernel that died is not running now.
            row.state = record.state if record.state in {"done", "failed", "cancelled"} else "waiting"

    def take(self, event: Event) -> Row:
        """Fold one event in; return the row that it changed."""
        row = self.rows[event.step]
        if event.kind == "started":
            row.state, row.error, row.elapsed_s = "running", "", 0.0
            row.tail.clear()
        elif event.kind == "failed":
            row.state = "cancelled" if isinstance(event.error, CancelledError) else "failed"
        elif event.kind in {"done", "blocked"}:
            row.state = event.kind  # type: ignore[assignment]
        if event.kind in {"line", "retrying"}:
            line = f"again: {event.text}" if event.kind == "retrying" else event.text
            # A wait says the same at each look; once is enough, and what was said before it stays in sight.
            if not row.tail or row.tail[-1] != line:
                row.tail.append(line)
        if event.kind == "failed":
            row.error = event.text
        if event.kind != "blocked":
            row.elapsed_s = event.elapsed_s
        return row

    def begin(self) -> None:
        """Start another go: what waited for a failed step waits for its turn again."""
        for row in self.rows.values():
            if row.state == "blocked":
                row.state = "waiting"

    @property
    def left_s(self) -> float:
        """Usual seconds until the end, independent steps side by side."""
        ends: dict[str, float] = {}
        for item in self.plan.schedule:
            row = self.rows[item.step.name]
            own_s = 0.0 if row.state == "done" else max(0.0, row.expected_s - row.elapsed_s * (row.state == "running"))
            ends[row.name] = max((ends[need] for need in item.step.needs), default=0.0) + own_s
        return max(ends.values(), default=0.0)

    def text(self) -> str:
        """Return the table as text, with the log tail of what runs and the error of what failed."""
        lines = [f"  {'step':<24}{'elapsed':>9}{'usual':>8}"]
        for row in self.rows.values():
            elapsed = f"{row.elapsed_s:.0f} s" if row.state not in {"waiting", "blocked"} else ""
            lines.append(f"{_MARKS[row.state]} {row.title:<24}{elapsed:>9}{row.expected_s:>6.0f} s")
            if row.state == "running":
                lines += [f"      {line}" for line in row.tail]
            if row.state == "failed":
                lines += [f"      {line}" for line in row.error.splitlines()]
        lines.append(f"About {self.left_s / 60:.0f} min left." if self.left_s else "All done.")
        return "\n".join(lines)


@dataclass(frozen=True)
class LeaseLeft:
    """How much of the lease is left, and whether the rest of the lessons still fits."""

    left: timedelta
    #: Empty while all fits; otherwise what to do.
    warning: str

    def text(self) -> str:
        """Return one line for the countdown."""
        minutes = max(0, int(self.left.total_seconds() // 60))
        line = f"{minutes // 60} h {minutes % 60:02d} min of the lease left"
        return f"{line}. {self.warning}" if self.warning else line


def lease_left(end: datetime, now: datetime, lessons_left_s: float) -> LeaseLeft:
    """Return the countdown.

    Args:
        end: of the lease, with time zone.
        now: with time zone.
        lessons_left_s: usual seconds of the lessons that still need the machine.
    """
    left = end - now
    if left <= timedelta(0):
        return LeaseLeft(left, "The lease has ended.")
    short_s = lessons_left_s - left.total_seconds()
    if short_s > 0:
        return LeaseLeft(
            left,
            f"What is planned usually takes {lessons_left_s / 60:.0f} min, {short_s / 60:.0f} min more than is left: "
            "extend the lease now in the web page (Leases, Update Lease), or leave the end of the lease lesson out and "
            "release in time.",
        )
    return LeaseLeft(left, "")
