"""One call for each action of a lesson or a command on a part's machine; the rest of the room has
the work.
"""

import os
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from labs.course.lease_record import CLASS_SITE
from labs.sites.spec import OWN_SITE, Part, SiteOption, load_spec, resource_name
from provisioning.chameleon.shells import SshShell
from provisioning.own.place import OwnPlace, own_options
from provisioning.own.shared import SharedPlace
from provisioning.setup import transfer
from provisioning.setup.context import Settings, pick_lease
from provisioning.setup.reach import Reached, Tunnel, at_address, container_token
from provisioning.setup.record import Record
from provisioning.setup.release import release
from provisioning.setup.run import SetupRun
from provisioning.setup.steps import steps_for
from provisioning.testbed import Lease, LeaseRequest, Machine, Shell, Testbed, Way, errors
from provisioning.testbed.silent import Silent
from provisioning.testbed.surroundings import poll_s, site_clock, ssh_command
from provisioning.testbed.surroundings import (
    rehearsing as rehearsing,
)  # for those who have this module

#: The course's root folder, which is copied to a machine.
ROOT = Path(__file__).resolve().parents[2]
_CREDENTIALS = ("OS_AUTH_TYPE", "OS_AUTH_URL", "OS_ACCESS_TOKEN")


def open_testbed(site: str) -> Testbed:
    """Return the site through python-chi: the real one, or the rehearsal where the environment
    points there.

    Raises:
        NoCredentialsError: there are no credentials for the sign-in.
    """
    if site == OWN_SITE:
        return OwnPlace()
    if site.startswith(CLASS_SITE):
        return SharedPlace(site)
    # Chameleon's Jupyter, an openrc and a rehearsal all set one of these; python-chi can also ask a
    # browser.
    asks_a_browser = getattr(sys.modules.get("chi.context"), "_device_auth", False)
    if not asks_a_browser and not any(os.environ.get(name) for name in _CREDENTIALS):
        raise errors.NoCredentialsError
    # Imports chi, which takes a second and 150 MB.
    from provisioning.chameleon.adapter import ChameleonTestbed

    return ChameleonTestbed(site)


def reserve(
    testbed: Testbed,
    part: Part,
    option: SiteOption,
    start: datetime | None,
    end: datetime,
    node: str | None,
) -> Lease:
    """Return the part's lease: the existing one, otherwise a new one; without a start it begins
    now, on any node.
    """
    name = resource_name(part)
    # Duplicate names are allowed at Chameleon, so a second click would make a second lease.
    lease = pick_lease(testbed.leases(), name)
    if lease is not None:
        return lease
    return testbed.reserve(LeaseRequest(name, option.resource, option.type, start, end, node))


def find_option(testbed_for: Callable[[str], Testbed], part: Part, name: str) -> SiteOption:
    """Return the option whose site holds a usable lease of that name.

    Raises:
        ServerFailedError: a machine of the class lacks something that the part needs.
        ProvisioningError: what ``find_lease`` raises.
    """
    testbed, lease = find_lease(testbed_for, part, name)
    option = option_of(lease, options_at(part, testbed.site), testbed)
    return testbed.seen_option(part, option) if isinstance(testbed, SharedPlace) else option


def options_at(part: Part, site: str) -> list[SiteOption]:
    """Return the kinds of machines on which a part runs at a site, or the student's own one."""
    options = [*own_options(part), *load_spec(part).options]
    return [option for option in options if option.site == site]


def find_lease(
    testbed_for: Callable[[str], Testbed], part: Part, name: str
) -> tuple[Testbed, Lease]:
    """Return the usable lease of that name, the one that runs, else the next one, and the testbed
    that has it.

    Raises:
        LeaseMissingError: every site of the options answered, but none has a lease.
        NotSignedInError: there are no credentials, or they have expired; no site is to blame for
            it.
        ProvisioningError: no site that answered has a lease, and another did not answer, so it may
            be there.
    """
    silent = Silent()
    sites = places_of(part)
    for site in sites:
        with silent.at(site):
            testbed = testbed_for(site)
            lease = pick_lease(testbed.leases(), name)
            if lease is not None:
                return testbed, lease
    unknown = f"nobody knows whether there is a lease {name!r}"
    silent.check(unknown, "Until then reserve no second machine.")
    raise errors.LeaseMissingError(f"there is no usable lease {name!r} at {', '.join(sites)}")


