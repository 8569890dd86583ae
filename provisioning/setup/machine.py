"""The steps that end with a machine one can talk to: lease, server or container, floating IP, SSH."""

from __future__ import annotations

import secrets
from typing import Any

from provisioning.errors import (
    CommandFailedError,
    LeaseFailedError,
    LeaseMissingError,
    LeaseNotStartedError,
    NoAddressError,
    NoKeyError,
    NotReachableError,
    ServerFailedError,
    StepTimeoutError,
)
from provisioning.reach import SSH_PORT, ports_of
from provisioning.setup.context import StepContext
from provisioning.testbed import Address, ContainerRequest, Lease, Machine, ServerRequest

_CONTAINER_HINTS = {
    "likely": "The device could not pull the image, the image is not for arm64, or the device went offline.",
    "way_out": (
        "Run the step again: it removes the failed container and launches once more. "
        "After a second failure reserve another device by name."
    ),
}

#: A virtual machine boots in a minute or two; when it stays deaf, its security groups are shut.
_VIRTUAL_HINTS = {
    "likely": "None of the virtual machine's security groups lets SSH in; the default group does not.",
    "way_out": (
        "In the site's web page (Instances, Edit Security Groups) add a group that allows SSH, "
        "and run the step again: it goes on from here."
    ),
}

RESOURCE_TYPES = {"node": "physical:host", "device": "device", "flavor": "flavor:instance"}


def lease_active(context: StepContext) -> dict[str, Any]:
    """Find the lease and wait until it is really ACTIVE; return its identifiers and its block."""
    name, clock = context.settings.name, context.settings.clock

    def look() -> Lease | None:
        lease = context.lease()
        if lease is None:
            raise LeaseMissingError(f"there is no usable lease {name!r} at {context.testbed.site}")
        if lease.status == "ERROR":
            raise LeaseFailedError(f"the lease {name!r} is in ERROR")
        if lease.status == "ACTIVE":
            return lease
        wait_s = (lease.start - clock.now()).total_seconds()
        if wait_s > context.settings.early_s:
            local = lease.start.astimezone().strftime("%A %d %B at %H:%M %Z")
            raise LeaseNotStartedError(f"the lease {name!r} starts in {wait_s / 3600:.1f} h, on {local}")
        context.say(f"lease is {lease.status}, starts in {max(0, wait_s):.0f} s")
        return None

    lease = context.until(look, f"the lease {name!r} to become active")
    reservation = reservation_of(lease, context)
    return {
        "lease_id": lease.id,
        "reservation_id": reservation,
        "start": lease.start.isoformat(),
        "end": lease.end.isoformat(),
    }


def reservation_of(lease: Lease, context: StepContext) -> str:
    """Return the reservation of the option's kind inside the lease.

    Raises:
        LeaseMissingError: the lease holds something else.
    """
    wanted = RESOURCE_TYPES[context.settings.option.resource]
    for reservation in lease.reservations:
        if reservation.resource_type == wanted:
            return reservation.id
    held = ", ".join(r.resource_type for r in lease.reservations) or "nothing"
    raise LeaseMissingError(
        f"the lease {lease.name!r} holds {held}, not a {wanted}",
        likely="It was made for another part, or only its floating IP was added in the web page's form.",
    )


def server_active(context: StepContext) -> dict[str, Any]:
    """Boot the server, unless it is there, and wait until it is really ACTIVE."""
    option = context.settings.option
    reservation_id = context.facts("lease")["reservation_id"]
    flavor = f"reservation:{reservation_id}" if option.resource == "flavor" else "baremetal"
    request = ServerRequest(context.settings.name, reservation_id, option.image, flavor)
    machine = _up(context, lambda: context.testbed.boot(request))
    return {"machine_id": machine.id}


def container_running(context: StepContext) -> dict[str, Any]:
    """Launch the container with its Jupyter token, unless it is there, and wait until it is really running."""
    token = context.facts(context.step_name).get("token") or secrets.token_hex(16)
    # Before the request: a container whose token nobody knows would be useless. The image takes it by its environment
    # only. Members of the project can read that; they can also run any command in the container.
    context.remember(token=token)
    request = ContainerRequest(
        name=context.settings.name,
        reservation_id=context.facts("lease")["reservation_id"],
        image=context.settings.option.image,
        # A container's ports are opened when it is made, and never after: all that any of the part's lessons names.
        ports=tuple(f"{port}/tcp" for port in ports_of(context.settings.spec.part)),
        environment={"JUPYTER_TOKEN": token},
    )
    machine = _up(context, lambda: context.testbed.launch(request))
    return {"machine_id": machine.id}


