"""The steps that end with a machine one can talk to: lease, server or container, floating IP,
SSH.
"""

import secrets
from collections.abc import Callable
from typing import Any

from labs.sites.spec import OWN_SITE
from provisioning.setup.context import StepContext
from provisioning.setup.reach import ports_of
from provisioning.testbed import Address, Lease, Machine, Volume, errors

RESOURCE_TYPES = {
    "node": "physical:host",
    "device": "device",
    "flavor": "flavor:instance",
    "own": OWN_SITE,
}
#: Known boot times of each; a wait of this length is normal.
_BOOTS = {
    "node": "bare metal boots in 10 to 30 minutes",
    "device": "some minutes",
    "flavor": "some minutes",
    "own": "no time",
}


def lease_active(context: StepContext) -> dict[str, Any]:
    """Find the lease and wait until it is really ACTIVE; return its identifiers and its block."""
    name = context.settings.name
    clock = context.settings.clock

    def look() -> Lease | None:
        lease = context.lease()
        if lease is None:
            raise errors.LeaseMissingError(
                f"there is no usable lease {name!r} at {context.testbed.site}"
            )
        if lease.status == "ERROR":
            raise errors.LeaseFailedError(f"the lease {name!r} is in ERROR")
        if lease.status == "ACTIVE":
            return lease
        wait_s = (lease.start - clock.now()).total_seconds()
        if wait_s > context.settings.early_s:
            wait_h = wait_s / 3600
            local = lease.start.astimezone().strftime("%A %d %B at %H:%M %Z")
            raise errors.LeaseMissingError(
                f"the lease {name!r} starts in {wait_h:.1f} h, on {local}",
                likely="You are early.",
                way_out="Come back at that time; a machine cannot be booted before its lease is "
                "active.",
            )
        context.say(f"lease is {lease.status}, starts in {max(0, wait_s):.0f} s")
        return None

    lease = context.until(look, f"the lease {name!r} to become active")
    wanted = RESOURCE_TYPES[context.settings.option.resource]
    reservation_ids = {}
    for reservation in reversed(lease.reservations):
        reservation_ids[reservation.resource_type] = reservation.id
    if wanted not in reservation_ids:
        held_types = ", ".join(reservation_ids) or "nothing"
        raise errors.LeaseMissingError(
            f"the lease {name!r} holds {held_types}, not a {wanted}",
            likely="It was made for another part, or only its floating IP was added in the web "
            "page's form.",
        )
    return {
        "lease_id": lease.id,
        "reservation_id": reservation_ids[wanted],
        "start": lease.start.isoformat(),
        "end": lease.end.isoformat(),
    }


def server_active(context: StepContext) -> dict[str, Any]:
    """Boot the server, unless it is there, and wait until it is really ACTIVE."""
    option = context.settings.option
    reservation_id = context.record.facts("lease")["reservation_id"]
    flavor = f"reservation:{reservation_id}" if option.resource == "flavor" else "baremetal"

    def boot(name: str) -> None:
        volume_id = _volume(context).id if option.volume_gb else ""
        context.testbed.boot(name, reservation_id, option.image, flavor, volume_id)

    return {"machine_id": _up(context, boot).id}


def _volume(context: StepContext) -> Volume:
    """Return the volume from which the server boots, once it holds the image.

    Nova would make one by itself, but gives up after about three minutes, in which a large image is
    not copied.
    """
    name = context.settings.name
    option = context.settings.option
    made = False

    def look() -> Volume | None:
        nonlocal made
        named = [volume for volume in context.testbed.volumes() if volume.name == name]
        for volume in named:
            if volume.status == "available":
                return volume
            # That of a removed server is still listed for a moment.
            context.say(f"volume is {volume.status}")
            if volume.failed and made:
                raise errors.ServerFailedError(f"the volume {name!r} is in {volume.status}")
            if volume.failed:
                context.testbed.delete_volume(volume.id)
        if not named and not made:
            context.say(f"making a volume of {option.volume_gb} GB from {option.image}")
            context.testbed.make_volume(name, option.image, option.volume_gb)
            made = True
        return None

    return context.until(look, f"the volume {name!r} to hold its image")


