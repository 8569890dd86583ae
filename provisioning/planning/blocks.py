"""From who has what until when, to blocks that a student can take: pure, in UTC inside, in local time on screen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from provisioning.sites.spec import PartSpec, SiteOption
from provisioning.testbed import Booking, Resource
from provisioning.testbed.errors import NotSignedInError, ProvisioningError

HOUR = timedelta(hours=1)

#: How far ahead the planner looks by default.
HORIZON = timedelta(days=7)


@dataclass(frozen=True)
class Block:
    """A free block on one named machine."""

    option: SiteOption
    #: Name of the node or device.
    resource: str
    #: Beginning, a full hour, with time zone UTC.
    start: datetime
    #: End at the option's end minute, with time zone UTC.
    end: datetime
    #: How many other machines of the option are free in the same block; more means less haste.
    others_free: int = 0

    def local(self, zone: tzinfo) -> str:
        """Return the block in words of the student's own time zone, the date once."""
        start, end = self.start.astimezone(zone), self.end.astimezone(zone)
        # Across midnight or a change of the clocks the end needs its own date or zone name.
        until = end.strftime("%H:%M" if start.date() == end.date() else "%H:%M (%a)")
        zones = start.tzname() if start.tzname() == end.tzname() else f"{start.tzname()}, ends {end.tzname()}"
        return f"{start:%a %d %b %H:%M}–{until} {zones}"


@dataclass(frozen=True)
class Wish:
    """When a student can work."""

    #: Earliest beginning, with time zone.
    earliest: datetime
    #: Latest end, with time zone.
    latest: datetime
    #: The student's time zone.
    zone: tzinfo
    #: Local hours in which a block may lie; a block that leaves them is not offered.
    day_begins: time = time(0, 0)
    day_ends: time = time(23, 59)
    #: Local weekdays on which a block may begin, 0 for Monday; all when empty.
    weekdays: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Proposal:
    """What the planner found for one part."""

    spec: PartSpec
    wish: Wish
    #: Free blocks of each option in the order of the options; an option without a calendar is not in it.
    blocks: Mapping[SiteOption, tuple[Block, ...]]
    #: SiteOptions whose calendar could not be read, with the reason.
    unread: Mapping[SiteOption, str]

    @property
    def option(self) -> SiteOption | None:
        """The first option that has a free block; None when all is taken."""
        return next((option for option, found in self.blocks.items() if found), None)

    @property
    def best(self) -> Block | None:
        """The earliest block of the first option that has one."""
        return self.blocks[self.option][0] if self.option else None


def propose(
    spec: PartSpec,
    calendars: Mapping[SiteOption, Sequence[Resource]],
    wish: Wish,
    unread: Mapping[SiteOption, str] | None = None,
) -> Proposal:
    """Return the free blocks of every option.

    Args:
        spec: of the part.
        calendars: nodes or devices of each option with their bookings.
        wish: when the student can work.
        unread: options whose calendar could not be read.
    """
    blocks = {
        option: free_blocks(spec, option, calendars[option], wish) for option in spec.options if option in calendars
    }
    return Proposal(spec, wish, blocks, dict(unread or {}))


def free_blocks(spec: PartSpec, option: SiteOption, resources: Iterable[Resource], wish: Wish) -> tuple[Block, ...]:
    """Return one block for each full hour at which a machine of the option is free, the earliest first.

    Where several are free, the one whose next booking is furthest away is named, so that a lease can still be
    extended; equals go by name.
    """
    usable = list(resources)
    found = []
    for start, end in spans(spec, option, wish):
        if free := free_resources(usable, start, end):
            found.append(Block(option, free[0].name, start, end, len(free) - 1))
    return tuple(found)


def spans(spec: PartSpec, option: SiteOption, wish: Wish) -> Iterable[tuple[datetime, datetime]]:
    """Return beginning and end of every block that a wish allows, whoever has the machines, the earliest first."""
    for start in _full_hours(wish.earliest, wish.latest):
        end = block_end(start, spec.hours, option.end_minute)
        if end <= wish.latest and _in_day(start, end, wish):
            yield start, end


