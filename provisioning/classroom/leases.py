"""The class's leases: made from a plan, extended, moved, given back, and watched while students
work.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo

from labs.course.lease_record import SeenLease, SiteObservation
from labs.course.roster import Student
from labs.display.table import Cell, text_table
from labs.sites.spec import NAME_PREFIX, Part, PartSpec, SiteOption, resource_name
from provisioning import lab
from provisioning.classroom.plan import Seat
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
from provisioning.testbed import Booking, Lease, LeaseRequest, Machine, Resource, Testbed
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
    """Return the part's usable leases at the calendars' sites, each with the option whose machine
    it has.
    """
    # A virtual machine's lease names its flavor.
    option_of = {option.type: option for option in calendars}
    for option, resources in calendars.items():
        option_of |= {resource.name: option for resource in resources}
    # A lease of a machine that no calendar has counts as one of its site's first option.
    first_option = {option.site: option for option in reversed(list(calendars))}
    prefix = f"{NAME_PREFIX}-{part}-"
    leases: list[tuple[SiteOption, Lease]] = []
    for site, option in first_option.items():
        named = [lease for lease in testbed_for(site).leases() if lease.name.startswith(prefix)]
        held = [lease for lease in named if usable(lease)]
        leases += [(option_of.get(lease.node, option), lease) for lease in held]
    return leases


def without_placeholders(
    testbed_for: TestbedFor, calendars: Mapping[SiteOption, Sequence[Resource]], name: str
) -> dict[SiteOption, Sequence[Resource]]:
    """Return calendars without the class's placeholder leases, because their time belongs to the
    class.
    """
    free: dict[SiteOption, Sequence[Resource]] = {}
    for option, resources in calendars.items():
        ours = _placeholders(testbed_for(option.site), name)
        free[option] = [_without_leases(resource, ours) for resource in resources]
    return free


def _without_leases(resource: Resource, lease_ids: Collection[str]) -> Resource:
    others = [booking for booking in resource.bookings if booking.lease_id not in lease_ids]
    return replace(resource, bookings=tuple(others))


def _placeholders(testbed: Testbed, name: str) -> set[str]:
    """Return the ids of the usable leases of a name."""
    named = [lease for lease in testbed.leases() if lease.name == name]
    return {lease.id for lease in named if usable(lease)}


def reserve_all(
    testbed_for: TestbedFor, part: Part, seats: Sequence[Seat], now: datetime, placeholder: str = ""
) -> list[tuple[Seat, str]]:
    """Make each seat's lease, unless the student has it; return each seat with its result.

    One refusal does not stop the others, and running it again fills the gaps only. A student with a
    lease at another time, perhaps moved by hand, keeps it and gets no new one.

    Args:
        placeholder: name of the leases that hold machines for the class; each is deleted just
            before the first lease that it blocks.
    """
    leases: list[Lease] = []
    silent = Silent()
    for site in dict.fromkeys(seat.block.option.site for seat in seats):
        with silent.at(site):
            leases += testbed_for(site).leases()
    outcome = []
    for seat in seats:
        site = seat.block.option.site
        name = resource_name(part, seat.student)
        if site in silent:
            what = f"refused: {silent[site].what}"
        else:
            mine = [lease for lease in leases if lease.name == name]
            what = _why_none(mine, seat.block.start, now)
        if not what:
            try:
                what = _reserve(testbed_for(site), name, seat.block, seats, placeholder)
            except ProvisioningError as error:
                what = f"refused: {error.what}"
        outcome.append((seat, what))
    return outcome


def _reserve(
    testbed: Testbed, name: str, block: Block, seats: Sequence[Seat], placeholder: str
) -> str:
    """Make one lease, and return in words what happened."""
    option = block.option
    given_back = placeholder and _give_back(testbed, placeholder, block)
    wanted = block.resource or None
    request = LeaseRequest(name, option.resource, option.type, block.start, block.end, wanted)
    others = _others(testbed, block, seats) if wanted else ()
    booked = book(testbed, request, others)
    if booked.node not in ("", wanted):
        return f"reserved: on {booked.node}, for {wanted} was refused"
    return "reserved: placeholder given back" if given_back else "reserved"


def _others(testbed: Testbed, block: Block, seats: Sequence[Seat]) -> Iterator[str]:
    """Yield the machines that are free in a block and unused by the plan."""
    option = block.option
    planned = [seat.block for seat in seats if seat.block.option.site == option.site]
    machines = testbed.resources(option.resource, option.type)
    for machine in free_resources(machines, block.start, block.end):
        its_blocks = [other for other in planned if other.resource == machine.name]
        if is_free(its_blocks, block.start, block.end):
            yield machine.name


def _why_none(mine: Sequence[Lease], start: datetime, now: datetime) -> str:
    """Return why a student with these leases gets no further one; empty if a lease must be made."""
    held = next((lease for lease in mine if usable(lease)), None)
    if held is not None and held.start == start:
        return "there already"
    if held is not None:
        return f"has another one: {held.start:%a %d %b %H:%M} UTC"
    over = [lease for lease in mine if lease.status != "ERROR"]
    if any(lease.start == start for lease in over):
        return "over"
    return "not made: its time has come already" if start <= now else ""


def _give_back(testbed: Testbed, placeholder: str, block: Block) -> bool:
    """Give back the placeholders in a block's way on its machine; return whether there were any."""
    ours = _placeholders(testbed, placeholder)
    if not ours:
        return False
    bookings: list[Booking] = []
    for machine in testbed.resources(block.option.resource, block.option.type):
        if machine.name == block.resource:
            bookings += machine.bookings
    met = [booking for booking in bookings if not is_free([booking], block.start, block.end)]
    lease_ids = {booking.lease_id for booking in met} & ours
    for lease_id in lease_ids:
        testbed.delete_lease(lease_id)
    return bool(lease_ids)


