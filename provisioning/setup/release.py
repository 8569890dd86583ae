"""What the labs hold at a site: it is listed, given back when a student is done, and swept where it was left behind.

Nothing is believed gone unseen.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from provisioning.setup.context import SPENT
from provisioning.setup.record import Record
from provisioning.sites.spec import NAME_PREFIX, PARTS, resource_name
from provisioning.testbed import Address, Group, Lease, Machine, Testbed
from provisioning.testbed.errors import NotReleasedError, ProvisioningError
from provisioning.testbed.surroundings import Clock

#: Kinds of things in the order of their deletion. First a machine, then its address: one that is deleted while bound
#: makes some services refuse both. The lease goes last: whatever fails before can be tried again while it is ours.
KINDS = ("server", "container", "floating IP", "security group", "lease")

#: A lease may well be active for a while before its student comes and boots the machine.
GRACE = timedelta(minutes=45)


@dataclass(frozen=True)
class Held:
    """One thing that counts against the project until it is deleted."""

    #: One of ``KINDS``.
    kind: str
    thing: Lease | Machine | Address | Group
    #: Name that a student's things of one part carry.
    owner: str
    #: Asks for its deletion.
    delete: Callable[[], None]

    @property
    def id(self) -> str:
        """The service's identifier."""
        return self.thing.id

    @property
    def name(self) -> str:
        """Its name, or the address of a floating IP."""
        return self.thing.address if isinstance(self.thing, Address) else self.thing.name


def held_at(testbed: Testbed) -> list[Held]:
    """Return what the project holds at the site, in the order in which it is deleted; spent leases are not held."""
    machines = testbed.machines()
    bound = {address: machine.name for machine in machines for address in machine.addresses}
    held = [
        Held(machine.kind, machine, machine.name, partial(testbed.delete_machine, machine))
        for machine in machines
    ]
    # Made by hand in the web page an address carries no label, and belongs to whoever's machine holds it.
    held += [
        Held(
            "floating IP",
            one,
            bound.get(one.address) or one.label,
            partial(testbed.delete_address, one.id),
        )
        for one in testbed.addresses()
    ]
    held += [
        Held("security group", one, one.name, partial(testbed.delete_group, one.id))
        for one in testbed.groups()
    ]
    leases = [lease for lease in testbed.leases() if lease.status not in SPENT]
    held += [
        Held("lease", lease, lease.name, partial(testbed.delete_lease, lease.id))
        for lease in leases
    ]
    return sorted(held, key=lambda one: KINDS.index(one.kind))


def held_by(testbed: Testbed, *names: str, known: Collection[str] = ()) -> list[Held]:
    """Return what belongs to these names at the site, also what was made in another kernel, or by hand under one.

    What is known by its identifier belongs to it as well, such as the address of a machine that is gone by now.
    """
    return [one for one in held_at(testbed) if one.owner in names or one.id in known]


def release(
    testbed: Testbed,
    *names: str,
    record: Record | None = None,
    keep_lease: bool = False,
    timeout_s: float = 300.0,
    poll_s: float = 5.0,
    clock: Clock | None = None,
) -> Iterator[str]:
    """Delete everything that belongs to the names, and yield a line for each thing that happens.

    Args:
        record: of the set-up; it is cleared once nothing is left.
        keep_lease: leave the lease, to boot again on the same reservation.

    Raises:
        NotReleasedError: something is still there; it names each thing, and why.
    """
    clock = clock or Clock()
    deadline_s = clock.monotonic_s() + timeout_s
    refused: dict[str, str] = {}
    asked: set[str] = set()
    seen: set[str] = set()
    while True:
        left = [
            one
            for one in held_by(testbed, *names, known=seen)
            if not (keep_lease and one.kind == "lease")
        ]
        for item_id in sorted(seen - {thing.id for thing in left}):
            yield f"gone: {item_id}"
        seen = {thing.id for thing in left}
        if not left:
            break
        if clock.monotonic_s() > deadline_s:
            lines = [
                f"\n  - {thing.kind} {thing.name} ({thing.id}) {refused.get(thing.id, '')}"
                for thing in left
            ]
            raise NotReleasedError(
                f"{len(left)} things are still there at {testbed.site}:{''.join(lines)}"
            )
        # A later kind waits until the earlier ones are gone.
        for one in [
            thing for thing in left if thing.kind == left[0].kind and thing.id not in asked
        ]:
            yield f"deleting {one.kind} {one.name}"
            try:
                one.delete()
                asked.add(one.id)
            except ProvisioningError as error:
                # Asked again at the next look: a service that was busy may be free then.
                refused[one.id] = error.what
                yield f"not yet: {error.what}"
        clock.sleep(poll_s)
    if record is not None and not keep_lease:
        record.clear()
    yield f"nothing named {', '.join(names)} is left at {testbed.site}" + (
        " but the lease" if keep_lease else ""
    )


