"""A class on shared machines: who gets which block of which machine, and who is where."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from provisioning.errors import ProvisioningError
from provisioning.planning.blocks import Block, block_end, is_free
from provisioning.setup.context import pick_lease
from provisioning.sites.spec import Part, PartSpec, SiteOption, owner_name, resource_name
from provisioning.testbed import Booking, Lease, LeaseRequest, Resource, Testbed

#: Column of the roster that names a student; the others are ignored.
NAME_COLUMNS = ("username", "netid", "user", "login", "email")


class RosterError(ProvisioningError):
    """The roster cannot be used as it is."""

    likely = "The file was saved with other column names, or a student is in it twice."
    way_out = f"It needs a header line with one of {', '.join(NAME_COLUMNS)}, and one line a student."


@dataclass(frozen=True)
class Seat:
    """One student's block on one machine."""

    #: Short name, fit for resource names.
    student: str
    block: Block

    def request(self, part: Part) -> LeaseRequest:
        """Return what to reserve."""
        option = self.block.option
        return LeaseRequest(
            resource_name(part, self.student),
            option.resource,
            option.type,
            self.block.start,
            self.block.end,
            self.block.resource,
        )


def read_roster(path: Path) -> tuple[str, ...]:
    """Return the students' short names in the file's order.

    Args:
        path: CSV with a header; a byte-order mark, as spreadsheets write it, is fine.

    Raises:
        RosterError: no such file, one that is not UTF-8, no known column, an empty name, or two students with the same
            short name.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RosterError(
            f"{path} cannot be read: {error.strerror}",
            likely="A slip in its path.",
            way_out="Name the file that your course's page gave you.",
        ) from error
    except UnicodeDecodeError as error:
        raise RosterError(
            f"{path.name} is not UTF-8",
            likely="A spreadsheet saved it in Windows' own encoding.",
            way_out="Save it again as 'CSV UTF-8'.",
        ) from error
    with io.StringIO(text, newline="") as stream:
        reader = csv.DictReader(stream)
        columns = {(column or "").strip().lower(): column for column in reader.fieldnames or ()}
        column = next((columns[name] for name in NAME_COLUMNS if name in columns), None)
        if column is None:
            raise RosterError(f"{path.name} has the columns {', '.join(columns) or 'none'}")
        students: dict[str, int] = {}
        for row in reader:
            raw = (row[column] or "").strip()
            if not re.search(r"[A-Za-z0-9]", raw):
                raise RosterError(f"{path.name}, line {reader.line_num}: no name in column {column!r}")
            name = owner_name({"LABS_OWNER": raw})
            if name in students:
                raise RosterError(f"{path.name}: lines {students[name]} and {reader.line_num} both give {name!r}")
            students[name] = reader.line_num
    if not students:
        raise RosterError(f"{path.name} names no student")
    return tuple(students)


def holders(testbed: Testbed, part: Part, students: Iterable[str]) -> dict[str, Lease]:
    """Return the students that have a usable lease of the part already, with it.

    Only the others need a seat: the blocks of these are booked, and by nobody else than them.

    Args:
        testbed: the site.
        part: of the course.
        students: short names.
    """
    leases = list(testbed.leases())
    found = ((student, pick_lease(leases, resource_name(part, student))) for student in students)
    return {student: lease for student, lease in found if lease is not None}


def assign(
    students: Sequence[str],
    spec: PartSpec,
    option: SiteOption,
    resources: Iterable[Resource],
    slots: Sequence[datetime],
) -> tuple[tuple[Seat, ...], tuple[str, ...]]:
    """Return a seat for each student as far as they go, in the roster's order, and who got none.

    Args:
        students: short names.
        spec: of the part.
        option: the kind of machine.
        resources: machines with their bookings.
        slots: beginnings of the blocks, full hours with time zone, that the instructor allows.

    Raises:
        ValueError: a slot does not begin on the hour (of UTC: zones with a half hour meet the same grid).
    """
    for start in slots:
        if (utc := start.astimezone(UTC)) != utc.replace(minute=0, second=0, microsecond=0):
            raise ValueError(f"{start:%d %b %H:%M %Z} is {utc:%H:%M} UTC, and blocks begin on the hour")
    usable = [resource for resource in resources if resource.reservable]
    seats = [
        Block(option, resource.name, start, block_end(start, spec.hours, option.end_minute))
        for start in sorted(slots)
        for resource in sorted(usable, key=lambda each: each.name)
        if is_free(resource.bookings, start, block_end(start, spec.hours, option.end_minute))
    ]
    seats = _without_overlaps(seats)
    given = tuple(Seat(student, block) for student, block in zip(students, seats, strict=False))
    return given, tuple(students[len(given) :])


def _without_overlaps(blocks: Iterable[Block]) -> list[Block]:
    """Drop blocks that overlap an earlier one on the same machine: two of the instructor's slots may overlap."""
    taken: dict[str, list[Booking]] = {}
    kept = []
    for block in blocks:
        spans = taken.setdefault(block.resource, [])
        if is_free(spans, block.start, block.end):
            spans.append(Booking(block.start, block.end))
            kept.append(block)
    return kept


