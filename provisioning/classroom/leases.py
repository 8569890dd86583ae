"""The class's leases: made from a plan, made longer, moved, and given back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from provisioning.classroom.plan import Seat
from provisioning.planning.blocks import block_end, free_resources, is_free
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
    deleted: dict[str, str] = {}
    wanted = list(seats)
    for option in dict.fromkeys(seat.block.option for seat in wanted):
        testbed = testbed_for(option.site)
        ours = _placeholders(testbed, name)
        spans = [(one.block.resource, one.block.start, one.block.end) for one in wanted if one.block.option == option]
        for each in testbed.resources(option.resource, option.type) if ours else ():
            for booking in each.bookings:
                needed = any(each.name == machine and not is_free([booking], *span) for machine, *span in spans)
                if needed and booking.lease_id in ours and booking.lease_id not in deleted:
                    testbed.delete_lease(booking.lease_id)
                    when = f"{booking.start:%a %d %b %H:%M} to {booking.end:%a %d %b %H:%M} UTC"
                    deleted[booking.lease_id] = f"placeholder {name} of {when} given back"
    return list(deleted.values())


def _placeholders(testbed: Testbed, name: str) -> set[str]:
    return {lease.id for lease in testbed.leases() if lease.name == name and usable(lease)}


def _leases_of(testbed_for: TestbedFor, sites: Iterable[str]) -> tuple[dict[str, list[Lease]], dict[str, str]]:
    """Return each site's leases, and why a site did not answer: it must not hide the others."""
    there, silent = {}, {}
    for site in sites:
        try:
            there[site] = testbed_for(site).leases()
        except ProvisioningError as error:
            silent[site] = error.what
    return there, silent


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
    outcome = []
    for seat, what in _looked_up(testbed_for, part, seats, now):
        block, option = seat.block, seat.block.option
        name = resource_name(part, seat.student)
        if not what:
            try:
                testbed_for(option.site).reserve(
                    LeaseRequest(name, option.resource, option.type, block.start, block.end, block.resource or None)
                )
                what = "reserved"
            except ProvisioningError as error:
                what = f"refused: {error.what}"
        outcome.append((seat, what))
    return outcome


def _looked_up(testbed_for: TestbedFor, part: Part, seats: Sequence[Seat], now: datetime) -> list[tuple[Seat, str]]:
    """Return each seat with why no lease is to be made for it; empty where one is."""
    there, silent = _leases_of(testbed_for, dict.fromkeys(seat.block.option.site for seat in seats))
    outcome = []
    for seat in seats:
        name, start, site = resource_name(part, seat.student), seat.block.start, seat.block.option.site
        mine = [lease for leases in there.values() for lease in leases if lease.name == name]
        usable_one = next((lease for lease in mine if usable(lease)), None)
        if site in silent:
            what = f"refused: {silent[site]}"
        elif usable_one is not None:
            at = usable_one.start
            what = "there already" if at == start else f"has another one: {at:%a %d %b %H:%M} UTC"
        elif any(lease.start == start and lease.status != "ERROR" for lease in mine):
            what = "over"
        else:
            what = "not made: its time has come already" if start <= now else ""
        outcome.append((seat, what))
    return outcome


def lease_of(testbed_for: TestbedFor, part: Part, student: str) -> tuple[str, Lease]:
    """Return the site and a student's lease of the part there: the one that runs, else the next one.

    Raises:
        LeaseMissingError: the student has none at any site that answers.
    """
    name = resource_name(part, student)
    sites = dict.fromkeys(option.site for option in load_spec(part).options if option.resource != "flavor")
    there, silent = _leases_of(testbed_for, sites)
    chosen = pick_lease((one for leases in there.values() for one in leases if usable(one)), name)
    if chosen is None:
        said = [*there, *(f"{site} did not answer ({why})" for site, why in silent.items())]
        raise LeaseMissingError(f"{student} has no lease {name!r} at {', '.join(said)}")
    return next(site for site, leases in there.items() if chosen in leases), chosen


def extend(testbed_for: TestbedFor, part: Part, student: str, hours: float) -> Lease:
    """Let a student's lease end later.

    Raises:
        LeaseMissingError: the student has none.
        ProvisioningError: somebody has the machine after it; the site's own reason stands in the message.
    """
    site, lease = lease_of(testbed_for, part, student)
    return testbed_for(site).extend_lease(lease.id, lease.end + timedelta(hours=hours))


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
    site, old = lease_of(testbed_for, spec.part, student)
    if any(machine.name == old.name for machine in testbed_for(site).machines()) and old.status == "ACTIVE":
        raise ConflictError(
            f"a machine runs on {old.name}",
            likely="The block has begun, and moving it would delete what was measured.",
            way_out="Bring the results home and release it first, or extend it.",
        )
    for option in (one for one in spec.options if one.resource != "flavor"):
        testbed, end = testbed_for(option.site), block_end(start, spec.hours, option.end_minute)
        for machine in free_resources(testbed.resources(option.resource, option.type), start, end):
            request = LeaseRequest(old.name, option.resource, option.type, start, end, machine.name)
            try:
                made = testbed.reserve(request)
            except NoCapacityError:
                continue
            testbed_for(site).delete_lease(old.id)
            return option, machine.name, made
    raise NoCapacityError(
        f"no machine of {', '.join(option.name for option in spec.options)} is free at {start:%a %d %b %H:%M %Z}"
    )


def no_shows(testbed: Testbed, part: Part, students: Iterable[str], now: datetime, grace: timedelta) -> list[Leftover]:
    """Return the students' leases that have run for longer than the grace without a machine on them."""
    names = {resource_name(part, student) for student in students}
    found = survey(testbed, now, grace=grace)
    return [item for item in found if item.kind == "lease" and item.orphan and item.name in names]
