"""Plan who runs when: blocks for the largest possible number of students, on the free machines.

Of the plans with this number, the best has the fewest blocks on later site options, then the most
wishes met, then the earliest blocks. After an early failure, time remains before the deadline.

A plan gives a table, which a person may edit and ``class reserve`` reads, and a calendar for each
student.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta, tzinfo
from pathlib import Path

from labs.course.roster import DAY_ENDS, RosterError, Student, read_text, short_name
from labs.sites.spec import NAME_PREFIX, PartSpec, SiteOption, resource_name
from provisioning.classroom.seating import MachineGroup, Span, all_fit, seat_all
from provisioning.planning.blocks import BLOCK_STEP, HOUR, Block, block_end, is_free
from provisioning.planning.booking import calendar_file
from provisioning.testbed import Booking, Lease, Resource

#: How much later a deadline is tried before a plan says what would do.
_MORE_DAYS = (1, 2, 4, 7)
#: How many more machines are tried then.
_MORE_MACHINES = (1, 2, 4, 8)

#: Columns that are read back; ``local``, ``state`` and later columns are for people.
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
    #: Blocks begin at multiples of this, counted from a full hour of UTC.
    step: timedelta = BLOCK_STEP

    def allows(self, start: datetime, end: datetime) -> bool:
        """Return whether a block is allowed there."""
        begins = start.astimezone(self.zone)
        ends = end.astimezone(self.zone)
        if end > self.latest:
            return False
        if self.weekdays and begins.weekday() not in self.weekdays:
            return False
        if (self.day_begins, self.day_ends) == (time(0, 0), DAY_ENDS):
            return True
        if begins.date() != ends.date():
            return False
        return self.day_begins <= begins.time() and ends.time() <= self.day_ends


@dataclass(frozen=True)
class Seat:
    """The block of one student."""

    #: Short name, fit for resource names.
    student: str
    block: Block
    #: True when the student asked for these hours, or for none.
    wished: bool = True
    #: True when the lease is there already.
    reserved: bool = False
    #: True when it ends after the student's deadline: the deadline has moved since.
    after: bool = False
    #: The student's own date, with time zone; None for the class's.
    due: datetime | None = None


@dataclass(frozen=True)
class ClassPlan:
    """Seats for a class, and its shortfall."""

    spec: PartSpec
    wish: Wish
    #: The earliest first.
    seats: tuple[Seat, ...]
    #: Students who have no block, each with the reason.
    without: Mapping[str, str] = field(default_factory=dict)
    #: Remedies that would give a block to all who can come at all, in words; empty if no tried
    #: remedy does.
    would_do: tuple[str, ...] = ()

    @property
    def hours(self) -> float:
        """Machine hours of all seats, those of leases that are there already included."""
        blocks = [seat.block for seat in self.seats]
        return sum((block.end - block.start) / HOUR for block in blocks)

    def cost(self) -> str:
        """Return in words what its machine hours cost on the machines with a known price."""
        costs_usd = []
        for seat in self.seats:
            usd_per_hour = seat.block.option.usd_per_hour
            if usd_per_hour is not None:
                hours = (seat.block.end - seat.block.start) / HOUR
                costs_usd.append(hours * usd_per_hour)
        if not costs_usd:
            return ""
        rest = len(self.seats) - len(costs_usd)
        unknown = f", and an unknown price for {rest} of the blocks" if rest else ""
        return f" They cost {sum(costs_usd):.2f} dollars by the assignment{unknown}."

    def sentence(self) -> str:
        """Return whether the plan is complete, and if not, the shortfall and possible solutions."""
        return self._shortage() if self.without else self._success()

    def _success(self) -> str:
        wished = sum(seat.wished for seat in self.seats)
        last_end = max((seat.block.end for seat in self.seats), default=self.wish.latest)
        ends = last_end.astimezone(self.wish.zone)
        used = self._used_options()
        return (
            f"All {len(self.seats)} have a block: {used}; {wished} at hours as asked for. "
            f"The last ends {ends:%a %d %b %H:%M}."
        )

    def _shortage(self) -> str:
        missing = len(self.without)
        asked = len(self.seats) + missing
        deadline = self.wish.latest.astimezone(self.wish.zone)
        when = f"{deadline:%a %d %b %H:%M}"
        used = self._used_options() or "no machine is free"
        lines = [f"{missing} of {asked} blocks are missing before {when} ({used}):"]
        for name, reason in self.without.items():
            lines.append(f"  {name}: {reason}")
        ways_out = [*self.would_do, "other times of these students"]
        lines.append(f"Fix: {', '.join(ways_out)}, or another kind of machine (--type).")
        return "\n".join(lines)

    def _used_options(self) -> str:
        """Return in words the number of blocks on each option; empty if there is no block."""
        counts = Counter(seat.block.option.name for seat in self.seats)
        names = dict.fromkeys(option.name for option in self.spec.options)
        return ", ".join(f"{counts[name]} on {name}" for name in names if counts[name])


def make_plan(
    students: Sequence[Student],
    spec: PartSpec,
    calendars: Mapping[SiteOption, Sequence[Resource]],
    leases: Iterable[tuple[SiteOption, Lease]],
    wish: Wish,
) -> ClassPlan:
    """Return who runs when.

    Args:
        calendars: machines with their bookings of each option that may be used; a later option of
            the part takes what the earlier ones cannot. Leases that the class has are bookings too.
        leases: of the class that are still usable, each with the option that it is on.
        wish: days and hours that the instructor allows, and the deadline.
    """
    waiting = [student for student in students if not student.left]
    seats = _reserved_seats(waiting, spec, leases, wish)
    waiting = [student for student in waiting if student.name not in seats]
    request = _Request(waiting, spec, calendars, wish)
    wanting = request.wanting()
    groups = request.groups()
    blocks = seat_all(wanting, groups)
    without: dict[str, str] = {}
    able: list[Student] = []
    for student, times, block in zip(waiting, wanting, blocks, strict=True):
        if block:
            seats[student.name] = _seat(student, block, wish)
        else:
            without[student.name] = request.reason(student, times, groups)
        if times:
            able.append(student)
    would_do: tuple[str, ...] = ()
    if without:
        # The remedies count only students who can come at all.
        would_do = tuple(replace(request, students=able).would_do())
    ordered = sorted(seats.values(), key=_start_and_name)
    return ClassPlan(spec, wish, tuple(ordered), without, would_do)


def _start_and_name(seat: Seat) -> tuple[datetime, str]:
    return seat.block.start, seat.student


def _reserved_seats(
    students: Sequence[Student],
    spec: PartSpec,
    leases: Iterable[tuple[SiteOption, Lease]],
    wish: Wish,
) -> dict[str, Seat]:
    first_blocks: dict[str, Block] = {}
    for option, lease in sorted(leases, key=lambda each: each[1].start):
        block = Block(option, lease.node, lease.start, lease.end)
        first_blocks.setdefault(lease.name, block)
    seats = {}
    for student in students:
        held = first_blocks.get(resource_name(spec.part, student.name))
        if held is not None:
            seats[student.name] = _seat(student, held, wish, reserved=True)
    return seats


@dataclass(frozen=True)
class _Request:
    """Who wants blocks, on which machines, and when the class can work."""

    students: Sequence[Student]
    spec: PartSpec
    calendars: Mapping[SiteOption, Sequence[Resource]]
    wish: Wish

    def wanting(self) -> list[dict[Span, float]]:
        """Return for each student the blocks that fit, each with its cost.

        A wish that is not met costs 1, and all hours of waiting together less.
        """
        return [self._costs(student) for student in self.students]

    def _costs(self, student: Student) -> dict[Span, float]:
        latest = self._latest(student)
        hours = student.hours or self.spec.hours
        everybodys_wait = len(self.students) * (latest - self.wish.earliest + HOUR)
        costs = {}
        for end_minute in {option.end_minute for option in self.calendars}:
            for start, end in self._spans(hours, end_minute, latest):
                local_start = start.astimezone(self.wish.zone)
                local_end = end.astimezone(self.wish.zone)
                if student.can(local_start, local_end):
                    wish_cost = 0.0 if student.likes(local_start, local_end) else 1.0
                    wait_cost = (start - self.wish.earliest) / everybodys_wait
                    costs[start, end] = wish_cost + wait_cost
        return costs

    def groups(self) -> list[MachineGroup]:
        """Return the machines with one calendar each."""
        latest = max(map(self._latest, self.students), default=self.wish.latest)
        lengths = {student.hours or self.spec.hours for student in self.students}
        options = [option for option in self.spec.options if option in self.calendars]
        # Machines of a class are a kind of their own, though each is a site.
        kinds = list(dict.fromkeys(option.name for option in options))
        groups = []
        for option in options:
            place = kinds.index(option.name)
            spans: list[Span] = []
            for hours in lengths:
                spans += self._spans(hours, option.end_minute, latest)
            spans.sort()
            for bookings, names in _names_by_bookings(self.calendars[option]).items():
                free = tuple(span for span in spans if is_free(bookings, *span))
                groups.append(MachineGroup(option, place, tuple(sorted(names)), free))
        return groups

    def would_do(self) -> Iterator[str]:
        """Yield, in words, the least change of each kind that gives all students a block."""
        if self._serves_all():
            return
        for days in _MORE_DAYS:
            latest = self.wish.latest + timedelta(days=days)
            later = replace(self, wish=replace(self.wish, latest=latest))
            if later._serves_all():
                yield f"a deadline {days} {'day' if days == 1 else 'days'} later"
                break
        at_any_hour = replace(
            self.wish, day_begins=time(0, 0), day_ends=DAY_ENDS, weekdays=frozenset()
        )
        if at_any_hour != self.wish and replace(self, wish=at_any_hour)._serves_all():
            yield "every hour of every day (--hours 0-24, no --day)"
        option = next(iter(self.calendars))
        for count in _MORE_MACHINES:
            names = [f"machine {number}" for number in range(count)]
            more = [Resource(option.site, name, option.type) for name in names]
            calendar = [*self.calendars[option], *more]
            larger = replace(self, calendars={**self.calendars, option: calendar})
            if larger._serves_all():
                yield f"{count} more of {option.name}, free all the time"
                break

    def _serves_all(self) -> bool:
        return all_fit(self.wanting(), self.groups())

    def _latest(self, student: Student) -> datetime:
        return max(self.wish.latest, student.due or self.wish.latest)

    def _spans(self, hours: int, end_minute: int, latest: datetime) -> list[Span]:
        """Return the blocks in which the class may work, each from a step of the wish on.

        Steps are counted in UTC: a class shares the machines, and students in all zones must meet
        the same beginnings.
        """
        wish = replace(self.wish, latest=latest)
        spans = []
        start = _first_beginning(wish.earliest, wish.step)
        while start < latest:
            end = block_end(start, hours, end_minute)
            if wish.allows(start, end):
                spans.append((start, end))
            start += wish.step
        return spans

    def reason(
        self, student: Student, times: Mapping[Span, float], groups: Sequence[MachineGroup]
    ) -> str:
        """Return why a student has no block.

        Args:
            times: the blocks to which the student can come.
            groups: machines in service, each with the blocks for which it is free.
        """
        if not groups:
            return "no machine is in service"
        if not times:
            return self._why_no_time(student)
        if any(span in times for group in groups for span in group.spans):
            return "every block that fits is needed by others"
        return "others have booked every machine at the times that fit"

    def _why_no_time(self, student: Student) -> str:
        """Return why no block fits a student, whatever is booked."""
        hours = student.hours or self.spec.hours
        latest = self._latest(student)
        spans: list[Span] = []
        for end_minute in {option.end_minute for option in self.calendars}:
            spans += self._spans(hours, end_minute, latest)
        if not spans:
            until = latest.astimezone(self.wish.zone)
            return (
                f"no block of {hours} h fits into the days and hours that are allowed until "
                f"{until:%a %d %b %H:%M}"
            )
        beginning = "full hour" if self.wish.step == HOUR else "full or half hour"
        return (
            f"cannot come to any block of {hours} h from a {beginning} on, of the days and hours "
            "that are allowed"
        )


def _first_beginning(moment: datetime, step: timedelta) -> datetime:
    """Return the first multiple of a step, counted from a full hour of UTC, at or after a
    moment.
    """
    hour = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    steps = -((hour - moment) // step)
    return hour + steps * step


def _names_by_bookings(resources: Iterable[Resource]) -> dict[tuple[Booking, ...], list[str]]:
    """Return the names of the machines in service, those with the same bookings together."""
    names: dict[tuple[Booking, ...], list[str]] = {}
    for resource in resources:
        if resource.reservable:
            bookings = sorted(resource.bookings, key=lambda booking: (booking.start, booking.end))
            names.setdefault(tuple(bookings), []).append(resource.name)
    return names


def _seat(student: Student, block: Block, wish: Wish, *, reserved: bool = False) -> Seat:
    local_start = block.start.astimezone(wish.zone)
    local_end = block.end.astimezone(wish.zone)
    liked = student.likes(local_start, local_end)
    after = block.end > max(wish.latest, student.due or wish.latest)
    return Seat(student.name, block, wished=liked, reserved=reserved, after=after, due=student.due)


def write_all(plan: ClassPlan, folder: Path, now: datetime) -> list[Path]:
    """Write ``plan.csv`` and for each student a calendar, called as the lease is; return the paths.

    Calendars of an earlier plan of the part go.
    """
    spec = plan.spec
    calendars = folder / "calendars"
    calendars.mkdir(parents=True, exist_ok=True)
    for old in calendars.glob(f"{NAME_PREFIX}-{spec.part}-*.ics"):
        old.unlink()
    files = {folder / "plan.csv": plan_csv(plan).encode()}
    for seat in plan.seats:
        name = resource_name(spec.part, seat.student)
        calendar = calendar_file(spec, seat.block, name, now, seat.due)
        files[calendars / f"{name}.ics"] = calendar
    for path, content in files.items():
        path.write_bytes(content)
    return list(files)


def plan_csv(plan: ClassPlan) -> str:
    """Return the plan as a table, one line for each block, the earliest first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for seat in plan.seats:
        block = seat.block
        place = (block.option.site, block.option.type, block.resource)
        times = (_utc_text(block.start), _utc_text(block.end), block.local(plan.wish.zone))
        state = "there already" if seat.reserved else "planned"
        wished = "yes" if seat.wished else "no"
        writer.writerow([seat.student, *place, *times, state, wished])
    return text.getvalue()