def extend(testbed_for: TestbedFor, part: Part, student: str, hours: float) -> Lease:
    """Let a student's lease end later.

    Raises:
        LeaseMissingError: the student has none.
        TooEarlyToExtendError: more than 48 hours of it are left.
        ProvisioningError: the machine is booked after it, or the lease would grow by more than
            seven days; the message contains the site's own reason.
    """
    testbed, lease = lab.find_lease(testbed_for, part, resource_name(part, student))
    return testbed.extend_lease(lease.id, lease.end + timedelta(hours=hours))


def move(
    testbed_for: TestbedFor, spec: PartSpec, student: str, start: datetime
) -> tuple[SiteOption, str, Lease]:
    """Give a student another block for the lease; return its option, its
    machine and its lease.

    The new lease is made first: if that fails, the student keeps the old one.

    Raises:
        LeaseMissingError: there is no lease to move.
        ConflictError: a machine runs on it.
        NoCapacityError: no machine is free then.
        ProvisioningError: the time has passed, or anything else that the site refused.
    """
    old_testbed, old = lab.find_lease(testbed_for, spec.part, resource_name(spec.part, student))
    machine_names = {machine.name for machine in old_testbed.machines()}
    if old.name in machine_names and old.status == "ACTIVE":
        raise ConflictError(
            f"a machine runs on {old.name}",
            likely="The block has begun, and moving it would delete what was measured.",
            way_out="Bring the results home and release it first, or extend it.",
        )
    # As long as it was: a student's block may be longer than the class's.
    hours = math.ceil((old.end - old.start) / HOUR)
    booked = None
    silent = Silent()
    for option in spec.options:
        end = block_end(start, hours, option.end_minute)
        # Another option's calendar is read only if this one has nothing free.
        calendars, unread = calendars_of(replace(spec, options=(option,)), testbed_for)
        silent.update(unread)
        machines = free_resources(calendars.get(option, ()), start, end)
        free = [machine.name for machine in machines]
        if free:
            request = LeaseRequest(old.name, option.resource, option.type, start, end, free[0])
            with silent.at(option), suppress(NoCapacityError):
                booked = book(testbed_for(option.site), request, free)
        if booked is not None:
            old_testbed.delete_lease(old.id)
            return option, booked.node or free[0], booked
    when = f"{start:%a %d %b %H:%M %Z}"
    silent.check(f"no other machine can be had at {when}")
    options = ", ".join(option.name for option in spec.options)
    raise NoCapacityError(f"no machine of {options} is free at {when}")


def no_shows(
    testbed: Testbed, names: Collection[str], now: datetime, grace: timedelta
) -> list[Leftover]:
    """Return the leases of these names that had no machine on them for longer than the grace."""
    leases = [item for item in survey(testbed, now, grace=grace) if item.kind == "lease"]
    return [lease for lease in leases if lease.orphan and lease.name in names]


def drop(testbed: Testbed, part: Part, students: Iterable[str], *, release: bool) -> Iterator[str]:
    """Yield the resources that students who left still hold at a site, a line for each; give it
    back where asked.

    Raises:
        NotReleasedError: something is still there; it names each thing, and why.
    """
    names = {resource_name(part, student): student for student in students}
    held = held_by(testbed, *names)
    for thing in held:
        yield f"{names[thing.owner]}: {thing.kind} {thing.name} at {testbed.site}"
    if held and release:
        # All of them together: each kind of thing is asked for once, and waited for once.
        for _ in give_back(testbed, *names, poll_s=poll_s()):
            pass


