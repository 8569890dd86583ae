"""The steps that end with a machine one can talk to: lease, server or container, floating IP, SSH."""

import secrets
from collections.abc import Callable
from typing import Any

from provisioning.setup.context import StepContext
from provisioning.setup.reach import ports_of
from provisioning.testbed import Address, Lease, Machine, errors

RESOURCE_TYPES = {"node": "physical:host", "device": "device", "flavor": "flavor:instance"}
#: What is known of how long each takes to come up: so long a wait is no fault.
_BOOTS = {
    "node": "bare metal boots in 10 to 30 minutes",
    "device": "some minutes",
    "flavor": "some minutes",
}


def lease_active(context: StepContext) -> dict[str, Any]:
    """Find the lease and wait until it is really ACTIVE; return its identifiers and its block."""
    name, clock = context.settings.name, context.settings.clock

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
            local = lease.start.astimezone().strftime("%A %d %B at %H:%M %Z")
            raise errors.LeaseMissingError(
                f"the lease {name!r} starts in {wait_s / 3600:.1f} h, on {local}",
                likely="You are early.",
                way_out="Come back at that time; a machine cannot be booted before its lease is active.",
            )
        context.say(f"lease is {lease.status}, starts in {max(0, wait_s):.0f} s")
        return None

    lease = context.until(look, f"the lease {name!r} to become active")
    wanted = RESOURCE_TYPES[context.settings.option.resource]
    held = {
        reservation.resource_type: reservation.id for reservation in reversed(lease.reservations)
    }
    if wanted not in held:
        raise errors.LeaseMissingError(
            f"the lease {name!r} holds {', '.join(held) or 'nothing'}, not a {wanted}",
            likely="It was made for another part, or only its floating IP was added in the web page's form.",
        )
    return {
        "lease_id": lease.id,
        "reservation_id": held[wanted],
        "start": lease.start.isoformat(),
        "end": lease.end.isoformat(),
    }


def server_active(context: StepContext) -> dict[str, Any]:
    """Boot the server, unless it is there, and wait until it is really ACTIVE."""
    option, reservation_id = (
        context.settings.option,
        context.record.facts("lease")["reservation_id"],
    )
    flavor = f"reservation:{reservation_id}" if option.resource == "flavor" else "baremetal"
    how = (reservation_id, option.image, flavor, option.volume_gb)
    machine = _up(context, lambda name: context.testbed.boot(name, *how))
    return {"machine_id": machine.id}


def container_running(context: StepContext) -> dict[str, Any]:
    """Launch the container with its Jupyter token, unless it is there, and wait until it is really running."""
    image, reservation_id = (
        context.settings.option.image,
        context.record.facts("lease")["reservation_id"],
    )
    # A container's ports are opened when it is made, and never after: all that any of the part's lessons names. The
    # image takes the token by its environment only, and that is where it is read again. Members of the project can read
    # it too; they can also run any command in the container.
    ports, environment = (
        list(ports_of(context.settings.spec.part)),
        {"JUPYTER_TOKEN": secrets.token_hex(16)},
    )
    machine = _up(
        context,
        lambda name: context.testbed.launch(name, reservation_id, image, ports, environment),
    )
    return {"machine_id": machine.id}


def _up(context: StepContext, make: Callable[[str], None]) -> Machine:
    name = context.settings.name
    usual = f"{_BOOTS[context.settings.option.resource]}, and after {context.timeout_s / 60:.0f} it is given up"

    def ours() -> list[Machine]:
        return [machine for machine in context.testbed.machines() if machine.name == name]

    gone = set()
    for machine in ours():
        if machine.failed:
            context.say(f"removing {machine.kind} {machine.id}, which is in {machine.status}")
            context.testbed.delete_machine(machine)
            gone.add(machine.id)
    if gone:
        context.until(
            lambda: gone.isdisjoint(one.id for one in ours()) or None,
            "the failed machine to be removed",
        )
    if not ours():
        make(name)

    def look() -> Machine | None:
        machine = next((one for one in ours() if one.id not in gone), None)
        if machine is None:
            context.say("asked for; not listed yet")
            return None
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
    # An idle one may be a classmate's, allocated a second ago: only one that carries our name is ours.
    name = context.settings.name
    idle = [one for one in context.testbed.addresses() if one.port_id is None and one.label == name]
    address = idle[0] if idle else context.testbed.allocate_address(name)
    context.testbed.attach_address(address, machine)

    def bound() -> Address | None:
        now = [one for one in context.testbed.addresses() if one.id == address.id]
        if not now:
            what = f"the floating IP {address.address} was taken away again"
            raise errors.NoAddressError(what, likely="A sweep removed it.")
        return now[0] if now[0].port_id or address.address in context.machine().addresses else None

    context.until(bound, f"{address.address} to be bound")
    return {"address": address.address}


def ssh_let_in(context: StepContext) -> dict[str, Any]:
    """Let SSH in to a virtual machine, by a security group of its own name."""
    # Again is no error: the group is found by its name, and a machine that is in it stays in it.
    context.testbed.let_in(context.settings.name, 22, context.machine())
    return {}


def ssh_answers(context: StepContext) -> dict[str, Any]:
    """Wait until a command really runs over SSH; return what the machine says about itself."""
    last: errors.NoKeyError | errors.NotReachableError | None = None

    def signs_in() -> str | None:
        nonlocal last
        try:
            done = context.shell().run("uname -srm", timeout_s=30)
        except (errors.NoKeyError, errors.NotReachableError) as error:
            # The port opens some seconds before cloud-init writes the key, and the daemon may restart meanwhile.
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