def free_resources(resources: Iterable[Resource], start: datetime, end: datetime) -> list[Resource]:
    """Return the machines that are free for the whole block, the one whose next booking is furthest away first."""
    free = [each for each in resources if each.reservable and is_free(each.bookings, start, end)]
    return sorted(free, key=lambda each: (-_room_after(each.bookings, end).total_seconds(), each.name))


def block_end(start: datetime, hours: int, end_minute: int) -> datetime:
    """Return the end of a block that begins at a full hour: the last minutes stay free for the next one's set-up.

    Back-to-back leases race: the next lease's start may come before the node of this one is free again.
    """
    return start + timedelta(hours=hours - 1, minutes=end_minute)


def is_free(bookings: Iterable[Booking], start: datetime, end: datetime) -> bool:
    """Return whether no booking overlaps the block; one that ends at its very start does not."""
    return all(booking.end <= start or booking.start >= end for booking in bookings)


def _room_after(bookings: Iterable[Booking], end: datetime) -> timedelta:
    following = [booking.start - end for booking in bookings if booking.start >= end]
    return min(following, default=timedelta(days=365))


def _full_hours(earliest: datetime, latest: datetime) -> Iterable[datetime]:
    # Full hours of UTC: a class shares the machines, and zones with a half hour must meet the same grid.
    utc = earliest.astimezone(UTC)
    start = utc.replace(minute=0, second=0, microsecond=0)
    if start < utc:
        start += HOUR
    while start < latest:
        yield start
        start += HOUR


def _in_day(start: datetime, end: datetime, wish: Wish) -> bool:
    begins, ends = start.astimezone(wish.zone), end.astimezone(wish.zone)
    if wish.weekdays and begins.weekday() not in wish.weekdays:
        return False
    if (wish.day_begins, wish.day_ends) == (time(0, 0), time(23, 59)):
        return True
    return begins.date() == ends.date() and begins.time() >= wish.day_begins and ends.time() <= wish.day_ends


def calendars_of(spec: PartSpec, testbed_for) -> tuple[dict[SiteOption, Sequence[Resource]], dict[SiteOption, str]]:
    """Return the calendar of each option, and for those that could not be read, why.

    Args:
        spec: of the part.
        testbed_for: returns the testbed of a site's name.
    """
    calendars: dict[SiteOption, Sequence[Resource]] = {}
    unread: dict[SiteOption, str] = {}
    for option in spec.options:
        if option.resource == "flavor":
            unread[option] = "virtual machines have no public calendar: try to reserve one"
            continue
        try:
            calendars[option] = testbed_for(option.site).resources(option.resource, option.type)
        except NotSignedInError:
            raise  # no site is to blame for it
        except ProvisioningError as error:
            # One site in maintenance must not hide the others.
            unread[option] = error.what
    return calendars, unread


def table(proposal: Proposal, rows: int = 10) -> str:
    """Return the proposal as text: the next blocks of the first option that has any, and a line for each other one."""
    spec, wish, option = proposal.spec, proposal.wish, proposal.option
    lines = [f"{spec.title}: blocks of {spec.hours} h, in your time zone"]
    if option is None:
        lines.append("Every machine is taken in this time. Look further ahead, or at other hours of the day.")
    else:
        if option != spec.options[0]:
            lines.append(f"{spec.options[0].name} is taken. Next best: {option.name}. {option.changes}")
        lines.append(f"{option.name} ({option.site}, {option.type}): {option.hardware}")
        for number, block in enumerate(proposal.blocks[option][:rows], start=1):
            others = f", {block.others_free} more free" if block.others_free else ", the last one free"
            lines.append(f"{number:>3}  {block.local(wish.zone)}  {block.resource}{others}")
        if (more := len(proposal.blocks[option]) - rows) > 0:
            lines.append(f"     and {more} later blocks")
    lines += [
        f"  or {each.name}: {found[0].local(wish.zone)}" if found else f"  {each.name}: all taken"
        for each, found in proposal.blocks.items()
        if each != option
    ]
    lines += [f"  {each.name}: {why}" for each, why in proposal.unread.items()]
    return "\n".join(lines)
