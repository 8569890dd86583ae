"""What the labs left behind: leases without a machine, machines without a lease, idle floating IPs, volumes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from provisioning.errors import ProvisioningError
from provisioning.setup.context import SPENT
from provisioning.sites.spec import NAME_PREFIX, PARTS, resource_name
from provisioning.testbed import Lease, Testbed


@dataclass(frozen=True)
class Leftover:
    """One resource that a sweep found."""

    site: str
    #: ``lease``, ``server``, ``container``, ``floating IP`` or ``volume``.
    kind: str
    id: str
    name: str
    #: Why it is suspicious; empty when it is in normal use.
    reason: str
    #: Time since it was made; None where the service does not say.
    age: timedelta | None
    #: What it is when it is no orphan.
    use: str = "in use"

    @property
    def orphan(self) -> bool:
        """True when nothing of the labs uses it any more."""
        return bool(self.reason)


#: A lease may well be active for a while before its student comes and boots the machine.
GRACE = timedelta(minutes=45)


def survey(testbed: Testbed, now: datetime, owner: str | None = None, *, grace: timedelta = GRACE) -> list[Leftover]:
    """Return every resource of the labs at one site, orphans first, the oldest first among them.

    Args:
        testbed: the site.
        now: with time zone.
        owner: one student's short name; all students when left out.
        grace: how long a lease may be active without a machine.
    """
    names = {resource_name(part, owner) for part in PARTS} if owner else None

    def ours(name: str) -> bool:
        # Whole names: 'ada' must not reach what is adam's.
        return name in names if names is not None else name.startswith(f"{NAME_PREFIX}-")

    leases = [lease for lease in testbed.leases() if ours(lease.name) and lease.status not in SPENT]
    machines = [machine for machine in testbed.machines() if ours(machine.name)]
    active = {lease.name for lease in leases if lease.status == "ACTIVE"}
    with_machine = {machine.name for machine in machines}
    found = [
        Leftover(
            testbed.site,
            "lease",
            lease.id,
            lease.name,
            _idle(lease, with_machine, now, grace),
            _age(lease.created, now),
            "in use" if lease.start <= now else f"to come, {lease.start:%d %b %H:%M} UTC",
        )
        for lease in leases
    ]
    for machine in machines:
        reason = "" if machine.name in active else "no active lease of that name"
        reason = f"in {machine.status}" if machine.failed else reason
        found.append(Leftover(testbed.site, machine.kind, machine.id, machine.name, reason, _age(machine.created, now)))
    for ip in testbed.addresses():
        # An idle address without our label may belong to anybody in the project: hands off.
        if ours(ip.label):
            reason = "bound to nothing" if ip.port_id is None else ""
            found.append(Leftover(testbed.site, "floating IP", ip.id, ip.address, reason, _age(ip.created, now)))
    for volume in testbed.volumes():
        if ours(volume.name) or ours(volume.name.rpartition("-")[0]):
            used = bool(with_machine & {volume.name, volume.name.rpartition("-")[0]})
            reason = "" if used else "no machine of that name"
            found.append(Leftover(testbed.site, "volume", volume.id, volume.name, reason, _age(volume.created, now)))
    return sorted(found, key=lambda item: (not item.orphan, -(item.age or timedelta()).total_seconds()))


def _idle(lease: Lease, with_machine: set[str], now: datetime, grace: timedelta) -> str:
    if lease.status == "ERROR":
        return "in ERROR"
    if lease.status == "ACTIVE" and lease.name not in with_machine and now - lease.start > grace:
        return f"active for {_hours(now - lease.start)} without a machine"
    return ""


def _age(created: datetime | None, now: datetime) -> timedelta | None:
    return now - created if created else None


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.1f} h"


def sweep(testbed: Testbed, leftovers: Iterable[Leftover], now: datetime, *, grace: timedelta = GRACE) -> list[str]:
    """Delete the orphans among the leftovers of this site; return one line each. What is in use is never touched."""
    lines = []
    # Somebody may have come back since the list was made: what is no longer an orphan stays.
    still = {item.id for item in survey(testbed, now, grace=grace) if item.orphan}
    doomed = [item for item in leftovers if item.orphan and item.site == testbed.site and item.id in still]
    machines = {machine.id: machine for machine in testbed.machines()}
    # Machines first: a floating IP goes more easily once nothing holds it, and the lease takes its node with it.
    order = ("server", "container", "floating IP", "volume", "lease")
    for item in sorted(doomed, key=lambda item: order.index(item.kind)):
        try:
            if item.kind in ("server", "container"):
                if item.id in machines:
                    testbed.delete_machine(machines[item.id])
            elif item.kind == "floating IP":
                testbed.delete_address(item.id)
            elif item.kind == "volume":
                testbed.delete_volume(item.id)
            else:
                testbed.delete_lease(item.id)
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
        age = _hours(item.age) if item.age is not None else "?"
        rows.append(f"{item.site:<10}{item.kind:<13}{item.name:<32}{age:>9}  {item.reason or item.use}")
    orphans = sum(item.orphan for item in leftovers)
    rows.append(f"{orphans} of {len(leftovers)} are orphans.")
    return "\n".join(rows)
