"""Who runs when: a block for as many students as can have one, on the machines that are free.

Among the ways that serve as many, the plan takes the one with the fewest blocks on later site options, among those the
one that meets the most wishes, and of those the earliest: what goes wrong then can be made good before the deadline.

Out of a plan come a table that a person may edit and ``class reserve`` reads, and a calendar for each student.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta, tzinfo
from pathlib import Path

from provisioning.classroom.roster import DAY_ENDS, RosterError, Student, read_text, short_name
from provisioning.classroom.seating import Group, Span, all_fit, seat_all
from provisioning.planning.blocks import HOUR, Block, block_end, is_free
from provisioning.planning.booking import calendar_file
from provisioning.sites.spec import NAME_PREFIX, PartSpec, SiteOption, resource_name
from provisioning.testbed import Booking, Lease, Resource

#: How much later a deadline, and how many more machines, are tried before a plan says what would do.
_MORE_DAYS, _MORE_MACHINES = (1, 2, 4, 7), (1, 2, 4, 8)

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
        return (
            begins.date() == ends.date()
            and self.day_begins <= begins.time()
            and ends.time() <= self.day_ends
        )


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
    #: Students who have no block, each with the reason.
    without: Mapping[str, str] = field(default_factory=dict)
    #: What would give a block to all who can come at all, in words; empty if nothing that was tried does.
    would_do: tuple[str, ...] = ()

    @property
    def hours(self) -> float:
        """Machine hours of all seats, those of kept leases included."""
        return sum((seat.block.end - seat.block.start) / HOUR for seat in self.seats)

    def sentence(self) -> str:
        """Return whether it works out, and if not, what is missing and what would do."""
        asked, missing = len(self.seats) + len(self.without), len(self.without)
        used = {
            option: sum(seat.block.option == option for seat in self.seats)
            for option in self.spec.options
        }
        on = ", ".join(f"{count} on {option.name}" for option, count in used.items() if count)
        last = f"{self.wish.latest.astimezone(self.wish.zone):%a %d %b %H:%M}"
        if not missing:
            wished = sum(seat.wished for seat in self.seats)
            ends = max(
                (seat.block.end for seat in self.seats), default=self.wish.latest
            ).astimezone(self.wish.zone)
            return f"All {asked} have a block: {on}; {wished} at hours as asked for. The last ends {ends:%a %d %b %H:%M}."
        reasons = "".join(f"\n  {name}: {reason}" for name, reason in self.without.items())
        ways = [*self.would_do, "other times of these students", "another kind of machine (--type)"]
        return (
            f"{missing} of {asked} blocks are missing before {last} ({on or 'no machine is free'}):{reasons}\n"
            f"Way out: {', '.join(ways[:-1])}, or {ways[-1]}."
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
        wish: days and hours that the instructor allows, and the deadline.
    """
    waiting = [student for student in students if not student.left]
    seats = _kept(waiting, spec, leases, wish)
    waiting = [student for student in waiting if student.name not in seats]
    request = _Request(waiting, spec, calendars, wish)
    wanting, groups = request.wanting(), request.groups()
    blocks = dict(zip(waiting, seat_all(wanting, groups), strict=True))
    seats |= {
        student.name: _seat(student, block, wish) for student, block in blocks.items() if block
    }
    without = {
        student.name: _reason(times, groups)
        for (student, block), times in zip(blocks.items(), wanting, strict=True)
        if not block
    }
    # What the class could do is for those who can come at all.
    able = replace(
        request,
        students=[student for student, times in zip(waiting, wanting, strict=True) if times],
    )
    ordered = sorted(seats.values(), key=lambda each: (each.block.start, each.student))
    return Plan(spec, wish, tuple(ordered), without, tuple(able.would_do()) if without else ())


def _kept(
    students: Sequence[Student],
    spec: PartSpec,
    leases: Iterable[tuple[SiteOption, Lease]],
    wish: Wish,
) -> dict[str, Seat]:
    found: dict[str, Block] = {}
    for option, lease in sorted(leases, key=lambda each: each[1].start):
        found.setdefault(lease.name, Block(option, lease.node, lease.start, lease.end))
    named = {student: resource_name(spec.part, student.name) for student in students}
    return {
        one.name: _seat(one, found[name], wish, kept=True)
        for one, name in named.items()
        if name in found
    }


