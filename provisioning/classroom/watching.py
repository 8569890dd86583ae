"""Where each student of a class is now, and at whom somebody should look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from labs.display.table import Cell, text_table
from provisioning.classroom.roster import Student
from provisioning.planning.blocks import local_span
from provisioning.setup.context import pick_lease
from provisioning.setup.release import GRACE
from provisioning.sites.spec import Part, resource_name
from provisioning.testbed import Lease, Machine, Testbed

#: A lease that ends within this is pointed at.
ENDS_SOON = timedelta(minutes=20)


@dataclass(frozen=True)
class Whereabouts:
    """Where one student is now."""

    student: Student
    #: ``none``, ``waits``, ``no machine``, ``boots``, ``works``, ``failed`` or ``over``.
    state: str
    lease: Lease | None
    #: Why somebody should look at this student; empty when nothing says so.
    look: str


def watch(
    testbeds: Iterable[Testbed], part: Part, students: Iterable[Student], now: datetime, grace: timedelta = GRACE
) -> list[Whereabouts]:
    """Return where each student is, whoever needs somebody first, from two requests to each site.

    Args:
        testbeds: the part's sites.
        part: of the course.
        students: of the roster.
        now: with time zone.
        grace: how long a lease may run without a machine before its student counts as absent.
    """
    leases, machines = [], []
    for testbed in testbeds:
        leases += testbed.leases()
        machines += testbed.machines()
    by_name, held = {machine.name: machine for machine in reversed(machines)}, {lease.name for lease in leases}
    rows = []
    for student in students:
        name = resource_name(part, student.name)
        lease = pick_lease(leases, name)
        if lease is None:
            # Whoever comes and releases leaves no lease behind.
            state, look = ("over", "never released: did anybody come?") if name in held else ("none", "")
        else:
            state, look = _state(lease, by_name.get(name), now, grace)
        rows.append(Whereabouts(student, state, lease, look))
    return sorted(rows, key=lambda row: not row.look)


def _state(lease: Lease, machine: Machine | None, now: datetime, grace: timedelta) -> tuple[str, str]:
    if lease.status == "ERROR" or (machine and machine.failed):
        return "failed", "the lease failed" if lease.status == "ERROR" else "the machine failed"
    if lease.status != "ACTIVE":
        return "waits", ""
    if machine is None:
        return "no machine", "has not come" if now - lease.start > grace else ""
    state = "works" if machine.up and machine.addresses else "boots"
    return state, "the lease ends soon" if lease.end - now < ENDS_SOON else ""


def watch_table(rows: Sequence[Whereabouts], now: datetime, zone: tzinfo) -> str:
    """Return the class as a text table in the instructor's time zone, and how many are where."""
    table = []
    for row in rows:
        lease, student = row.lease, row.student
        block = local_span(lease.start, lease.end, zone) if lease else ""
        runs = lease is not None and lease.status == "ACTIVE"
        left = Cell(f"{max(0.0, (lease.end - now) / timedelta(minutes=1)):.0f} min" if runs else "")
        name, state, block, look = (
            Cell(one, words=True) for one in (student.full_name or student.name, row.state, block, row.look)
        )
        table.append([name, state, block, left, look])
    said = ", ".join(f"{count} {state}" for state, count in Counter(row.state for row in rows).items())
    look = sum(bool(row.look) for row in rows)
    return (
        f"{text_table(('student', 'machine', 'block', 'left', 'look at'), table)}\n"
        f"{said}; {look} to look at. As of {now.astimezone(zone):%H:%M %Z}."
    )
