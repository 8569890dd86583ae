"""The class's leases: made from a plan, made longer, moved, given back, and watched while students work."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo

from labs.display.table import Cell, text_table
from provisioning import lab
from provisioning.classroom.plan import Seat
from provisioning.classroom.roster import Student
from provisioning.planning.blocks import (
    HOUR,
    Block,
    block_end,
    calendars_of,
    free_resources,
    is_free,
    local_span,
)
from provisioning.planning.refused import book
from provisioning.setup.context import SPENT, pick_lease
from provisioning.setup.release import GRACE, Leftover, held_by, survey
from provisioning.setup.release import release as give_back
from provisioning.sites.spec import NAME_PREFIX, Part, PartSpec, SiteOption, resource_name
from provisioning.testbed import Lease, LeaseRequest, Machine, Resource, Testbed
from provisioning.testbed.errors import ConflictError, NoCapacityError, ProvisioningError
from provisioning.testbed.silent import Silent
from provisioning.testbed.surroundings import poll_s

#: A lease that ends within this is pointed at.
ENDS_SOON = timedelta(minutes=20)
TestbedFor = Callable[[str], Testbed]


def usable(lease: Lease) -> bool:
    """Return whether a lease gives its student a machine, now or later."""
    return lease.status not in SPENT | {"ERROR"}


def leases_at(
    testbed_for: TestbedFor, calendars: Mapping[SiteOption, Sequence[Resource]], part: Part
) -> list[tuple[SiteOption, Lease]]:
    """Return the part's usable leases at the calendars' sites, each with the option whose machine it has."""
    machines = {
        option.type: option for option in calendars
    }  # a virtual machine's lease names its flavor
    machines |= {each.name: option for option, resources in calendars.items() for each in resources}
    # A lease of a machine that no calendar has counts as one of its site's first option.
    first = {option.site: option for option in reversed(list(calendars))}
    return [
        (machines.get(lease.node, option), lease)
        for site, option in first.items()
        for lease in testbed_for(site).leases()
        if lease.name.startswith(f"{NAME_PREFIX}-{part}-") and usable(lease)
    ]


def without_placeholders(
    testbed_for: TestbedFor, calendars: Mapping[SiteOption, Sequence[Resource]], name: str
) -> dict[SiteOption, Sequence[Resource]]:
    """Return calendars in which the class's placeholder leases take up no time: the class is to have it."""
    free: dict[SiteOption, Sequence[Resource]] = {}
    for option, resources in calendars.items():
        ours = _placeholders(testbed_for(option.site), name)
        free[option] = [
            replace(
                each,
                bookings=tuple(
                    booking for booking in each.bookings if booking.lease_id not in ours
                ),
            )
            for each in resources
        ]
    return free


def _placeholders(testbed: Testbed, name: str) -> set[str]:
    return {lease.id for lease in testbed.leases() if lease.name == name and usable(lease)}


def reserve_all(
    testbed_for: TestbedFor, part: Part, seats: Sequence[Seat], now: datetime, placeholder: str = ""
) -> list[tuple[Seat, str]]:
    """Make each seat's lease, unless the student has it; return each seat with what happened.

    One refusal does not stop the others, and running it again fills the gaps only. A student who has a lease at another
    time, moved by hand perhaps, keeps it and gets no further one in its place.

    Args:
        placeholder: name of the leases that hold machines for the class; each is given back just before the first
            lease that it is in the way of.
    """
    there: dict[str, Sequence[Lease]] = {}
    silent = Silent()
    for site in dict.fromkeys(seat.block.option.site for seat in seats):
        with silent.at(site):
            there[site] = testbed_for(site).leases()
    outcome = []
    for seat in seats:
        block, option = seat.block, seat.block.option
        name = resource_name(part, seat.student)
        mine = [lease for leases in there.values() for lease in leases if lease.name == name]
        what = (
            f"refused: {silent[option.site].what}"
            if option.site in silent
            else _why_none(mine, block.start, now)
        )
        if not what:
            try:
                testbed = testbed_for(option.site)
                back = placeholder and _give_back(testbed, placeholder, block)
                wanted = block.resource or None
                request = LeaseRequest(
                    name, option.resource, option.type, block.start, block.end, wanted
                )
                booked = book(testbed, request, _others(testbed, block, seats) if wanted else ())
                what = "reserved: placeholder given back" if back else "reserved"
                if booked.node not in ("", wanted):
                    what = f"reserved: on {booked.node}, for {wanted} was refused"
            except ProvisioningError as error:
                what = f"refused: {error.what}"
        outcome.append((seat, what))
    return outcome