@dataclass(frozen=True)
class _Request:
    """Who wants blocks, on which machines, and when the class can work."""

    students: Sequence[Student]
    spec: PartSpec
    calendars: Mapping[SiteOption, Sequence[Resource]]
    wish: Wish

    def wanting(self) -> list[dict[Span, float]]:
        """Return for each student the blocks that fit: a wish that is not met costs 1, all hours of waiting less."""
        return [self._times(student) for student in self.students]

    def _times(self, student: Student) -> dict[Span, float]:
        latest = self._latest(student)
        waiting = len(self.students) * (latest - self.wish.earliest + HOUR)
        costs = {}
        for end_minute in {option.end_minute for option in self.calendars}:
            for start, end in self._spans(student.hours or self.spec.hours, end_minute, latest):
                local = start.astimezone(self.wish.zone), end.astimezone(self.wish.zone)
                if student.can(*local):
                    costs[start, end] = (not student.likes(*local)) + (
                        start - self.wish.earliest
                    ) / waiting
        return costs

    def groups(self) -> list[Group]:
        """Return the machines with one calendar each."""
        groups, latest = [], max(map(self._latest, self.students), default=self.wish.latest)
        for place, option in enumerate(
            option for option in self.spec.options if option in self.calendars
        ):
            lengths = {student.hours or self.spec.hours for student in self.students}
            spans = sorted(
                span for hours in lengths for span in self._spans(hours, option.end_minute, latest)
            )
            alike: dict[tuple[Booking, ...], list[str]] = {}
            for resource in self.calendars[option]:
                if resource.reservable:
                    bookings = tuple(
                        sorted(resource.bookings, key=lambda booking: (booking.start, booking.end))
                    )
                    alike.setdefault(bookings, []).append(resource.name)
            for bookings, names in alike.items():
                free = tuple(span for span in spans if is_free(bookings, *span))
                groups.append(Group(option, place, tuple(sorted(names)), free))
        return groups

    def would_do(self) -> Iterator[str]:
        """Yield, in words, the least change of each kind that gives all students a block."""
        if self._serves_all():
            return
        for days in _MORE_DAYS:
            latest = self.wish.latest + timedelta(days=days)
            if replace(self, wish=replace(self.wish, latest=latest))._serves_all():
                yield f"a deadline {days} {'day' if days == 1 else 'days'} later"
                break
        at_any_hour = replace(
            self.wish, day_begins=time(0, 0), day_ends=DAY_ENDS, weekdays=frozenset()
        )
        if at_any_hour != self.wish and replace(self, wish=at_any_hour)._serves_all():
            yield "every hour of every day (--hours 0-24, no --day)"
        option = next(iter(self.calendars))
        for count in _MORE_MACHINES:
            more = [
                Resource(option.site, f"machine {number}", option.type) for number in range(count)
            ]
            if replace(
                self, calendars={**self.calendars, option: [*self.calendars[option], *more]}
            )._serves_all():
                yield f"{count} more of {option.name}, free all the time"
                break

    def _serves_all(self) -> bool:
        return all_fit(self.wanting(), self.groups())

    def _latest(self, student: Student) -> datetime:
        return max(self.wish.latest, student.due or self.wish.latest)

    def _spans(self, hours: int, end_minute: int, latest: datetime) -> list[Span]:
        """Return the blocks in which the class may work, each from a full hour of UTC.

        A class shares the machines, and zones with a half hour must meet the same hours.
        """
        wish, spans = replace(self.wish, latest=latest), []
        start = datetime.fromtimestamp(3600 * -(-wish.earliest.timestamp() // 3600), UTC)
        while start < latest:
            end = block_end(start, hours, end_minute)
            if wish.allows(start, end):
                spans.append((start, end))
            start += HOUR
        return spans


def _reason(times: Mapping[Span, float], groups: Iterable[Group]) -> str:
    if not times:
        return "cannot come to any block of the days and hours that are allowed"
    if any(span in times for group in groups for span in group.spans):
        return "every block that fits is needed by others"
    return "others have booked every machine at the times that fit"


def _seat(student: Student, block: Block, wish: Wish, *, kept: bool = False) -> Seat:
    liked = student.likes(block.start.astimezone(wish.zone), block.end.astimezone(wish.zone))
    after = block.end > max(wish.latest, student.due or wish.latest)
    return Seat(student.name, block, wished=liked, kept=kept, after=after, due=student.due)


def write_all(plan: Plan, folder: Path, now: datetime) -> list[Path]:
    """Write ``plan.csv`` and for each student a calendar, called as the lease is; return the paths.

    Calendars of an earlier plan of the part go.
    """
    spec, calendars = plan.spec, folder / "calendars"
    calendars.mkdir(parents=True, exist_ok=True)
    for old in calendars.glob(f"{NAME_PREFIX}-{spec.part}-*.ics"):
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
    start, end = (
        datetime.strptime(row[name].strip(), _FORM).replace(tzinfo=UTC)
        for name in ("start_utc", "end_utc")
    )
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