def _up(context: StepContext, make) -> Machine:
    name = context.settings.name
    failed_before = [m for m in context.testbed.machines() if m.name == name and m.failed]
    for machine in failed_before:
        context.say(f"removing {machine.kind} {machine.id}, which is in {machine.status}")
        context.testbed.delete_machine(machine)
    gone = {machine.id for machine in failed_before}
    if failed_before:
        context.until(lambda: True if not (gone & _ids(context)) else None, "the failed machine to be removed")
    if not [m for m in context.testbed.machines() if m.name == name]:
        make()

    def look() -> Machine | None:
        ours = [m for m in context.testbed.machines() if m.name == name and m.id not in gone]
        if not ours:
            context.say("asked for; not listed yet")
            return None
        machine = ours[0]
        if machine.failed:
            reason = f": {machine.fault}" if machine.fault else ""
            what = f"the {machine.kind} {name!r} is in {machine.status}{reason}"
            raise ServerFailedError(what, **(_CONTAINER_HINTS if machine.kind == "container" else {}))
        if machine.up:
            return machine
        context.say(f"{machine.kind} is {machine.status}")
        return None

    return context.until(look, f"{name!r} to come up")


def _ids(context: StepContext) -> set[str]:
    return {machine.id for machine in context.testbed.machines()}


def address_bound(context: StepContext) -> dict[str, Any]:
    """Bind a floating IP to the machine, unless it has one, and see that it stayed bound."""
    machine = context.machine()
    if machine.addresses:
        held = [a for a in context.testbed.addresses() if a.address == machine.addresses[0]]
        return {"address": machine.addresses[0], "address_id": held[0].id if held else ""}
    address = _own_address(context) or _new_address(context)
    context.remember(address_id=address.id, address=address.address)
    context.testbed.attach_address(address, machine)

    def bound() -> Address | None:
        now = [a for a in context.testbed.addresses() if a.id == address.id]
        if not now:
            what = f"the floating IP {address.address} was taken away again"
            raise NoAddressError(what, likely="A sweep removed it.")
        return now[0] if address.address in context.machine().addresses or now[0].port_id else None

    context.until(bound, f"{address.address} to be bound")
    return {"address": address.address, "address_id": address.id}


def _own_address(context: StepContext) -> Address | None:
    remembered = context.facts(context.step_name).get("address_id")
    for address in context.testbed.addresses():
        if address.port_id is None and (address.id == remembered or address.label == context.settings.name):
            return address
    return None


def _new_address(context: StepContext) -> Address:
    # A class shares one project: an idle address may be one that a classmate allocated a second ago, so a new one
    # comes first, and an idle one that nobody described is only the way out when the pool is empty.
    try:
        return context.testbed.allocate_address(context.settings.name)
    except NoAddressError:
        idle = [a for a in context.testbed.addresses() if a.port_id is None and not a.label]
        if not idle:
            raise
        context.say(f"no new floating IP left; taking the idle {idle[0].address}")
        return idle[0]


def ssh_answers(context: StepContext) -> dict[str, Any]:
    """Wait until port 22 answers and a command really runs; return what the machine says about itself."""
    address = context.facts("address")["address"]
    try:
        context.until(
            lambda: True if context.testbed.reachable(address, SSH_PORT) else None,
            f"port {SSH_PORT} of {address} to answer",
        )
    except StepTimeoutError as error:
        hints = _VIRTUAL_HINTS if context.settings.option.resource == "flavor" else {}
        raise NotReachableError(error.what, **hints) from error
    last: NoKeyError | NotReachableError | None = None

    def signs_in() -> str | None:
        nonlocal last
        try:
            done = context.shell().run("uname -srm", timeout_s=30)
        except (NoKeyError, NotReachableError) as error:
            # The port opens some seconds before cloud-init writes the key, and the daemon may restart meanwhile.
            last = error
            context.say(f"the port answers, but not yet: {error.what}")
            return None
        if done.exit_code != 0:
            raise CommandFailedError(f"`uname` on {address} ended with {done.exit_code}: {done.output.strip()}")
        return done.output.strip()

    try:
        return {"kernel": context.until(signs_in, f"{address} to accept the SSH key")}
    except StepTimeoutError as error:
        raise (last or error) from error
