"""Who runs when: seats on the free machines, given out so that as many students as possible have their blocks.

A seat is one block on one machine. Free machines are packed with seats from the first allowed hour on, which holds as
many as possible: all blocks of a part are of one length. As many students have one as can be; among such ways the plan
takes the one with the fewest seats on later site options, and among those the one that meets the most wishes.

Out of a plan come a table that a person may edit and ``class reserve`` reads, and a calendar for each student.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, tzinfo
from pathlib import Path

import numpy as np

from provisioning.classroom.roster import DAY_ENDS, RosterError, Student, read_text, short_name
from provisioning.planning.blocks import HOUR, Block, block_end, is_free
from provisioning.planning.booking import calendar_file
from provisioning.sites.spec import PartSpec, SiteOption, resource_name
from provisioning.testbed import Booking, Lease, Resource

#: What a seat costs in hours of waiting for it. A class's sum of the smaller ones does not reach the next larger one.
_LATER_OPTION, _NOT_WISHED = 1e9, 1e6

#: Columns that are read back; ``local``, ``state`` and what follows are for people.
NEEDED = ("student", "site", "type", "machine", "start_utc", "end_utc")
_COLUMNS = (*NEEDED, "local", "state", "as_wished")
_FORM = "%Y-%m-%d %H:%M"


@dataclass(frozen=True)
class Wish:
    """When a class can work."""

    #: Earliest beginning, with time zone.
    earliest: datetime
    #: Latest end, with time zone.
    latest: datetime
    zone: tzinfo
    #: Local hours in which a block may lie; a block that leaves them is not offered.
    day_begins: time = time(0, 0)
    day_ends: time = DAY_ENDS
    #: Local weekdays on which a block may begin, 0 for Monday; all when empty.
    weekdays: frozenset[int] = frozenset()

    def allows(self, start: datetime, end: datetime) -> bool:
        """Return whether a block may lie there."""
        begins, ends = start.astimezone(self.zone), end.astimezone(self.zone)
        if end > self.latest or (self.weekdays and begins.weekday() not in self.weekdays):
            return False
        if (self.day_begins, self.day_ends) == (time(0, 0), DAY_ENDS):
            return True
        return begins.date() == ends.date() and self.day_begins <= begins.time() and ends.time() <= self.day_ends


@dataclass(frozen=True)
class Seat:
    """The block of one student."""

    #: Short name, fit for resource names.
    student: str
    block: Block
    #: True when the student asked for these hours, or for none.
    wished: bool = True
    #: True when the lease is there already.
    kept: bool = False
    #: True when it ends after the student's deadline: the deadline has moved since.
    after: bool = False
    #: The student's own date, with time zone; None for the class's.
    due: datetime | None = None


@dataclass(frozen=True)
class Plan:
    """Seats for a class, and what it lacks."""

    spec: PartSpec
    wish: Wish
    #: The earliest first.
    seats: tuple[Seat, ...]
    without: tuple[str, ...]

    @property
    def hours(self) -> float:
        """Machine hours of all seats, those of kept leases included."""
        return sum((seat.block.end - seat.block.start) / HOUR for seat in self.seats)

    def sentence(self) -> str:
        """Return whether it works out, and if not, what is missing and what would do."""
        asked, missing = len(self.seats) + len(self.without), len(self.without)
        used = {option: sum(seat.block.option == option for seat in self.seats) for option in self.spec.options}
        on = ", ".join(f"{count} on {option.name}" for option, count in used.items() if count)
        last = f"{self.wish.latest.astimezone(self.wish.zone):%a %d %b %H:%M}"
        if not missing:
            wished = sum(seat.wished for seat in self.seats)
            ends = max((seat.block.end for seat in self.seats), default=self.wish.latest).astimezone(self.wish.zone)
            return (
                f"All {asked} have a block: {on}; {wished} at hours as asked for. The last ends {ends:%a %d %b %H:%M}."
            )
        return (
            f"{missing} of {asked} blocks are missing before {last} ({on or 'no machine is free'}). Way out: a later "
            "deadline, more days or hours, another kind of machine (--type), or other times of "
            f"{', '.join(self.without)}."
        )


def make_plan(
    students: Sequence[Student],
    spec: PartSpec,
    calendars: Mapping[SiteOption, Sequence[Resource]],
    leases: Iterable[tuple[SiteOption, Lease]],
    wish: Wish,
) -> Plan:
    """Return who runs when.

    Args:
        calendars: machines with their bookings of each option that may be used; a later option of the part takes what
            the earlier ones cannot. Leases that the class has are bookings too.
        leases: of the class that are still usable, each with the option that it is on.
        wish: days and hours that the instructor allows, and the deadline."""
    order = [option for option in spec.options if option in calendars]
    students = [each for each in students if not each.left]
    seats = _kept(students, spec, leases, wish)
    without = []
    # Whoever needs longer blocks comes first: those fit into the fewest gaps.
    for hours in sorted({each.hours or spec.hours for each in students}, reverse=True):
        waiting = [one for one in students if one.name not in seats and (one.hours or spec.hours) == hours]
        longest = replace(wish, latest=max([wish.latest, *(one.due for one in waiting if one.due)]))
        taken = [seat.block for seat in seats.values() if not seat.kept]
        free = [one for option in order for one in _blocks(hours, option, calendars[option], longest, taken)]
        costs = np.array([_costs(each, free, order, wish) for each in waiting])
        for student, place in zip(waiting, assign(costs.reshape(len(waiting), len(free))), strict=True):
            if place is None:
                without.append(student.name)
            else:
                seats[student.name] = _seat(student, free[place], wish)
    ordered = sorted(seats.values(), key=lambda one: (one.block.start, one.student))
    return Plan(spec, wish, tuple(ordered), tuple(without))


def _kept(
    students: Sequence[Student], spec: PartSpec, leases: Iterable[tuple[SiteOption, Lease]], wish: Wish
) -> dict[str, Seat]:
    found: dict[str, Block] = {}
    for option, lease in sorted(leases, key=lambda each: each[1].start):
        found.setdefault(lease.name, Block(option, lease.node, lease.start, lease.end))
    named = {student: resource_name(spec.part, student.name) for student in students}
    return {one.name: _seat(one, found[name], wish, kept=True) for one, name in named.items() if name in found}


def _blocks(
    hours: int, option: SiteOption, resources: Iterable[Resource], wish: Wish, given: Sequence[Block]
) -> Iterable[Block]:
    """Return free blocks at full hours: as many as fit on the machines with none over another.

    Full hours of UTC: a class shares the machines, and zones with a half hour must meet the same grid.
    """
    first = wish.earliest.astimezone(UTC)
    hour = -(-first.timestamp() // 3600)
    starts = [datetime.fromtimestamp(3600 * hour, UTC)]
    while starts[-1] < wish.latest:
        starts.append(starts[-1] + HOUR)
    spans = [(start, block_end(start, hours, option.end_minute)) for start in starts]
    allowed = [span for span in spans if wish.allows(*span)]
    for resource in sorted(resources, key=lambda each: each.name):
        taken: list[Booking | Block] = [*resource.bookings, *(one for one in given if one.resource == resource.name)]
        for start, end in allowed if resource.reservable else ():
            if is_free(taken, start, end):
                block = Block(option, resource.name, start, end)
                taken.append(block)
                yield block


def _costs(student: Student, blocks: Sequence[Block], order: Sequence[SiteOption], wish: Wish) -> np.ndarray:
    """Return what each block costs for a student; infinite where the student cannot take it, or is due before."""
    latest = max(wish.latest, student.due or wish.latest)
    by_span: dict[tuple[datetime, datetime], float] = {}
    for block in blocks:
        span = (block.start, block.end)
        if span not in by_span:
            start, end = block.start.astimezone(wish.zone), block.end.astimezone(wish.zone)
            # Of equal seats the earlier one: what goes wrong then can still be made good before the deadline.
            cost = (block.start - wish.earliest) / HOUR + _NOT_WISHED * (not student.likes(start, end))
            by_span[span] = cost if student.can(start, end) and block.end <= latest else np.inf
    place = {option: number for number, option in enumerate(order)}
    return np.array([by_span[block.start, block.end] + _LATER_OPTION * place[block.option] for block in blocks])


def _seat(student: Student, block: Block, wish: Wish, *, kept: bool = False) -> Seat:
    liked = student.likes(block.start.astimezone(wish.zone), block.end.astimezone(wish.zone))
    after = block.end > max(wish.latest, student.due or wish.latest)
    return Seat(student.name, block, wished=liked, kept=kept, after=after, due=student.due)


def assign(costs: np.ndarray) -> list[int | None]:
    """Return a column for each row, no column twice: as many rows as possible, and of such choices the cheapest.

    Costs have shape ``(rows, columns)``, and are infinite where the two do not go together.
    """
    # Planning alone needs SciPy, and the Hub, where students have the other commands, has none.
    from scipy.optimize import linear_sum_assignment

    rows, columns = costs.shape
    finite = costs[np.isfinite(costs)]
    # Each row may also take nothing, at a cost that no choice of seats outweighs.
    nothing = 1.0 + rows * float(np.ptp(finite)) + float(finite.max()) if finite.size else 1.0
    _, chosen = linear_sum_assignment(np.hstack([costs, np.full((rows, rows), nothing)]))
    return [int(column) if column < columns else None for column in chosen]


def write_all(plan: Plan, folder: Path, now: datetime) -> list[Path]:
    """Write ``plan.csv`` and for each student a calendar, called as the lease is; return the paths.

    Calendars of an earlier plan of the part go.
    """
    spec, calendars = plan.spec, folder / "calendars"
    calendars.mkdir(parents=True, exist_ok=True)
    for old in calendars.glob(f"{resource_name(spec.part, '*')}.ics"):
        old.unlink()
    files = {folder / "plan.csv": plan_csv(plan).encode()}
    for seat in plan.seats:
        name = resource_name(spec.part, seat.student)
        files[calendars / f"{name}.ics"] = calendar_file(spec, seat.block, name, now, seat.due)
    for path, content in files.items():
        path.write_bytes(content)
    return list(files)


def plan_csv(plan: Plan) -> str:
    """Return the plan as a table, one line for each block, the earliest first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for seat in plan.seats:
        block, state = seat.block, "there already" if seat.kept else "planned"
        times = [moment.astimezone(UTC).strftime(_FORM) for moment in (block.start, block.end)]
        place = (block.option.site, block.option.type, block.resource)
        wished = "yes" if seat.wished else "no"
        writer.writerow([seat.student, *place, *times, block.local(plan.wish.zone), state, wished])
    return text.getvalue()


