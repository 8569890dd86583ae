"""The class's leases: made from a plan, made longer, moved, given back, and watched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo

from provisioning.classroom.plan import Seat
from provisioning.planning.blocks import block_end, free_resources
from provisioning.setup.context import SPENT, pick_lease
from provisioning.setup.release import Leftover, survey
from provisioning.sites.spec import NAME_PREFIX, Part, PartSpec, SiteOption, load_spec, resource_name
from provisioning.testbed import Lease, LeaseRequest, Resource, Testbed
from provisioning.testbed.errors import ConflictError, LeaseMissingError, NoCapacityError, ProvisioningError

#: Returns the testbed of a site's name.
TestbedFor = Callable[[str], Testbed]


def usable(lease: Lease) -> bool:
    """Return whether a lease gives its student a machine, now or later."""
    return lease.status not in SPENT | {"ERROR"}


def leases_at(testbed_for: TestbedFor, options: Iterable[SiteOption], part: Part) -> list[tuple[SiteOption, Lease]]:
    """Return the part's usable leases at the options' sites, each with the option whose machine it has.

    Args:
        testbed_for: returns the testbed of a site's name.
        options: of the part.
        part: of the course.
    """
    by_site: dict[str, list[SiteOption]] = {}
    for option in options:
        by_site.setdefault(option.site, []).append(option)
    prefix, found = f"{NAME_PREFIX}-{part}-", []
    for site, here in by_site.items():
        testbed = testbed_for(site)
        leases = [each for each in testbed.leases() if each.name.startswith(prefix) and usable(each)]
        machines = {
            each.name: option
            for option in (here if len(here) > 1 and leases else ())
            for each in testbed.resources(option.resource, option.type)
        }
        found += [(machines.get(lease.node, here[0]), lease) for lease in leases]
    return found


def without_placeholders(
    testbed_for: TestbedFor, calendars: Mapping[SiteOption, Sequence[Resource]], name: str
) -> dict[SiteOption, list[Resource]]:
    """Return calendars in which the class's placeholder leases take up no time: the class is to have it.

    Args:
        testbed_for: returns the testbed of a site's name.
        calendars: machines of each option with their bookings.
        name: that the placeholder leases carry.
    """
    free = {}
    for option, resources in calendars.items():
        ours = _placeholders(testbed_for(option.site), name)
        free[option] = [
            replace(each, bookings=tuple(booking for booking in each.bookings if booking.lease_id not in ours))
            for each in resources
        ]
    return free


def release_placeholders(testbed_for: TestbedFor, seats: Iterable[Seat], name: str) -> list[str]:
    """Delete the placeholder leases that hold a seat's machine at its time; return what was deleted, one line each.

    The seats' leases are to be made at once after that: what is given back here, others may take.

    Args:
        testbed_for: returns the testbed of a site's name.
        seats: whose leases are still to be made.
        name: that the placeholder leases carry.
    """
    wanted: dict[SiteOption, list[Seat]] = {}
    for seat in seats:
        wanted.setdefault(seat.block.option, []).append(seat)
    deleted = []
    for option, here in wanted.items():
        testbed = testbed_for(option.site)
        ours = _placeholders(testbed, name)
        bookings = (
            {each.name: each.bookings for each in testbed.resources(option.resource, option.type)} if ours else {}
        )
        in_the_way = {
            booking.lease_id
            for seat in here
            for booking in bookings.get(seat.block.resource, ())
            if booking.lease_id in ours and booking.start < seat.block.end and seat.block.start < booking.end
        }
        for lease_id in sorted(in_the_way, key=lambda each: ours[each].start):
            testbed.delete_lease(lease_id)
            lease = ours[lease_id]
            deleted.append(
                f"placeholder {name} of {lease.start:%a %d %b %H:%M} to {lease.end:%a %d %b %H:%M} UTC given back"
            )
    return deleted


def _placeholders(testbed: Testbed, name: str) -> dict[str, Lease]:
    return {lease.id: lease for lease in testbed.leases() if lease.name == name and usable(lease)}


def to_make(testbed_for: TestbedFor, part: Part, seats: Sequence[Seat], now: datetime) -> list[Seat]:
    """Return the seats whose leases ``reserve_all`` would make; arguments as there."""
    return [seat for seat, what in _looked_up(testbed_for, part, seats, now) if not what]


def reserve_all(testbed_for: TestbedFor, part: Part, seats: Sequence[Seat], now: datetime) -> list[tuple[Seat, str]]:
    """Make each seat's lease, unless the student has it; return each seat with what happened.

    One refusal does not stop the others, and running it again fills the gaps only. A student who has a lease at another
    time, moved by hand perhaps, keeps it and gets no further one in its place.

    Args:
        testbed_for: returns the testbed of a site's name.
        part: of the course.
        seats: of a plan.
        now: with time zone.
    """
    return [
        (seat, what or _reserve(testbed_for(seat.block.option.site), part, seat))
        for seat, what in _looked_up(testbed_for, part, seats, now)
    ]


def _looked_up(testbed_for: TestbedFor, part: Part, seats: Sequence[Seat], now: datetime) -> list[tuple[Seat, str]]:
    """Return each seat with why no lease is to be made for it; empty where one is."""
    sites = dict.fromkeys(seat.block.option.site for seat in seats)
    there: dict[str, list[Lease]] = {site: [] for site in sites}
    silent = {}
    for site in sites:
        try:
            there[site] = [each for each in testbed_for(site).leases() if each.status != "ERROR"]
        except ProvisioningError as error:
            # One site in maintenance must not keep the others' students from their leases.
            silent[site] = error.what
    # Leases at exactly their seat's time first: what is left over then stands for a seat that was moved.
    exact: dict[Seat, Lease] = {}
    for seat in seats:
        name = resource_name(part, seat.student)
        for lease in there[seat.block.option.site]:
            if lease.name == name and lease.start == seat.block.start:
                exact[seat] = lease
    ids = {lease.id for lease in exact.values()}
    spare = [lease for site in sites for lease in there[site] if lease.id not in ids and usable(lease)]
    outcome = []
    for seat in seats:
        if seat.block.option.site in silent:
            outcome.append((seat, f"refused: {silent[seat.block.option.site]}"))
            continue
        if seat in exact:
            outcome.append((seat, "there already" if usable(exact[seat]) else "over"))
            continue
        moved = next((lease for lease in spare if lease.name == resource_name(part, seat.student)), None)
        if moved is not None:
            spare.remove(moved)
            outcome.append((seat, f"has another one: {moved.start:%a %d %b %H:%M} UTC"))
        elif seat.block.start <= now:
            outcome.append((seat, "not made: its time has come already"))
        else:
            outcome.append((seat, ""))
    return outcome


def _reserve(testbed: Testbed, part: Part, seat: Seat) -> str:
    block = seat.block
    request = LeaseRequest(
        resource_name(part, seat.student),
        block.option.resource,
        block.option.type,
        block.start,
        block.end,
        block.resource or None,
    )
    try:
        testbed.reserve(request)
    except ProvisioningError as error:
        return f"refused: {error.what}"
    return "reserved"


def lease_of(testbed_for: TestbedFor, part: Part, student: str) -> tuple[SiteOption, Lease]:
    """Return a student's lease of the part: the one that runs, else the next one.

    Raises:
        LeaseMissingError: the student has none at any site that answers.
    """
    spec, name = load_spec(part), resource_name(part, student)
    found: list[tuple[SiteOption, Lease]] = []
    said = []
    for site in dict.fromkeys(option.site for option in spec.options if option.resource != "flavor"):
        try:
            here = leases_at(testbed_for, [option for option in spec.options if option.site == site], part)
        except ProvisioningError as error:
            # One site in maintenance must not hide a lease at the next one.
            said.append(f"{site} did not answer ({error.what})")
            continue
        found += [(option, lease) for option, lease in here if lease.name == name]
        said.append(site)
    if not found:
        raise LeaseMissingError(f"{student} has no lease {name!r} at {', '.join(said)}")
    chosen = pick_lease((lease for _, lease in found), name)
    return next((option, lease) for option, lease in found if lease == chosen)


def extend(testbed_for: TestbedFor, part: Part, student: str, hours: float) -> Lease:
    """Let a student's lease end later.

    Raises:
        LeaseMissingError: the student has none.
        ProvisioningError: somebody has the machine after it; the site's own reason stands in the message.
    """
    option, lease = lease_of(testbed_for, part, student)
    testbed = testbed_for(option.site)
    try:
        return testbed.extend_lease(lease.id, lease.end + timedelta(hours=hours))
    except NoCapacityError as error:
        machine = lease.node
        after = [one for one in testbed.leases() if machine and one.node == machine and usable(one)]
        after = sorted((one for one in after if one.start >= lease.end), key=lambda one: one.start)
        raise NoCapacityError(
            error.what,
            likely=f"{after[0].name} has {machine} from {after[0].start:%a %d %b %H:%M} UTC." if after else None,
            way_out="Ask for less, or move whoever comes next: `class move`.",
        ) from error


def move(
    testbed_for: TestbedFor, spec: PartSpec, student: str, start: datetime, now: datetime
) -> tuple[SiteOption, str, Lease]:
    """Give a student another block in the place of the lease; return its option, its machine and its lease.

    The new one is made first: whoever cannot have it keeps the old one.

    Args:
        testbed_for: returns the testbed of a site's name.
        spec: of the part, with the options that are allowed.
        student: short name.
        start: of the new block, a full hour, with time zone.
        now: with time zone.

    Raises:
        LeaseMissingError: there is no lease to move.
        ConflictError: a machine runs on it.
        NoCapacityError: no machine is free then.
        ValueError: the time has passed.
    """
    if start <= now:
        raise ValueError(f"{start:%a %d %b %H:%M} has gone by")
    old_option, old = lease_of(testbed_for, spec.part, student)
    if any(machine.name == old.name for machine in testbed_for(old_option.site).machines()) and old.status == "ACTIVE":
        raise ConflictError(
            f"a machine runs on {old.name}",
            likely="The block has begun, and moving it would delete what was measured.",
            way_out="Bring the results home and release it first, or extend it.",
        )
    for option in spec.options:
        if option.resource == "flavor":
            continue
        testbed, end = testbed_for(option.site), block_end(start, spec.hours, option.end_minute)
        if free := free_resources(testbed.resources(option.resource, option.type), start, end):
            request = LeaseRequest(old.name, option.resource, option.type, start, end, free[0].name)
            made = testbed.reserve(request)
            testbed_for(old_option.site).delete_lease(old.id)
            return option, free[0].name, made
    raise NoCapacityError(
        f"no machine of {', '.join(option.name for option in spec.options)} is free at {start:%a %d %b %H:%M %Z}"
    )


def no_shows(testbed: Testbed, part: Part, students: Iterable[str], now: datetime, grace: timedelta) -> list[Leftover]:
    """Return the students' leases that have run for longer than the grace without a machine on them."""
    names = {resource_name(part, student) for student in students}
    found = survey(testbed, now, grace=grace)
    return [item for item in found if item.kind == "lease" and item.orphan and item.name in names]


