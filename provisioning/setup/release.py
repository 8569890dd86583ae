"""The labs' resources at a site: they are listed, released when a student is done, and swept if
forgotten.

Nothing is believed gone unseen.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from labs.sites.spec import NAME_PREFIX, PARTS, resource_name
from provisioning.setup.context import SPENT
from provisioning.setup.record import Record
from provisioning.testbed import Address, Lease, Machine, SecurityGroup, Testbed, Volume
from provisioning.testbed.errors import NotReleasedError, ProvisioningError
from provisioning.testbed.surroundings import WallClock

#: Kinds of things in the order of their deletion. First a machine, which takes its volume along,
#: then its address: one that is deleted while bound makes some services refuse both. The lease goes
#: last: whatever fails before can be tried again while it is ours.
KINDS = ("server", "container", "volume", "floating IP", "security group", "lease")

#: Whatever a site holds for its labs.
Thing = Lease | Machine | Volume | Address | SecurityGroup

#: A lease may well be active for a while before its student comes and boots the machine.
GRACE = timedelta(minutes=45)


@dataclass(frozen=True)
class HeldResource:
    """One resource that counts against the project until it is deleted."""

    #: One of ``KINDS``.
    kind: str
    thing: Thing
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


def held_at(testbed: Testbed) -> list[HeldResource]:
    """Return what the project holds at the site, in the order in which it is deleted; spent leases
    are not held.
    """
    held = []
    bound_to: dict[str, str] = {}
    for machine in testbed.machines():
        bound_to |= dict.fromkeys(machine.addresses, machine.name)
        delete = partial(testbed.delete_machine, machine)
        held.append(HeldResource(machine.kind, machine, machine.name, delete))
    for volume in testbed.volumes():
        delete = partial(testbed.delete_volume, volume.id)
        held.append(HeldResource("volume", volume, volume.name, delete))
    for address in testbed.addresses():
        # An address that was made by hand on the web page has no label, and belongs to the owner of
        # its machine.
        owner = bound_to.get(address.address) or address.label
        delete = partial(testbed.delete_address, address.id)
        held.append(HeldResource("floating IP", address, owner, delete))
    for group in testbed.groups():
        delete = partial(testbed.delete_group, group.id)
        held.append(HeldResource("security group", group, group.name, delete))
    for lease in testbed.leases():
        if lease.status not in SPENT:
            delete = partial(testbed.delete_lease, lease.id)
            held.append(HeldResource("lease", lease, lease.name, delete))
    return sorted(held, key=_deletion_order)


def _deletion_order(item: HeldResource) -> int:
    return KINDS.index(item.kind)


def held_by(testbed: Testbed, *names: str, known: Collection[str] = ()) -> list[HeldResource]:
    """Return the resources with these names at the site, including those made in another kernel or
    by hand.

    Resources known by their identifier are included too, such as the address of a machine that no
    longer exists.
    """
    return [item for item in held_at(testbed) if item.owner in names or item.id in known]


def release(
    testbed: Testbed,
    *names: str,
    record: Record | None = None,
    keep_lease: bool = False,
    timeout_s: float = 300.0,
    poll_s: float = 5.0,
    clock: WallClock | None = None,
) -> Iterator[str]:
    """Delete all resources of the names, and yield a line for each action.

    Args:
        record: of the set-up; it is cleared once nothing is left.
        keep_lease: leave the lease, to boot again on the same reservation.

    Raises:
        NotReleasedError: something is still there; it names each thing, and why.
    """
    clock = clock or WallClock()
    deadline_s = clock.monotonic_s() + timeout_s
    refused: dict[str, str] = {}
    asked: set[str] = set()
    seen: set[str] = set()
    while True:
        left = held_by(testbed, *names, known=seen)
        if keep_lease:
            left = [item for item in left if item.kind != "lease"]
        left_ids = {item.id for item in left}
        for gone_id in sorted(seen - left_ids):
            yield f"gone: {gone_id}"
        seen = left_ids
        if not left:
            break
        if clock.monotonic_s() > deadline_s:
            lines = [f"{len(left)} things are still there at {testbed.site}:"]
            for item in left:
                why = refused.get(item.id, "")
                lines.append(f"  - {item.kind} {item.name} ({item.id}) {why}")
            raise NotReleasedError("\n".join(lines))
        # A later kind waits until the earlier ones are gone.
        first_kind = [item for item in left if item.kind == left[0].kind]
        for item in first_kind:
            if item.id in asked:
                continue
            yield f"deleting {item.kind} {item.name}"
            try:
                item.delete()
                asked.add(item.id)
            except ProvisioningError as error:
                # Asked again at the next look: a service that was busy may be free then.
                refused[item.id] = error.what
                yield f"not yet: {error.what}"
        clock.sleep(poll_s)
    if record is not None and not keep_lease:
        record.clear()
    but_the_lease = " but the lease" if keep_lease else ""
    yield f"nothing named {', '.join(names)} is left at {testbed.site}{but_the_lease}"


@dataclass(frozen=True)
class Leftover(HeldResource):
    """One resource of the labs that a sweep found."""

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
    if owner:
        # Whole names: 'ada' must not reach what is adam's.
        names = {resource_name(part, owner) for part in PARTS}
        surveyed = [item for item in held if item.owner in names]
    else:
        # A resource without our name may belong to another person.
        surveyed = [item for item in held if item.owner.startswith(f"{NAME_PREFIX}-")]
    leftovers = []
    for item in surveyed:
        created = item.thing.created
        age = now - created if created else None
        reason = _why(item.thing, held, now, grace)
        leftovers.append(Leftover(**vars(item), site=testbed.site, reason=reason, age=age))
    return sorted(leftovers, key=_orphans_and_oldest_first)


def _orphans_and_oldest_first(item: Leftover) -> tuple[bool, timedelta]:
    age = item.age or timedelta()
    return not item.orphan, -age


def _why(
    thing: Thing,
    held: list[HeldResource],
    now: datetime,
    grace: timedelta,
) -> str:
    """Return why a resource looks forgotten; empty where it is in normal use."""
    machine_names = {item.name for item in held if isinstance(item.thing, Machine)}
    if isinstance(thing, Lease):
        active = now - thing.start
        if thing.status == "ERROR":
            return "in ERROR"
        if thing.status == "ACTIVE" and thing.name not in machine_names and active > grace:
            return f"active for {_hours(active)} without a machine"
        return ""
    if isinstance(thing, Machine):
        if thing.failed:
            return f"in {thing.status}"
        leases = [item.thing for item in held if isinstance(item.thing, Lease)]
        active_names = {lease.name for lease in leases if lease.status == "ACTIVE"}
        return "" if thing.name in active_names else "no active lease of that name"
    if isinstance(thing, Address):
        return "bound to nothing" if thing.port_id is None else ""
    if isinstance(thing, Volume) and thing.created and now - thing.created < grace:
        return ""  # the machine that boots from it may be asked for next
    return "" if thing.name in machine_names else "no machine of that name"


def sweep(
    testbed: Testbed, leftovers: Iterable[Leftover], now: datetime, *, grace: timedelta = GRACE
) -> list[str]:
    """Delete the orphans among the leftovers of this site; return one line each. Resources in use
    are never deleted.
    """
    lines = []
    # A student may have come back since the list was made; resources that are no longer orphans
    # stay.
    still = {item.id for item in survey(testbed, now, grace=grace) if item.orphan}
    orphans = [item for item in leftovers if item.orphan and item.site == testbed.site]
    for item in sorted(orphans, key=_deletion_order):
        if item.id not in still:
            continue
        try:
            item.delete()
            lines.append(f"deleted {item.kind} {item.name}")
        except ProvisioningError as error:
            lines.append(f"kept {item.kind} {item.name}: {error.what}")
    return lines


def table(leftovers: Sequence[Leftover]) -> str:
    """Return the leftovers as a text table."""
    if not leftovers:
        return "Nothing of the labs is left."
    rows = [f"{'site':<10}{'kind':<13}{'name':<32}{'age':>9}  why"]
    for item in leftovers:
        thing = item.thing
        why = item.reason or "in use"
        if not item.reason and isinstance(thing, Lease) and thing.status == "PENDING":
            why = f"to come, {thing.start:%d %b %H:%M} UTC"
        age = _hours(item.age) if item.age is not None else "?"
        rows.append(f"{item.site:<10}{item.kind:<13}{item.name:<32}{age:>9}  {why}")
    orphans = sum(item.orphan for item in leftovers)
    rows.append(f"{orphans} of {len(leftovers)} are orphans.")
    return "\n".join(rows)


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.1f} h"