def read_plan(path: Path, spec: PartSpec) -> tuple[Seat, ...]:
    """Return the seats of a plan's table, as it was written or as a person changed it.

    Raises:
        RosterError: it cannot be read: an unknown machine type, a time in another form, a student twice; the message
            names the line. That a machine is taken, the site says.
    """
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    if lacking := [name for name in NEEDED if name not in (reader.fieldnames or ())]:
        raise RosterError(
            f"{path.name} lacks the columns {', '.join(lacking)}",
            likely="This is no plan, perhaps the roster.",
            way_out="`class plan PART ROSTER --out FOLDER` writes FOLDER/plan.csv.",
        )
    seats: dict[str, Seat] = {}
    for row in reader:
        try:
            seat = _seat_of(row, spec)
            if seat.student in seats:
                raise ValueError(f"{seat.student} has a block already")
            seats[seat.student] = seat
        except (KeyError, ValueError, TypeError) as error:
            raise RosterError(
                f"{path.name}, line {reader.line_num}: {error.args[0]}",
                likely="It was changed by hand, or by a spreadsheet that writes dates in its own way.",
                way_out="Times are UTC and look like 2026-12-01 15:00; or plan anew.",
            ) from error
    return tuple(seats.values())


def _seat_of(row: Mapping[str, str], spec: PartSpec) -> Seat:
    option = spec.option(row["site"].strip(), row["type"].strip())
    start, end = (datetime.strptime(row[name].strip(), _FORM).replace(tzinfo=UTC) for name in ("start_utc", "end_utc"))
    if end <= start:
        raise ValueError("the block ends before it begins")
    block = Block(option, row["machine"].strip(), start, end)
    return Seat(short_name(row["student"]), block, kept=row.get("state") == "there already")


def plan_text(plan: Plan) -> str:
    """Return the plan for the screen: the students' blocks, the machine hours, and whether it works out."""
    lines = [f"{'student':<28}{'machine':<20}{'when':<36}"]
    for seat in plan.seats:
        mark = "there already" if seat.kept else "" if seat.wished else "not as wished"
        mark += ", ENDS AFTER THE DEADLINE: `class move` gives another" if seat.after else ""
        when = seat.block.local(plan.wish.zone)
        lines.append(f"{seat.student:<28}{seat.block.resource:<20}{when:<36}{mark}".rstrip())
    return "\n".join([*lines, "", plan.sentence(), f"{plan.hours:.0f} machine hours."])
