"""Who runs when: seats on the free machines, given out so that as many students as possible have their blocks.

A seat is one block on one machine. Free machines are packed with seats from the first allowed hour on, which holds as
many as possible: all blocks of a part are of one length. Then the first blocks of all students are given out together,
then the second ones, so that everybody has one before anybody has two. Each round has as many students on seats as
can be; among such ways it takes the one with the fewest seats on later site options, and among those the one that meets
the most wishes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from provisioning.classroom.roster import Student
from provisioning.planning.blocks import Block, Wish, is_free, spans
from provisioning.setup.context import SPENT
from provisioning.sites.spec import PartSpec, SiteOption, resource_name
from provisioning.testbed import Booking, Lease, Resource

#: What a seat costs in hours of waiting for it. A class's sum of the smaller ones does not reach the next larger one.
_LATER_OPTION, _NOT_WISHED, _SAME_DAY = 1e9, 1e6, 1e3


@dataclass(frozen=True)
class Seat:
    """One block of one student."""

    #: Short name, fit for resource names.
    student: str
    #: 1 for the student's first block.
    number: int
    block: Block
    #: True when the student asked for these hours, or for none.
    wished: bool = True
    #: True when the lease is there already.
    kept: bool = False

    @property
    def hours(self) -> float:
        """Length of the lease."""
        return (self.block.end - self.block.start) / timedelta(hours=1)


@dataclass(frozen=True)
class Plan:
    """Seats for a class, and what it lacks."""

    spec: PartSpec
    wish: Wish
    #: The earliest first.
    seats: tuple[Seat, ...]
    #: Students with the numbers of the blocks that they did not get.
    without: Mapping[str, tuple[int, ...]]
    #: Seats that nobody took.
    left: tuple[Block, ...]
    #: Options whose calendar could not be read, with the reason.
    unread: Mapping[SiteOption, str]
    #: Further seats that each option gives that the plan was not to use.
    elsewhere: Mapping[SiteOption, int]

    @property
    def missing(self) -> int:
        """Blocks that nobody could be given."""
        return sum(map(len, self.without.values()))

    @property
    def hours(self) -> float:
        """Machine hours of all seats, those of kept leases included."""
        return sum(seat.hours for seat in self.seats)

    def sentence(self) -> str:
        """Return whether it works out, and if not, what is missing and what would do."""
        asked = len(self.seats) + self.missing
        used = {option: sum(seat.block.option == option for seat in self.seats) for option in self.spec.options}
        on = ", ".join(f"{count} on {option.name}" for option, count in used.items() if count)
        last = f"{self.wish.latest.astimezone(self.wish.zone):%a %d %b %H:%M}"
        if not self.missing:
            wished = sum(seat.wished for seat in self.seats)
            return f"All {asked} blocks fit before {last}: {on}; {wished} at hours as asked for."
        said = f"{self.missing} of {asked} blocks are missing before {last} ({on or 'no machine is free'})."
        if self.left:
            return (
                f"{said} {len(self.left)} seats are free, but not when {_some(self.without)} can come, or beside their "
                "other blocks: ask them for other times, or allow other days and hours."
            )
        return f"{said} {self._way_out()}"

    def _way_out(self) -> str:
        days = {seat.block.start.astimezone(self.wish.zone).date() for seat in self.seats if not seat.kept}
        fresh = sum(not seat.kept for seat in self.seats)
        ways = []
        if days:
            more = -(-self.missing * len(days) // fresh)
            ways.append(f"about {more} more day{'s' * (more > 1)} like these ({fresh / len(days):.0f} blocks a day)")
        ways += [
            f"{option.name} (--type {option.type}, {count} more)" for option, count in self.elsewhere.items() if count
        ]
        return f"Way out: {', or '.join(ways) or 'a later deadline, or more hours of the day'}."


def make_plan(
    students: Sequence[Student],
    spec: PartSpec,
    calendars: Mapping[SiteOption, Sequence[Resource]],
    leases: Iterable[tuple[SiteOption, Lease]],
    wish: Wish,
    *,
    blocks: int = 1,
    use: Sequence[SiteOption] | None = None,
    unread: Mapping[SiteOption, str] | None = None,
) -> Plan:
    """Return who runs when.

    Args:
        students: of the roster.
        spec: of the part.
        calendars: machines of each option with their bookings; leases that the class has are bookings too.
        leases: of the project at those sites, each with the option that it is on.
        wish: days and hours that the instructor allows, and the deadline.
        blocks: of each student, where the roster does not say.
        use: options in order of preference; the part's own order when None. A later one takes what the earlier ones
            cannot.
        unread: options whose calendar could not be read.
    """
    order = [option for option in (spec.options if use is None else use) if option in calendars]
    kept = _kept(students, spec, leases, wish)
    seats: dict[str, list[Seat]] = defaultdict(list, {name: list(found) for name, found in kept.items()})
    free = [block for option in order for block in _pack(spec, option, calendars[option], wish)]
    wanted = {each.name: max(each.blocks or blocks, len(kept.get(each.name, ()))) for each in students}
    without: dict[str, list[int]] = defaultdict(list)
    for number in range(1, max(wanted.values(), default=0) + 1):
        waiting = [each for each in students if len(kept.get(each.name, ())) < number <= wanted[each.name]]
        costs = np.array([_costs(each, free, seats[each.name], order, wish) for each in waiting])
        taken = assign(costs.reshape(len(waiting), len(free)))
        for student, place in zip(waiting, taken, strict=True):
            if place is not None:
                seats[student.name].append(_seat(student, number, free[place], wish))
        gone = {place for place in taken if place is not None}
        free = [block for place, block in enumerate(free) if place not in gone]
        # Packed seats begin every few hours; whoever cannot come then may find a machine an hour earlier or later.
        late = [student for student, place in zip(waiting, taken, strict=True) if place is None]
        used = [seat.block for found in seats.values() for seat in found] if late else []
        every = [block for option in order if late for block in _every(spec, option, calendars[option], wish, used)]
        for student in late:
            costs = _costs(student, every, seats[student.name], order, wish)
            if np.isfinite(costs).any():
                block = every[int(np.argmin(costs))]
                seats[student.name].append(_seat(student, number, block, wish))
                free, every = ([one for one in known if not _meet(one, block)] for known in (free, every))
            else:
                without[student.name].append(number)
    spare = {
        option: sum(1 for _ in _pack(spec, option, calendars[option], wish))
        for option in calendars
        if option not in order
    }
    ordered = sorted(
        (seat for found in seats.values() for seat in found), key=lambda seat: (seat.block.start, seat.student)
    )
    lacking = {name: tuple(numbers) for name, numbers in without.items()}
    return Plan(spec, wish, tuple(ordered), lacking, tuple(free), dict(unread or {}), spare)


def _kept(
    students: Sequence[Student], spec: PartSpec, leases: Iterable[tuple[SiteOption, Lease]], wish: Wish
) -> dict[str, tuple[Seat, ...]]:
    """Return the seats that students have already, the earliest first."""
    by_name: dict[str, list[tuple[SiteOption, Lease]]] = defaultdict(list)
    for option, lease in leases:
        if lease.status not in SPENT | {"ERROR"}:
            by_name[lease.name].append((option, lease))
    kept = {}
    for student in students:
        found = sorted(by_name.get(resource_name(spec.part, student.name), ()), key=lambda each: each[1].start)
        if found:
            blocks = [Block(option, lease.node, lease.start, lease.end) for option, lease in found]
            seats = (_seat(student, number, block, wish, kept=True) for number, block in enumerate(blocks, start=1))
            kept[student.name] = tuple(seats)
    return kept


def _pack(spec: PartSpec, option: SiteOption, resources: Iterable[Resource], wish: Wish) -> Iterable[Block]:
    """Return as many blocks as fit on the machines, none over another."""
    allowed = list(spans(spec, option, wish))
    for resource in sorted(resources, key=lambda each: each.name):
        until = None
        for start, end in allowed if resource.reservable else ():
            if (until is None or start >= until) and is_free(resource.bookings, start, end):
                yield Block(option, resource.name, start, end)
                until = end


def _every(
    spec: PartSpec, option: SiteOption, resources: Iterable[Resource], wish: Wish, used: Sequence[Block]
) -> Iterable[Block]:
    """Return every block at any full hour that no booking and no seat meets."""
    for resource in resources:
        ours = tuple(Booking(each.start, each.end) for each in used if each.resource == resource.name)
        for start, end in spans(spec, option, wish) if resource.reservable else ():
            if is_free((*resource.bookings, *ours), start, end):
                yield Block(option, resource.name, start, end)


def _meet(one: Block, other: Block) -> bool:
    return one.resource == other.resource and not is_free([Booking(one.start, one.end)], other.start, other.end)


def _costs(
    student: Student, blocks: Sequence[Block], has: Sequence[Seat], order: Sequence[SiteOption], wish: Wish
) -> np.ndarray:
    """Return what each block costs for a student; infinite where the student cannot take it."""
    mine = [Booking(seat.block.start, seat.block.end) for seat in has]
    days = {seat.block.start.astimezone(wish.zone).date() for seat in has}
    by_span: dict[tuple[datetime, datetime], float] = {}
    for block in blocks:
        span = (block.start, block.end)
        if span not in by_span:
            start, end = block.start.astimezone(wish.zone), block.end.astimezone(wish.zone)
            # Of equal seats the earlier one: what goes wrong then can still be made good before the deadline.
            late_h = (block.start - wish.earliest) / timedelta(hours=1)
            cost = late_h + _NOT_WISHED * (not student.likes(start, end)) + _SAME_DAY * (start.date() in days)
            by_span[span] = cost if student.can(start, end) and is_free(mine, *span) else np.inf
    place = {option: number for number, option in enumerate(order)}
    return np.array([by_span[block.start, block.end] + _LATER_OPTION * place[block.option] for block in blocks])


def _seat(student: Student, number: int, block: Block, wish: Wish, *, kept: bool = False) -> Seat:
    liked = student.likes(block.start.astimezone(wish.zone), block.end.astimezone(wish.zone))
    return Seat(student.name, number, block, wished=liked, kept=kept)


def assign(costs: np.ndarray) -> list[int | None]:
    """Return a column for each row, no column twice: as many rows as possible, and of such choices the cheapest.

    Shortest augmenting paths with prices on rows and columns. SciPy has it too (``linear_sum_assignment``); Chameleon's
    Jupyter, where this runs, has no room for SciPy.

    Args:
        costs: of row and column, shape ``(rows, columns)``; infinite where they do not go together.

    Source: D. F. Crouse, On implementing 2D rectangular assignment algorithms, IEEE Trans. AES 52 (2016).
    """
    rows, columns = costs.shape
    finite = costs[np.isfinite(costs)]
    # Each row may also take nothing, at a cost that no choice of seats outweighs.
    nothing = (
        1.0 + rows * (float(np.ptp(finite)) if finite.size else 0.0) + (float(finite.max()) if finite.size else 0.0)
    )
    padded = np.hstack([costs, np.full((rows, rows), nothing)])
    row_price, column_price = np.zeros(rows), np.zeros(columns + rows)
    row_of = np.full(columns + rows, -1)
    for row in range(rows):
        shortest = np.full(columns + rows, np.inf)
        came_from = np.full(columns + rows, -1)
        done = np.zeros(columns + rows, dtype=bool)
        at, length, reached = row, 0.0, [row]
        while True:
            step = length + padded[at] - row_price[at] - column_price
            better = ~done & (step < shortest)
            shortest[better], came_from[better] = step[better], at
            column = int(np.argmin(np.where(done, np.inf, shortest)))
            length = float(shortest[column])
            done[column] = True
            if row_of[column] < 0:
                break
            at = int(row_of[column])
            reached.append(at)
        row_price[row] += length
        for other in reached[1:]:
            row_price[other] += length - shortest[np.flatnonzero(row_of == other)[0]]
        column_price[done] += shortest[done] - length
        while True:
            at = int(came_from[column])
            previous = np.flatnonzero(row_of == at)
            row_of[column] = at
            if at == row:
                break
            column = int(previous[0])
    chosen: list[int | None] = [None] * rows
    for column in range(columns):
        if row_of[column] >= 0:
            chosen[int(row_of[column])] = column
    return chosen


def _some(names: Iterable[str], most: int = 5) -> str:
    known = list(names)
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(known[:most]) + more