@dataclass(frozen=True)
class Whereabouts:
    """Where one student is now."""

    student: Student
    #: ``none``, ``not known``, ``waits``, ``no machine``, ``boots``, ``works``, ``failed`` or
    #: ``over``.
    state: str
    lease: Lease | None
    #: Why the instructor should look at this student; empty without a reason.
    look: str


@dataclass(frozen=True)
class Watched:
    """A class at one moment."""

    #: Where each student is; students who need help come first.
    rows: list[Whereabouts]
    #: Sites that did not answer: students without a lease at another site may be there.
    silent: Silent
    #: The part's leases, by each site that answered.
    looks: tuple[SiteObservation, ...] = ()


def watch(
    testbeds: Iterable[Testbed],
    part: Part,
    students: Iterable[Student],
    now: datetime,
    grace: timedelta = GRACE,
) -> Watched:
    """Return where each student is, from two requests to each site.

    A student without a machine after the grace time is absent.
    """
    leases: list[Lease] = []
    machines: list[Machine] = []
    silent = Silent()
    looks = []
    for testbed in testbeds:
        with silent.at(testbed.site):
            # Both or neither: a lease without its machine would look like a no-show.
            site_leases = testbed.leases()
            site_machines = testbed.machines()
            machines += site_machines
            leases += site_leases
            looks.append(_look(testbed.site, part, now, site_leases, site_machines))
    machine_of = {machine.name: machine for machine in reversed(machines)}
    lease_names = {lease.name for lease in leases}
    rows = []
    for student in students:
        name = resource_name(part, student.name)
        lease = pick_lease(leases, name)
        if lease is not None:
            state, look = _state(lease, machine_of.get(name), now, grace)
        elif name in lease_names:
            # A student who came and released has no lease any more.
            state, look = "over", "never released: did anybody come?"
        else:
            state, look = "not known" if silent else "none", ""
        rows.append(Whereabouts(student, state, lease, look))
    return Watched(sorted(rows, key=lambda row: not row.look), silent, tuple(looks))


def _look(
    site: str, part: Part, now: datetime, leases: Iterable[Lease], machines: Iterable[Machine]
) -> SiteObservation:
    """Return a site's facts about a part's leases, for the record."""
    with_machine = {machine.name for machine in machines if not machine.failed}
    seen = []
    for lease in leases:
        if lease.name.startswith(f"{NAME_PREFIX}-{part}-"):
            times = (lease.start.isoformat(), lease.end.isoformat())
            about = (lease.id, lease.name, lease.node, *times, lease.status)
            seen.append(SeenLease(*about, has_machine=lease.name in with_machine))
    return SiteObservation(now.isoformat(), site, tuple(seen))


def _state(
    lease: Lease, machine: Machine | None, now: datetime, grace: timedelta
) -> tuple[str, str]:
    """Return a student's state in one word, and why the student may need help."""
    if lease.status == "ERROR":
        return "failed", "the lease failed"
    if machine and machine.failed:
        return "failed", "the machine failed"
    if lease.status != "ACTIVE":
        return "waits", ""
    if machine is None:
        return "no machine", "has not come" if now - lease.start > grace else ""
    state = "works" if machine.up and machine.addresses else "boots"
    return state, "the lease ends soon" if lease.end - now < ENDS_SOON else ""


def watch_table(watched: Watched, now: datetime, zone: tzinfo) -> str:
    """Return a text for the screen: where each student is, the numbers, and the silent sites.

    Times are in the instructor's zone.
    """
    table = [_watch_row(row, now, zone) for row in watched.rows]
    counts = Counter(row.state for row in watched.rows)
    states = ", ".join(f"{count} {state}" for state, count in counts.items())
    to_look_at = sum(bool(row.look) for row in watched.rows)
    as_of = now.astimezone(zone)
    lines = [text_table(("student", "machine", "block", "left", "look at"), table)]
    lines.append(f"{states}; {to_look_at} to look at. As of {as_of:%H:%M %Z}.")
    if watched.silent:
        lines += [f"not in it: {watched.silent.causes}", watched.silent.ways_out]
    return "\n".join(lines)


def _watch_row(row: Whereabouts, now: datetime, zone: tzinfo) -> list[Cell]:
    lease = row.lease
    block = local_span(lease.start, lease.end, zone) if lease else ""
    left = ""
    if lease and lease.status == "ACTIVE":
        left_min = (lease.end - now) / timedelta(minutes=1)
        left = f"{max(0.0, left_min):.0f} min"
    return [
        Cell(row.student.full_name or row.student.name, words=True),
        Cell(row.state, words=True),
        Cell(block, words=True),
        Cell(left),
        Cell(row.look, words=True),
    ]