@dataclass(frozen=True)
class Leftover(Held):
    """One thing of the labs that a sweep found."""

    site: str
    #: Why it is suspicious; empty when it is in normal use.
    reason: str
    #: Time since it was made; None where the service does not say.
    age: timedelta | None

    @property
    def orphan(self) -> bool:
        """True when nothing of the labs uses it any more."""
        return bool(self.reason)


def survey(
    testbed: Testbed, now: datetime, owner: str | None = None, *, grace: timedelta = GRACE
) -> list[Leftover]:
    """Return every resource of the labs at one site, orphans first, the oldest first among them.

    Args:
        owner: one student's short name; all students when left out.
        grace: how long a lease may be active without a machine.
    """
    held = held_at(testbed)
    names = {resource_name(part, owner) for part in PARTS} if owner else None
    leftovers = []
    for thing in held:
        # Whole names: 'ada' must not reach what is adam's. What carries no name of ours may be anybody's.
        if thing.owner in names if names is not None else thing.owner.startswith(f"{NAME_PREFIX}-"):
            age = now - thing.thing.created if thing.thing.created else None
            leftovers.append(
                Leftover(
                    **vars(thing), site=testbed.site, reason=_why(thing, held, now, grace), age=age
                )
            )
    return sorted(
        leftovers, key=lambda item: (not item.orphan, -(item.age or timedelta()).total_seconds())
    )


def _why(one: Held, held: list[Held], now: datetime, grace: timedelta) -> str:
    machines = {each.name for each in held if isinstance(each.thing, Machine)}
    match one.thing:
        case Lease(status="ERROR"):
            return "in ERROR"
        case Lease(status="ACTIVE", start=start) if (
            one.name not in machines and now - start > grace
        ):
            return f"active for {_hours(now - start)} without a machine"
        case Machine(failed=True, status=status):
            return f"in {status}"
        case Machine():
            leased = {
                each.name
                for each in held
                if isinstance(each.thing, Lease) and each.thing.status == "ACTIVE"
            }
            return "" if one.name in leased else "no active lease of that name"
        case Address(port_id=None):
            return "bound to nothing"
        case Group(name=name) if name not in machines:
            return "no machine of that name"
    return ""


def sweep(
    testbed: Testbed, leftovers: Iterable[Leftover], now: datetime, *, grace: timedelta = GRACE
) -> list[str]:
    """Delete the orphans among the leftovers of this site; return one line each. What is in use is never touched."""
    lines = []
    # Somebody may have come back since the list was made: what is no longer an orphan stays.
    still = {item.id for item in survey(testbed, now, grace=grace) if item.orphan}
    doomed = [
        item for item in leftovers if item.orphan and item.site == testbed.site and item.id in still
    ]
    for one in sorted(doomed, key=lambda one: KINDS.index(one.kind)):
        try:
            one.delete()
            lines.append(f"deleted {one.kind} {one.name}")
        except ProvisioningError as error:
            lines.append(f"kept {one.kind} {one.name}: {error.what}")
    return lines


def table(leftovers: Sequence[Leftover]) -> str:
    """Return the leftovers as a text table."""
    if not leftovers:
        return "Nothing of the labs is left."
    rows = [f"{'site':<10}{'kind':<13}{'name':<32}{'age':>9}  why"]
    for item in leftovers:
        thing = item.thing
        use = "in use"
        if isinstance(thing, Lease) and thing.status == "PENDING":
            use = f"to come, {thing.start:%d %b %H:%M} UTC"
        age = _hours(item.age) if item.age is not None else "?"
        rows.append(f"{item.site:<10}{item.kind:<13}{item.name:<32}{age:>9}  {item.reason or use}")
    rows.append(f"{sum(item.orphan for item in leftovers)} of {len(leftovers)} are orphans.")
    return "\n".join(rows)


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.1f} h"