def container_running(context: StepContext) -> dict[str, Any]:
    """Launch the container with its Jupyter token, unless it is there, and wait until it is really
    running.
    """
    settings = context.settings
    reservation_id = context.record.facts("lease")["reservation_id"]
    # A container's ports are opened when it is made, and never after: all that any of the part's
    # lessons names. The image takes the token by its environment only, and that is where it is read
    # again. Members of the project can read it too; they can also run any command in the container.
    ports = list(ports_of(settings.spec.part))
    environment = {"JUPYTER_TOKEN": secrets.token_hex(16)}

    def launch(name: str) -> None:
        context.testbed.launch(name, reservation_id, settings.option.image, ports, environment)

    return {"machine_id": _up(context, launch).id}


def _up(context: StepContext, make: Callable[[str], None]) -> Machine:
    """Make the machine, unless one of its name is there, and return it once it is up."""
    name = context.settings.name
    boots = _BOOTS[context.settings.option.resource]
    timeout_min = context.timeout_s / 60
    usual = f"{boots}, and after {timeout_min:.0f} it is given up"

    def ours() -> list[Machine]:
        return [machine for machine in context.testbed.machines() if machine.name == name]

    removed_ids = set()
    for machine in ours():
        if machine.failed:
            context.say(f"removing {machine.kind} {machine.id}, which is in {machine.status}")
            context.testbed.delete_machine(machine)
            removed_ids.add(machine.id)

    def all_removed() -> bool | None:
        listed_ids = {machine.id for machine in ours()}
        return removed_ids.isdisjoint(listed_ids) or None

    if removed_ids:
        context.until(all_removed, "the failed machine to be removed")
    if not ours():
        make(name)

    def look() -> Machine | None:
        new = [machine for machine in ours() if machine.id not in removed_ids]
        if not new:
            context.say("asked for; not listed yet")
            return None
        machine = new[0]
        if machine.failed:
            reason = f": {machine.fault}" if machine.fault else ""
            what = f"the {machine.kind} {name!r} is in {machine.status}{reason}"
            raise errors.ServerFailedError(what)
        if machine.up:
            return machine
        context.say(f"{machine.kind} is {machine.status}; {usual}")
        return None

    return context.until(look, f"{name!r} to come up ({usual})")


def address_bound(context: StepContext) -> dict[str, Any]:
    """Bind a floating IP to the machine, unless it has one, and see that it stayed bound."""
    machine = context.machine()
    if machine.addresses:
        return {"address": machine.addresses[0]}
    # An idle one may be a classmate's, allocated a second ago: only one that carries our name is
    # ours.
    name = context.settings.name
    ours = [address for address in context.testbed.addresses() if address.label == name]
    idle = [address for address in ours if address.port_id is None]
    address = idle[0] if idle else context.testbed.allocate_address(name)
    context.testbed.attach_address(address, machine)

    def bound() -> Address | None:
        listed = {each.id: each for each in context.testbed.addresses()}
        if address.id not in listed:
            what = f"the floating IP {address.address} was taken away again"
            raise errors.NoAddressError(what, likely="A sweep removed it.")
        now = listed[address.id]
        if now.port_id or address.address in context.machine().addresses:
            return now
        return None

    context.until(bound, f"{address.address} to be bound")
    return {"address": address.address}


def ssh_let_in(context: StepContext) -> dict[str, Any]:
    """Let SSH in to a virtual machine, by a security group of its own name."""
    # Again is no error: the group is found by its name, and a machine that is in it stays in it.
    context.testbed.let_in(context.settings.name, 22, context.machine())
    return {}


def ssh_answers(context: StepContext) -> dict[str, Any]:
    """Wait until a command really runs over SSH; return the machine's report."""
    last: errors.NoKeyError | errors.NotReachableError | None = None

    def signs_in() -> str | None:
        nonlocal last
        try:
            done = context.shell().run("uname -srm", timeout_s=30)
        except (errors.NoKeyError, errors.NotReachableError) as error:
            # The port opens some seconds before cloud-init writes the key, and the daemon may
            # restart meanwhile.
            last = error
            context.say(f"not yet: {error.what}")
            return None
        if done.exit_code != 0:
            raise errors.CommandFailedError(
                f"`uname` ended with {done.exit_code}: {done.output.strip()}"
            )
        return done.output.strip()

    try:
        return {"kernel": context.until(signs_in, "the machine to accept the SSH key")}
    except errors.StepTimeoutError as error:
        raise (last or error) from error
