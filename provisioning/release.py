"""Gives everything back: server or container, floating IPs, volumes, and the lease. Nothing is believed gone unseen."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from provisioning.clock import Clock, MachineClock
from provisioning.errors import NotReleasedError, ProvisioningError
from provisioning.setup.context import SPENT
from provisioning.setup.state import StateFile
from provisioning.testbed import Testbed


@dataclass(frozen=True)
class Held:
    """One thing that counts against the project until it is deleted."""

    #: ``server``, ``container``, ``floating IP``, ``volume`` or ``lease``.
    kind: str
    id: str
    #: Name, or the address of a floating IP.
    name: str
    #: Asks for its deletion.
    delete: Callable[[], None]


def held_by(
    testbed: Testbed, name: str, state: StateFile | None = None, known_addresses: Collection[str] = ()
) -> list[Held]:
    """Return what carries this name at the site, in the order in which it is deleted.

    The record helps where a name is not enough (a floating IP whose label did not survive), and is not needed: what
    was made in another kernel, or by hand under the same name, is found as well.

    Args:
        testbed: the site.
        name: that lease, machine, addresses and volumes carry.
        state: the record of the provisioning.
        known_addresses: identifiers of floating IPs that were bound to a machine which may be gone by now.
    """
    machines = [machine for machine in testbed.machines() if machine.name == name]
    held = [Held(m.kind, m.id, name, lambda m=m: testbed.delete_machine(m)) for m in machines]
    bound = {address for machine in machines for address in machine.addresses}
    remembered = state.facts("address").get("address_id") if state else None
    held += [
        Held("floating IP", ip.id, ip.address, lambda i=ip: testbed.delete_address(i.id))
        for ip in testbed.addresses()
        if ip.address in bound
        or ip.id in known_addresses
        or ip.label == name
        # Given back and taken by a classmate since: then it carries another label.
        or (ip.id == remembered and not ip.label)
    ]
    held += [
        Held("volume", volume.id, name, lambda v=volume: testbed.delete_volume(v.id))
        for volume in testbed.volumes()
        if volume.name == name or volume.name.startswith(f"{name}-")
    ]
    held += [
        Held("lease", lease.id, name, lambda x=lease: testbed.delete_lease(x.id))
        for lease in testbed.leases()
        if lease.name == name and lease.status not in SPENT
    ]
    return held


def release(
    testbed: Testbed,
    name: str,
    state: StateFile | None = None,
    *,
    keep_lease: bool = False,
    timeout_s: float = 300.0,
    poll_s: float = 5.0,
    clock: Clock | None = None,
) -> Iterator[str]:
    """Delete everything that carries the name, and yield a line for each thing that happens.

    Args:
        testbed: the site.
        name: that lease, machine, addresses and volumes carry.
        state: the record of the provisioning; it is cleared once nothing is left.
        keep_lease: leave the lease, to boot again on the same reservation.
        timeout_s: how long to wait until everything is really gone.
        poll_s: seconds between two looks.
        clock: of tests.

    Raises:
        NotReleasedError: something is still there; it names each thing, and why.
    """
    clock = clock or MachineClock()
    deadline_s = clock.monotonic_s() + timeout_s
    # First a machine, then its address: an address that is deleted while bound makes some services refuse both. The
    # lease goes last, so that whatever fails before can be tried again while the node is still ours.
    refused: dict[str, str] = {}
    asked: set[str] = set()
    seen_before: set[str] = set()
    known_addresses: set[str] = set()
    while True:
        held = held_by(testbed, name, state, known_addresses)
        known_addresses |= {item.id for item in held if item.kind == "floating IP"}
        left = [item for item in held if not (keep_lease and item.kind == "lease")]
        for item_id in sorted(seen_before - {item.id for item in left}):
            yield f"gone: {item_id}"
        seen_before = {item.id for item in left}
        if not left:
            break
        if clock.monotonic_s() > deadline_s:
            raise NotReleasedError(_still_there(left, refused, testbed.site))
        for item in _deletable(left, asked):
            asked.add(item.id)
            yield f"deleting {item.kind} {item.name}"
            try:
                item.delete()
                refused.pop(item.id, None)
            except ProvisioningError as error:
                refused[item.id] = error.what
                # Ask again at the next look: a service that was busy may be free then.
                asked.discard(item.id)
                yield f"not yet: {error.what}"
        clock.sleep(poll_s)
    if state is not None and not keep_lease:
        state.clear()
    yield f"nothing named {name} is left at {testbed.site}" + (" but the lease" if keep_lease else "")


def _deletable(left: list[Held], asked: set[str]) -> list[Held]:
    """Return what can be asked for now: a later kind waits until the earlier ones are gone."""
    order = ("server", "container", "floating IP", "volume", "lease")
    first = min(order.index(item.kind) for item in left)
    return [item for item in left if order.index(item.kind) == first and item.id not in asked]


def _still_there(left: list[Held], refused: dict[str, str], site: str) -> str:
    lines = [f"{len(left)} things are still there at {site}:"]
    lines += [f"  - {i.kind} {i.name} ({i.id})" + (f": {refused[i.id]}" if i.id in refused else "") for i in left]
    return "\n".join(lines)