def _others(testbed: Testbed, block: Block, seats: Sequence[Seat]) -> Iterator[str]:
    """Yield the machines that are free in a block and that the plan gives to nobody then."""
    option = block.option
    planned = [seat.block for seat in seats if seat.block.option.site == option.site]
    for machine in free_resources(
        testbed.resources(option.resource, option.type), block.start, block.end
    ):
        if is_free(
            [one for one in planned if one.resource == machine.name], block.start, block.end
        ):
            yield machine.name


def _why_none(mine: Sequence[Lease], start: datetime, now: datetime) -> str:
    """Return why a student with these leases gets no further one; empty where one is to be made."""
    held = next((lease for lease in mine if usable(lease)), None)
    if held is not None:
        return (
            "there already"
            if held.start == start
            else f"has another one: {held.start:%a %d %b %H:%M} UTC"
        )
    if any(lease.start == start and lease.status != "ERROR" for lease in mine):
        return "over"
    return "not made: its time has come already" if start <= now else ""


def _give_back(testbed: Testbed, placeholder: str, block: Block) -> bool:
    ours = _placeholders(testbed, placeholder)
    machines = testbed.resources(block.option.resource, block.option.type) if ours else ()
    bookings = [
        booking
        for machine in machines
        if machine.name == block.resource
        for booking in machine.bookings
    ]
    leases = {
        booking.lease_id for booking in bookings if not is_free([booking], block.start, block.end)
    } & ours
    for lease_id in leases:
        testbed.delete_lease(lease_id)
    return bool(leases)


def extend(testbed_for: TestbedFor, part: Part, student: str, hours: float) -> Lease:
    """Let a student's lease end later.

    Raises:
        LeaseMissingError: the student has none.
        ProvisioningError: somebody has the machine after it; the site's own reason stands in the message.
    """
    testbed, lease = lab.find_lease(testbed_for, part, resource_name(part, student))
    return testbed.extend_lease(lease.id, lease.end + timedelta(hours=hours))


def move(
    testbed_for: TestbedFor, spec: PartSpec, student: str, start: datetime
) -> tuple[SiteOption, str, Lease]:
    """Give a student another block, from a full hour on, for the lease; return its option, its machine and its lease.

    The new one is made first: whoever cannot have it keeps the old one.

    Raises:
        LeaseMissingError: there is no lease to move.
        ConflictError: a machine runs on it.
        NoCapacityError: no machine is free then.
        ProvisioningError: the time has passed, or anything else that the site refused.
    """
    there, old = lab.find_lease(testbed_for, spec.part, resource_name(spec.part, student))
    if any(machine.name == old.name for machine in there.machines()) and old.status == "ACTIVE":
        raise ConflictError(
            f"a machine runs on {old.name}",
            likely="The block has begun, and moving it would delete what was measured.",
            way_out="Bring the results home and release it first, or extend it.",
        )
    # As long as it was: a student's block may be longer than the class's.
    hours, booked, silent = math.ceil((old.end - old.start) / HOUR), None, Silent()
    for option in spec.options:
        end = block_end(start, hours, option.end_minute)
        # Another option's calendar is read only if this one has nothing free.
        calendars, unread = calendars_of(replace(spec, options=(option,)), testbed_for)
        silent.update(unread)
        if free := [
            machine.name for machine in free_resources(calendars.get(option, ()), start, end)
        ]:
            request = LeaseRequest(old.name, option.resource, option.type, start, end, free[0])
            with silent.at(option), suppress(NoCapacityError):
                booked = book(testbed_for(option.site), request, free)
        if booked is not None:
            there.delete_lease(old.id)
            return option, booked.node or free[0], booked
    silent.check(f"no other machine can be had at {start:%a %d %b %H:%M %Z}")
    raise NoCapacityError(
        f"no machine of {', '.join(option.name for option in spec.options)} is free at {start:%a %d %b %H:%M %Z}"
    )


def no_shows(
    testbed: Testbed, names: Collection[str], now: datetime, grace: timedelta
) -> list[Leftover]:
    """Return the leases of these names that have run for longer than the grace without a machine on them."""
    rows = survey(testbed, now, grace=grace)
    return [item for item in rows if item.kind == "lease" and item.orphan and item.name in names]