def _utc_text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(_FORM)


def _utc_time(text: str) -> datetime:
    return datetime.strptime(text.strip(), _FORM).replace(tzinfo=UTC)


def read_plan(path: Path, spec: PartSpec) -> tuple[Seat, ...]:
    """Return the seats of a plan's table, as it was written or as a person changed it.

    Raises:
        RosterError: it has an unknown machine type, a time in another form, or a student twice; the
            message names the line. Only the site knows whether a machine is taken.
    """
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    columns = reader.fieldnames or ()
    lacking = [name for name in NEEDED if name not in columns]
    if lacking:
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
            line = f"{path.name}, line {reader.line_num}"
            raise RosterError(
                f"{line}: {error.args[0]}",
                likely="It was changed by hand, or by a spreadsheet that writes dates in its own "
                "way.",
                way_out="Times are UTC and look like 2026-12-01 15:00; or plan anew.",
            ) from error
    return tuple(seats.values())


def _seat_of(row: Mapping[str, str], spec: PartSpec) -> Seat:
    option = spec.option(row["site"].strip(), row["type"].strip())
    start = _utc_time(row["start_utc"])
    end = _utc_time(row["end_utc"])
    if end <= start:
        raise ValueError("the block ends before it begins")
    block = Block(option, row["machine"].strip(), start, end)
    reserved = row.get("state") == "there already"
    return Seat(short_name(row["student"]), block, reserved=reserved)


def plan_text(plan: ClassPlan) -> str:
    """Return for the screen the students' blocks, the machine hours, and whether it works out."""
    lines = [f"{'student':<28}{'machine':<20}{'when':<36}"]
    for seat in plan.seats:
        when = seat.block.local(plan.wish.zone)
        seat_and_time = f"{seat.student:<28}{seat.block.resource:<20}{when:<36}"
        lines.append((seat_and_time + _remark(seat)).rstrip())
    lines += ["", plan.sentence(), f"{plan.hours:.0f} machine hours.{plan.cost()}"]
    return "\n".join(lines)


def _remark(seat: Seat) -> str:
    if seat.reserved:
        remark = "there already"
    elif seat.wished:
        remark = ""
    else:
        remark = "not as wished"
    if seat.after:
        remark += ", ENDS AFTER THE DEADLINE: `class move` gives another"
    return remark