def sites_of(part: Part) -> list[str]:
    """Return the sites of a part's options."""
    return list(dict.fromkeys(option.site for option in load_spec(part).options))


def places_of(part: Part) -> list[str]:
    """Return where the student's lease of a part may be: the sites of its options, unless the
    student has named a machine of their own.
    """
    return [OWN_SITE] if own_options(part) else sites_of(part)


def option_of(lease: Lease, options: list[SiteOption], testbed: Testbed) -> SiteOption:
    """Return the option whose type the lease asks for, or whose machine it names; the first when
    neither is known.
    """
    if len(options) == 1:
        return options[0]
    return reserved_option(lease, options, testbed) or options[0]


def reserved_option(lease: Lease, options: list[SiteOption], testbed: Testbed) -> SiteOption | None:
    """Return the option whose type the lease asks for, or whose machine it names; None for another
    machine.
    """
    conditions = " ".join(reservation.condition for reservation in lease.reservations)
    for option in options:
        if f'"{option.type}"' in conditions:
            return option
    for option in options:
        machines = testbed.resources(option.resource, option.type)
        if lease.node in {machine.name for machine in machines}:
            return option
    return None


def prepare(
    part: Part,
    option: SiteOption | None = None,
    *,
    testbed: Testbed | None = None,
    materials: Path = ROOT,
) -> SetupRun:
    """Return the run that brings the part's machine up; iterate over its events, or call ``go``.

    Without an option it is the part's first, through python-chi.
    """
    spec = load_spec(part)
    option = option or spec.options[0]
    name = resource_name(part)
    settings = Settings(
        spec, option, name, materials, ssh=ssh_command(), poll_s=poll_s(), clock=site_clock()
    )
    return SetupRun(
        steps_for(spec, option),
        settings,
        testbed or open_testbed(option.site),
        Record.for_name(name),
    )


def push(
    part: Part,
    testbed: Testbed | None = None,
    *,
    say: Callable[[str], None] = print,
    way: Way | None = None,
) -> transfer.Moved:
    """Bring predictions, answers, models and notebooks to the part's machine; arguments as for
    ``pull``.

    Raises:
        LeaseMissingError: there is no running machine of that name.
        ProvisioningError: it does not answer, or the transfer broke off; run it again, it goes on.
    """
    return _travel(transfer.push, part, testbed, say, way)


def pull(
    part: Part,
    testbed: Testbed | None = None,
    *,
    say: Callable[[str], None] = print,
    way: Way | None = None,
) -> transfer.Moved:
    """Bring home what was recorded, made and written on the part's machine; again, or without a
    machine, is fine.

    Args:
        testbed: the machine's site; the one that has it when left out.
        way: to the machine, for a computer that knows its address and has no credentials; no site
            is asked then.

    Raises:
        ProvisioningError: it does not answer, or the transfer broke off; run it again, it goes on.
    """
    try:
        return _travel(transfer.pull, part, testbed, say, way)
    except errors.LeaseMissingError as error:
        last = Record.for_name(resource_name(part)).facts("work")
        brought = "nothing to bring home"
        if last:
            pulled = last.get("pulled", "never")
            brought = f"last brought home {pulled}"
        if last.get("missing"):
            missing = ", ".join(last["missing"])
            brought += f", but for {missing}"
        say(f"{error.what}: {brought}")
        return transfer.Moved()


#: ``transfer.push`` or ``transfer.pull``.
_Transfer = Callable[
    [Shell, transfer.Home, transfer.Same, Callable[[str], None]],
    tuple[transfer.Moved, transfer.Same],
]


def _travel(
    move: _Transfer,
    part: Part,
    testbed: Testbed | None,
    say: Callable[[str], None],
    way: Way | None,
) -> transfer.Moved:
    """Push or pull, and note in the machine's record what is the same on both sides since."""
    name = resource_name(part)
    shell: Shell
    if way is None:
        site, machine = running(part, testbed)
        shell = site.shell(machine)
        record = Record.for_name(name)
    else:
        # A different computer from the one that set the machine up, so with a different record.
        shell = SshShell(way)
        record = Record.for_name(f"{name}-at-{way.host}")
    has_record = record.about or way is not None
    facts: dict[str, Any] = {}
    if move is transfer.pull:
        facts["pulled"] = f"{site_clock().now():%a %d %b %H:%M} UTC"
    known = record.facts("work").get("known", {})
    try:
        moved, same = move(shell, transfer.Home.of_course(ROOT), known, say)
    except transfer.BrokeOffError as error:
        if has_record:
            record.update("work", remember={**facts, "missing": error.missing})
        raise
    if has_record:
        record.update("work", remember={**facts, "known": same, "missing": []})
    return moved