def drop(testbed: Testbed, part: Part, students: Iterable[str], *, release: bool) -> Iterator[str]:
    """Yield what students who have left still hold at a site, a line for each thing; give it back where asked.

    Raises:
        NotReleasedError: something is still there; it names each thing, and why.
    """
    names = {resource_name(part, student): student for student in students}
    held = held_by(testbed, *names)
    yield from (
        f"{names[thing.owner]}: {thing.kind} {thing.name} at {testbed.site}" for thing in held
    )
    if held and release:
        # All of them together: each kind of thing is asked for once, and waited for once.
        for _ in give_back(testbed, *names, poll_s=poll_s()):
            pass


@dataclass(frozen=True)
class Whereabouts:
    """Where one student is now."""

    student: Student
    #: ``none``, ``not known``, ``waits``, ``no machine``, ``boots``, ``works``, ``failed`` or ``over``.
    state: str
    lease: Lease | None
    #: Why somebody should look at this student; empty when nothing says so.
    look: str


@dataclass(frozen=True)
class Watched:
    """A class at one moment."""

    #: Where each student is, whoever needs somebody first.
    rows: list[Whereabouts]
    #: Sites that did not answer: whoever has nothing elsewhere may be there.
    silent: Silent


def watch(
    testbeds: Iterable[Testbed],
    part: Part,
    students: Iterable[Student],
    now: datetime,
    grace: timedelta = GRACE,
) -> Watched:
    """Return where each student is, from two requests to each site; absent is who has no machine after the grace."""
    leases: list[Lease] = []
    machines: list[Machine] = []
    silent = Silent()
    for testbed in testbeds:
        with silent.at(testbed.site):
            resources = testbed.leases(), testbed.machines()
            leases += resources[0]
            machines += resources[1]
    by_name, held = (
        {machine.name: machine for machine in reversed(machines)},
        {lease.name for lease in leases},
    )
    rows = []
    for student in students:
        name = resource_name(part, student.name)
        lease = pick_lease(leases, name)
        if lease is None:
            # Whoever comes and releases leaves no lease behind.
            none = "not known" if silent else "none"
            state, look = (
                ("over", "never released: did anybody come?") if name in held else (none, "")
            )
        else:
            state, look = _state(lease, by_name.get(name), now, grace)
        rows.append(Whereabouts(student, state, lease, look))
    return Watched(sorted(rows, key=lambda row: not row.look), silent)


def _state(
    lease: Lease, machine: Machine | None, now: datetime, grace: timedelta
) -> tuple[str, str]:
    if lease.status == "ERROR" or (machine and machine.failed):
        return "failed", "the lease failed" if lease.status == "ERROR" else "the machine failed"
    if lease.status != "ACTIVE":
        return "waits", ""
    if machine is None:
        return "no machine", "has not come" if now - lease.start > grace else ""
    state = "works" if machine.up and machine.addresses else "boots"
    return state, "the lease ends soon" if lease.end - now < ENDS_SOON else ""


def watch_table(watched: Watched, now: datetime, zone: tzinfo) -> str:
    """Return the class as a text table in the instructor's time zone, how many are where, and who is silent."""
    table, rows = [], watched.rows
    for row in rows:
        lease, student = row.lease, row.student
        block = local_span(lease.start, lease.end, zone) if lease else ""
        runs = lease is not None and lease.status == "ACTIVE"
        left = Cell(
            f"{max(0.0, (lease.end - now) / timedelta(minutes=1)):.0f} min"
            if lease and runs
            else ""
        )
        words = (student.full_name or student.name, row.state, block, row.look)
        name, state, when, look = (Cell(word, words=True) for word in words)
        table.append([name, state, when, left, look])
    said = ", ".join(
        f"{count} {state}" for state, count in Counter(row.state for row in rows).items()
    )
    to_look_at = sum(bool(row.look) for row in rows)
    lines = [text_table(("student", "machine", "block", "left", "look at"), table)]
    lines.append(f"{said}; {to_look_at} to look at. As of {now.astimezone(zone):%H:%M %Z}.")
    if watched.silent:
        lines += [f"not in it: {watched.silent.said}", watched.silent.ways_out]
    return "\n".join(lines)
