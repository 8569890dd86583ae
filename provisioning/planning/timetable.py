"""The planner's calendar: which machines are free for a block at each full hour, by day and hour of the student."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal

from provisioning.planning.blocks import HOUR, block_end, free_resources
from provisioning.sites.spec import PartSpec, SiteOption
from provisioning.testbed import Resource

SlotState = Literal["free", "taken", "past"]


@dataclass(frozen=True)
class Slot:
    """A full hour at which a block could begin."""

    #: Beginning, with time zone UTC.
    start: datetime
    #: End of a block that begins then, with time zone UTC.
    end: datetime
    #: Names of the machines that are free for the whole block, the one with most room after it first.
    free: tuple[str, ...]
    #: True when the beginning has gone by.
    past: bool = False

    @property
    def state(self) -> SlotState:
        """What the calendar shows."""
        return "past" if self.past else "free" if self.free else "taken"

    def said(self, zone: tzinfo) -> str:
        """Return the slot in words of the student's own time zone."""
        start, end = self.start.astimezone(zone), self.end.astimezone(zone)
        until = end.strftime("%H:%M" if start.date() == end.date() else "%H:%M (%a)")
        count = len(self.free)
        words = {"past": "gone by", "taken": "all taken", "free": f"{count} free" if count > 1 else "the last one free"}
        return f"{start:%a %d %b %H:%M}–{until} {start.tzname()}, {words[self.state]}"


@dataclass(frozen=True)
class Day:
    """One local day of the calendar."""

    date: date
    #: Slots by local hour, 0 to 23. An hour that the clocks skip has none; one that comes twice has two.
    hours: tuple[tuple[Slot, ...], ...]


@dataclass(frozen=True)
class Timetable:
    """Days and hours of one option."""

    option: SiteOption
    days: tuple[Day, ...]

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Every slot, the earliest first."""
        return tuple(slot for day in self.days for hour in day.hours for slot in hour)

    @property
    def free(self) -> tuple[Slot, ...]:
        """The slots that can be taken."""
        return tuple(slot for slot in self.slots if slot.state == "free")


def timetable(
    spec: PartSpec,
    option: SiteOption,
    resources: Sequence[Resource],
    first: date,
    days: int,
    zone: tzinfo,
    now: datetime,
) -> Timetable:
    """Return the calendar of one option.

    Blocks begin at full hours of UTC, as the planner has them, so a zone with a half hour shows them at half past.

    Args:
        spec: of the part; its hours are the block's length.
        option: the kind of machine; its end minute ends the block.
        resources: machines of the option with their bookings.
        first: first local day.
        days: how many days.
        zone: the student's.
        now: with time zone; earlier slots are past.
    """
    return Timetable(
        option,
        tuple(_day(spec, option, resources, first + timedelta(days=number), zone, now) for number in range(days)),
    )


def _day(
    spec: PartSpec, option: SiteOption, resources: Sequence[Resource], day: date, zone: tzinfo, now: datetime
) -> Day:
    hours: list[list[Slot]] = [[] for _ in range(24)]
    # A local day lasts 23 to 25 hours and begins up to 14 hours off UTC: walk over it in UTC and keep what falls in it.
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=15)
    for _ in range(54):
        local = moment.astimezone(zone)
        if local.date() == day:
            end = block_end(moment, spec.hours, option.end_minute)
            past = moment < now
            free = () if past else tuple(each.name for each in free_resources(resources, moment, end))
            hours[local.hour].append(Slot(moment, end, free, past))
        moment += HOUR
    return Day(day, tuple(tuple(hour) for hour in hours))


def grid_text(table: Timetable, zone: tzinfo) -> str:
    """Return the calendar as text: a line a day, a column an hour, how many machines are free in each."""
    lines = [f"{'':<11}" + "".join(f"{hour:>3}" for hour in range(24))]
    for day in table.days:
        marks = "".join(f"{mark_of(hour):>3}" for hour in day.hours)
        lines.append(f"{day.date:%a %d %b} {marks}")
    minutes = {slot.start.astimezone(zone).minute for slot in table.slots}
    past_hour = f", and begin {minutes.pop()} minutes past the hour in your zone" if minutes - {0} else ""
    lines.append(f"{'':<11} number: machines free for a whole block from that hour{past_hour}")
    lines.append(f"{'':<11} ·: all taken   (blank): gone by")
    return "\n".join(lines)


def mark_of(hour: Sequence[Slot]) -> str:
    """Return what the calendar writes into the cell of an hour: a count, a dot for taken, nothing for gone by."""
    best = max((len(slot.free) for slot in hour), default=0)
    if best:
        return str(best)
    return "·" if any(slot.state == "taken" for slot in hour) else ""