def forward(part: Part, testbed: Testbed | None = None, *, way: Way | None = None) -> Reached:
    """Forward every port that the part's lessons use from its machine to free ports here; return
    the table of links.

    The table is a :class:`~provisioning.setup.reach.Tunnel`, which stays open until its ``stop``.
    For a container on a device it is only the table, since the container's ports are open at its
    own address.

    Args:
        testbed: the machine's site; the one that has it when left out.
        way: The way to the machine, for a user who knows its address and has no credentials here;
            no site is asked then.

    Raises:
        LeaseMissingError: there is no running machine of that name.
        NoKeyError: it does not accept the key.
        NotReachableError: it does not answer.
    """
    if way is None:
        site, machine = running(part, testbed)
        way = site.way(machine)
    if way is not None:
        return Tunnel(way, part, ssh_command()).start()
    if not machine.addresses:
        raise errors.NotReachableError(
            f"{machine.name} has no floating IP",
            likely="The address was removed after the container was made.",
            way_out="Run the provisioning notebook again: it binds a new address and keeps the "
            "container.",
        )
    token = container_token(site.shell(machine))
    return Reached(at_address(machine.addresses[0], part, token, transfer.REMOTE_ROOT))


def running(part: Part, testbed: Testbed | None) -> tuple[Testbed, Machine]:
    """Return the student's running machine of the part and its site.

    Raises:
        LeaseMissingError: every site answered, but none has it.
        ProvisioningError: no site that answered has it, and another did not answer.
    """
    name = resource_name(part)
    silent = Silent()
    sites = [testbed.site] if testbed is not None else places_of(part)
    for site in sites:
        with silent.at(site):
            site_testbed = testbed or open_testbed(site)
            for machine in site_testbed.machines():
                if machine.name == name and machine.up:
                    return site_testbed, machine
    silent.check(f"nobody knows whether a machine {name!r} runs")
    raise errors.LeaseMissingError(
        f"there is no running machine {name!r}",
        likely="It was not brought up yet, or its lease has ended.",
        way_out="Run the provisioning notebook; it resumes where it stopped.",
    )


def give_back(
    part: Part,
    testbed: Testbed,
    *,
    keep_lease: bool = False,
    discard: bool = False,
    measured: bool = True,
    sure: bool = False,
) -> Iterator[str]:
    """Delete everything of the part at the site and yield what happens.

    Args:
        keep_lease: leave the lease, to boot again on the same reservation.
        discard: delete the machine with results that are nowhere else, or without having asked it.
        measured: whether the lesson has measured what it needs the machine for.
        sure: give it back although nothing was measured.

    Raises:
        NotMeasuredError: nothing was measured, and the student has not confirmed that this is
            intended; nothing is deleted.
        NotHomeError: the machine holds results that are nowhere else, or does not answer the
            question; nothing is deleted then.
        NotReleasedError: something is still there; it names each thing, and why.
    """
    name = resource_name(part)
    if not measured and not sure:
        raise errors.NotMeasuredError(f"nothing was measured on {name} yet, so the lease is kept")
    record = Record.for_name(name)
    if not discard:
        _require_home(part, testbed, record)
    return release(testbed, name, record=record, keep_lease=keep_lease, poll_s=poll_s())


def _require_home(part: Part, testbed: Testbed, record: Record) -> None:
    name = resource_name(part)
    try:
        site, machine = running(part, testbed)
        known = record.facts("work").get("known", {})
        left = transfer.only_there(site.shell(machine), transfer.Home.of_course(ROOT), known)
    except errors.LeaseMissingError:
        return  # nothing runs, so nothing is on it
    except (errors.NotReachableError, errors.NoKeyError, errors.CommandFailedError) as error:
        if record.about and record.step("work").state != "done":
            return  # the set-up has never reached it, so nothing of the student's can be on it
        raise errors.NotHomeError(
            f"{name} does not answer, so it may still have files that are only there: {error.what}",
            likely="It is still booting, or the network is down.",
            way_out="Try again in a minute. To delete it without a check, use `discard=True`, or "
            "--discard.",
        ) from error
    if left.anything:
        paths = "".join(f"\n  - {path}" for path in left.files)
        raise errors.NotHomeError(f"{name} has results that are only there: {left}{paths}")