@dataclass(frozen=True)
class Whereabouts:
    """Where one student is now."""

    student: str
    #: ``none``, ``waits``, ``no machine``, ``boots``, ``works``, ``failed`` or ``over``.
    state: str
    lease: Lease | None
    #: Addresses of the machine.
    addresses: tuple[str, ...] = ()


def watch(testbeds: Iterable[Testbed], part: Part, students: Iterable[str]) -> list[Whereabouts]:
    """Return where each student is, from two requests to each site, however large the class."""
    leases, machines = [], []
    for testbed in testbeds:
        leases += testbed.leases()
        machines += testbed.machines()
    by_name = {machine.name: machine for machine in reversed(machines)}
    rows = []
    for student in students:
        name = resource_name(part, student)
        lease, machine = pick_lease(leases, name), by_name.get(name)
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
    lines = [f"{'student':<28}{'state':<12}{'block':<28}{'left':>8}  address"]
    for row in rows:
        block = left = ""
        if row.lease:
            start, end = row.lease.start.astimezone(zone), row.lease.end.astimezone(zone)
            block = f"{start:%a %d %b %H:%M}–{end:%H:%M}"
            if row.lease.status == "ACTIVE":
                left = f"{max(timedelta(), row.lease.end - now).total_seconds() / 60:.0f} min"
        lines.append(f"{row.student:<28}{row.state:<12}{block:<28}{left:>8}  {', '.join(row.addresses)}")
    counts = {state: sum(row.state == state for row in rows) for state in dict.fromkeys(row.state for row in rows)}
    lines.append(
        ", ".join(f"{count} {state}" for state, count in counts.items()) + f"; hours in {now.astimezone(zone):%Z}"
    )
    return "\n".join(lines)
