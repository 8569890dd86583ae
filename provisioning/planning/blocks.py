"""Turn bookings into blocks that a student can take: UTC inside, the student's local time on
screen.

The calendar has a row for each local day and a column for each local hour. Widget, text and command
line read it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from labs.sites.spec import PartSpec, SiteOption
from provisioning.planning.refused import without_refused
from provisioning.testbed import Booking, Resource, Testbed
from provisioning.testbed.silent import Silent

HOUR = timedelta(hours=1)
#: Between two beginnings of a class's blocks; a student's own calendar shows full hours.
BLOCK_STEP = timedelta(minutes=30)


@dataclass(frozen=True)
class Block:
    """A free block on one named machine."""

    option: SiteOption
    #: Name of the node or device.
    resource: str
    #: Beginning, a full or half hour, with time zone UTC.
    start: datetime
    #: End some minutes before another full or half hour, with time zone UTC.
    end: datetime

    def local(self, zone: tzinfo) -> str:
        """Return the block in words of the student's own time zone, the date once."""
        return local_span(self.start, self.end, zone)


@dataclass(frozen=True)
class Slot:
    """A full hour at which a block could begin."""

    #: Beginning, with time zone UTC.
    start: datetime
    #: End of a block that begins then, with time zone UTC.
    end: datetime
    #: Names of the machines that are free for the whole block.
    free: tuple[str, ...]
    #: True when the beginning has gone by.
    past: bool = False
    #: False if the calendar could not be read, so that the free machines are unknown.
    known: bool = True

    def text(self, zone: tzinfo) -> str:
        """Return the slot in words of the student's own time zone."""
        count = len(self.free)
        if self.past:
            words = "gone by"
        elif not self.known:
            words = "not known"
        elif count > 1:
            words = f"{count} free"
        else:
            words = "the last one free" if count else "all taken"
        return f"{local_span(self.start, self.end, zone)}, {words}"


@dataclass(frozen=True)
class Timetable:
    """Days and hours of one option."""

    #: Slots of each local day by local hour, 0 to 23. An hour that the clocks skip has none; one
    #: that comes twice, two.
    days: Mapping[date, Sequence[Sequence[Slot]]]

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Every slot, the earliest first."""
        return tuple(slot for hours in self.days.values() for hour in hours for slot in hour)

    @property
    def free(self) -> tuple[Slot, ...]:
        """The slots that can be taken."""
        return tuple(slot for slot in self.slots if slot.free)

    def text(self) -> str:
        """Return the calendar as text: a line a day, a column an hour, how many machines are free
        in each.
        """
        heads = "".join(f"{hour:>3}" for hour in range(24))
        lines = [f"{'':<11}{heads}"]
        for day, hours in self.days.items():
            marks = "".join(f"{mark_of(hour):>3}" for hour in hours)
            lines.append(f"{day:%a %d %b} {marks}")
        lines.append(f"{'':<11} number: machines free for a whole block from that hour")
        lines.append(f"{'':<11} ·: all taken   ?: not known   (blank): gone by")
        return "\n".join(lines)


def local_span(start: datetime, end: datetime, zone: tzinfo) -> str:
    """Return a span of time in words of a time zone, the date once."""
    start = start.astimezone(zone)
    end = end.astimezone(zone)
    # Across midnight or a change of the clocks the end needs its own day or zone name.
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%H:%M (%a)}"
    zones = start.tzname()
    if start.tzname() != end.tzname():
        zones = f"{start.tzname()}, ends {end.tzname()}"
    return f"{start:%a %d %b %H:%M}–{until} {zones}"


def mark_of(hour: Sequence[Slot]) -> str:
    """Return what an hour's cell of the calendar says: a count, '·' for taken, '?' for not known,
    '' for gone by.
    """
    best = max((len(slot.free) for slot in hour), default=0)
    if best:
        return str(best)
    coming = [slot for slot in hour if not slot.past]
    if not coming:
        return ""
    return "·" if all(slot.known for slot in coming) else "?"


def timetable(
    spec: PartSpec,
    option: SiteOption,
    resources: Sequence[Resource] | None,
    first: date,
    days: int,
    zone: tzinfo,
    now: datetime,
) -> Timetable:
    """Return the calendar of one option.

    Blocks begin at full hours of UTC, because a class shares the machines; a zone with a half hour
    shows them at half past.

    Args:
        resources: machines of the option with their bookings; None when the calendar could not be
            read.
        now: with time zone; earlier slots are past.
    """
    dates = [first + timedelta(days=number) for number in range(days)]
    hours: dict[date, list[list[Slot]]] = {day: [[] for _ in range(24)] for day in dates}
    # A local day has 23 to 25 hours and begins up to 14 hours off UTC: walk over them in UTC, keep
    # what falls in.
    moment = datetime(first.year, first.month, first.day, tzinfo=UTC) - 15 * HOUR
    for _ in range(24 * days + 30):
        local = moment.astimezone(zone)
        if local.date() in hours:
            end = block_end(moment, spec.hours, option.end_minute)
            past = moment < now
            free: tuple[str, ...] = ()
            if resources and not past:
                machines = free_resources(resources, moment, end)
                free = tuple(machine.name for machine in machines)
            slot = Slot(moment, end, free, past, known=resources is not None)
            hours[local.date()][local.hour].append(slot)
        moment += HOUR
    return Timetable(hours)


def free_resources(resources: Iterable[Resource], start: datetime, end: datetime) -> list[Resource]:
    """Return the machines that are in service and free for the whole block."""
    in_service = [resource for resource in resources if resource.reservable]
    return [resource for resource in in_service if is_free(resource.bookings, start, end)]


def block_end(start: datetime, hours: int, end_minute: int) -> datetime:
    """Return the end of a block: the last minutes stay free for the next one's set-up.

    Back-to-back leases race: the next lease's start may come before the node of this one is free
    again.
    """
    return start + timedelta(hours=hours - 1, minutes=end_minute)


def is_free(bookings: Iterable[Booking | Block], start: datetime, end: datetime) -> bool:
    """Return whether no booking overlaps the block; one that ends at its very start does not."""
    return all(booking.end <= start or booking.start >= end for booking in bookings)


def calendars_of(
    spec: PartSpec, testbed_for: Callable[[str], Testbed]
) -> tuple[dict[SiteOption, Sequence[Resource]], Silent]:
    """Return the calendar of each option, and the options whose calendar could not be read.

    A machine that was refused lately counts as taken for the time that was asked for.
    """
    calendars: dict[SiteOption, Sequence[Resource]] = {}
    unread: Silent = Silent()
    for option in spec.options:
        with unread.at(option):
            resources = testbed_for(option.site).resources(option.resource, option.type)
            calendars[option] = without_refused(resources)
    return calendars, unread