def reserve_all(testbed: Testbed, part: Part, seats: Iterable[Seat]) -> list[tuple[Seat, str]]:
    """Make each seat's lease, unless the student has one; return each seat with what happened.

    One refusal does not stop the others, and running it again fills the gaps only.
    """
    leases = list(testbed.leases())
    outcome = []
    for seat in seats:
        request = seat.request(part)
        if pick_lease(leases, request.name) is not None:
            outcome.append((seat, "there already"))
            continue
        try:
            lease = testbed.reserve(request)
        except ProvisioningError as error:
            outcome.append((seat, f"refused: {error.what}"))
            continue
        leases.append(lease)
        outcome.append((seat, "reserved"))
    return outcome


@dataclass(frozen=True)
class Whereabouts:
    """Where one student is now."""

    student: str
    #: ``none``, ``waits``, ``no machine``, ``boots``, ``works``, ``failed`` or ``over``.
    state: str
    lease: Lease | None
    #: Addresses of the machine.
    addresses: tuple[str, ...] = ()


def watch(testbed: Testbed, part: Part, students: Iterable[str]) -> list[Whereabouts]:
    """Return where each student is, from two requests to the site, however large the class."""
    leases, machines = list(testbed.leases()), list(testbed.machines())
    rows = []
    for student in students:
        name = resource_name(part, student)
        lease = pick_lease(leases, name)
        machine = next((each for each in machines if each.name == name), None)
        if lease is None:
            state = "over" if any(each.name == name for each in leases) else "none"
        elif lease.status == "ERROR" or (machine and machine.failed):
            state = "failed"
        elif lease.status != "ACTIVE":
            state = "waits"
        elif machine is None:
            state = "no machine"
        else:
            state = "works" if machine.up and machine.addresses else "boots"
        rows.append(Whereabouts(student, state, lease, machine.addresses if machine else ()))
    return rows


def watch_table(rows: Sequence[Whereabouts], now: datetime, zone: tzinfo) -> str:
    """Return the class as a text table in the instructor's time zone."""
    lines = [f"{'student':<20}{'state':<12}{'block':<28}{'left':>8}  address"]
    for row in rows:
        block = left = ""
        if row.lease:
            start, end = row.lease.start.astimezone(zone), row.lease.end.astimezone(zone)
            block = f"{start:%a %d %b %H:%M}–{end:%H:%M}"
            if row.lease.status == "ACTIVE":
                left = f"{max(timedelta(), row.lease.end - now).total_seconds() / 60:.0f} min"
        lines.append(f"{row.student:<20}{row.state:<12}{block:<28}{left:>8}  {', '.join(row.addresses)}")
    counts = {state: sum(row.state == state for row in rows) for state in dict.fromkeys(row.state for row in rows)}
    lines.append(", ".join(f"{count} {state}" for state, count in counts.items()))
    return "\n".join(lines)
