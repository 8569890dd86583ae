"""The seam between this room and a testbed: a protocol and the plain values that cross it.

Everything above the seam (steps, release, sweep, planner) is written against :class:`Testbed` and
knows nothing of python-chi. `provisioning.chameleon` implements it, for the real sites and for the
rehearsal alike; tests do it in memory. Calls are single requests. None waits: the steps poll, so
that a wait can be watched and cancelled.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

MachineKind = Literal["server", "container"]
ResourceKind = Literal["node", "device", "flavor", "own"]

#: Blazar's keys for one named machine: a node, and a device.
_NAME_KEYS = ("$node_name", "$name", "$device_name")


@dataclass(frozen=True)
class Reservation:
    """One resource inside a lease."""

    #: Identifier that a server or container names to be placed on the reserved resource.
    id: str
    #: Blazar's resource type: ``physical:host``, ``device``, ``flavor:instance``.
    resource_type: str
    #: What was asked for, as Blazar keeps it: ``["==", "$node_name", "liqid01"]``; empty where it
    #: keeps nothing.
    condition: str = ""

    @property
    def node(self) -> str:
        """The one machine that is named, or a virtual one's flavor; an empty text where any of a
        type was asked for.
        """
        try:
            return _named(json.loads(self.condition))
        except ValueError:
            return ""


def _named(terms: object) -> str:
    match terms:
        case ["==", str(key), str(value)] if key in _NAME_KEYS:
            return value
        case ["and", *parts]:
            return next(filter(None, map(_named, parts)), "")
        case {"name": str(flavor), "vcpus": _}:
            return flavor
    return ""


@dataclass(frozen=True)
class Lease:
    """A reservation of resources for a block of time."""

    id: str
    name: str
    #: Blazar's word in capitals: PENDING, STARTING, ACTIVE, TERMINATED, ERROR, …
    status: str
    #: Block of time, with time zone UTC.
    start: datetime
    end: datetime
    #: The reserved resources, in the order of the request.
    reservations: tuple[Reservation, ...] = ()
    #: When it was made, UTC; None where the service does not say.
    created: datetime | None = None

    @property
    def node(self) -> str:
        """The machine that it names; an empty text where it names none."""
        return next((each.node for each in self.reservations if each.node), "")


@dataclass(frozen=True)
class LeaseRequest:
    """The resources to reserve, and the time."""

    name: str
    #: The reserved resource: a bare-metal node, an edge device, or a KVM flavour.
    resource: ResourceKind
    #: Node type, device machine name, or flavour name.
    type: str
    #: Start with time zone, or None for now.
    start: datetime | None
    #: End with time zone.
    end: datetime
    #: One named node or device; None takes any of the type.
    node: str | None = None


@dataclass(frozen=True)
class Machine:
    """A server (bare metal or KVM) or an edge container."""

    id: str
    name: str
    kind: MachineKind
    #: The service's word in capitals: BUILD, ACTIVE, ERROR for servers; CREATING, RUNNING, ERROR
    #: for containers.
    status: str
    addresses: tuple[str, ...] = ()
    #: The service's reason when the status is ERROR, else empty.
    fault: str = ""
    #: When it was made, UTC; None where the service does not say.
    created: datetime | None = None

    @property
    def up(self) -> bool:
        """True when the service calls it usable."""
        return self.status in {"ACTIVE", "RUNNING"}

    @property
    def failed(self) -> bool:
        """True when it will not come up by itself."""
        return self.status in {"ERROR", "DEAD", "STOPPED", "DELETED", "SHUTOFF"}


@dataclass(frozen=True)
class Address:
    """A floating IP that the project holds."""

    id: str
    address: str
    #: Network port it is bound to; None while idle.
    port_id: str | None = None
    #: Tag or text set at allocation; ours is the resource name, so that a sweep can tell whose it
    #: is.
    label: str = ""
    #: When it was allocated, UTC; None where the service does not say.
    created: datetime | None = None


@dataclass(frozen=True)
class Volume:
    """A disk of the volume service, from which a virtual machine boots."""

    id: str
    #: Ours carry the resource name.
    name: str
    #: The service's word: creating, downloading, available, in-use, deleting, error.
    status: str
    #: When it was made, UTC; None where the service does not say.
    created: datetime | None = None

    @property
    def failed(self) -> bool:
        """True when it will never hold an image."""
        return self.status.startswith("error")


@dataclass(frozen=True)
class SecurityGroup:
    """A security group: traffic that it allows reaches the virtual machines in it."""

    id: str
    #: Ours carry the resource name.
    name: str
    #: Neutron's answer is not asked for it.
    created: None = None


@dataclass(frozen=True)
class Booking:
    """A time in which a resource is booked."""

    start: datetime
    end: datetime
    #: Lease that it belongs to, which may be a stranger's; empty where the service does not say.
    lease_id: str = field(default="", compare=False)


@dataclass(frozen=True)
class Resource:
    """A node or device of one type, or the room for one virtual machine, and when it is taken."""

    #: Site's name, such as ``CHI@TACC``.
    site: str
    #: Name by which it is reserved: node name or device name. A virtual machine has none, and this
    #: only numbers them.
    name: str
    #: Node type or device machine name.
    type: str
    #: False while the site has taken it out of service.
    reservable: bool = True
    #: Known bookings, in any order.
    bookings: tuple[Booking, ...] = ()


@dataclass(frozen=True)
class Completed:
    """How a command on a machine ended."""

    #: 0 when it did what it should.
    exit_code: int
    #: Everything it printed, standard error included.
    output: str


@dataclass(frozen=True)
class Way:
    """How SSH reaches a machine."""

    host: str
    #: File of the private key; SSH's usual ones when empty.
    key: str = ""
    #: Account to sign in with: that of all of Chameleon's own images.
    user: str = "cc"
    port: int = 22
    #: File that must hold the machine's host key; empty where a new key is the rule, since
    #: addresses go from lease to lease.
    known_hosts: str = ""
    #: Folder below the account's home that is the home of every command; empty for the account's.
    folder: str = ""

    def inside(self, command: str) -> str:
        """Return a command for ``sh`` that runs in the way's folder."""
        if not self.folder:
            return command
        # Whatever a program would write to the account's home goes there, too. The scripts ask for
        # LABS_OWN before they change anything of the system's.
        return (
            f'cd "$HOME"/{shlex.quote(self.folder)} || exit 72\n'
            'export HOME="$PWD" TMPDIR="$PWD/tmp" LABS_OWN=yes\n'
            "unset XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME XDG_RUNTIME_DIR\n"
            f"{command}"
        )


class Shell(Protocol):
    """A way to run commands on a machine and to put files there."""

    def run(self, command: str, *, timeout_s: float = 60.0) -> Completed:
        """Return how the command ended; a non-zero exit code does not raise."""

    def put(self, source: Path, target: str) -> None:
        """Copy one local file to an absolute path, or one under the remote home, on the machine."""


class Testbed(Protocol):
    """One site of a testbed, seen by one project."""

    #: Name of the site, such as ``CHI@TACC``.
    site: str

    def leases(self) -> Sequence[Lease]:
        """Return the project's leases that are visible to this account."""

    def reserve(self, request: LeaseRequest) -> Lease:
        """Return the new lease, which may still be PENDING."""

    def extend_lease(self, lease_id: str, end: datetime) -> Lease:
        """Return the lease with another end; the site refuses if the next time is booked."""

    def delete_lease(self, lease_id: str) -> None:
        """Ask for the lease's deletion; a missing one is fine."""

    def machines(self) -> Sequence[Machine]:
        """Return servers and containers; a site has one of the two."""

    def boot(
        self, name: str, reservation_id: str, image: str, flavor: str, volume_id: str = ""
    ) -> None:
        """Ask for a server on a reservation, which boots from a volume where one is named and takes
        it along at its end; look it up by name afterwards.
        """

    def volumes(self) -> Sequence[Volume]:
        """Return the project's volumes; a site of bare metal or devices has none."""

    def make_volume(self, name: str, image: str, size_gb: int) -> None:
        """Ask for a volume that holds an image; look it up by name afterwards."""

    def delete_volume(self, volume_id: str) -> None:
        """Ask for the deletion of a volume that no machine holds; a missing one is fine."""

    def launch(
        self,
        name: str,
        reservation_id: str,
        image: str,
        ports: Sequence[int],
        environment: Mapping[str, str],
    ) -> None:
        """Ask for a container on a reserved device with some TCP ports open; look it up by name
        afterwards.
        """

    def delete_machine(self, machine: Machine) -> None:
        """Ask for its deletion; a missing one is fine."""

    def addresses(self) -> Sequence[Address]:
        """Return the project's floating IPs."""

    def allocate_address(self, label: str) -> Address:
        """Return a floating IP that is new to the project.

        Raises:
            provisioning.testbed.errors.NoAddressError: there is none.
        """

    def attach_address(self, address: Address, machine: Machine) -> None:
        """Bind the floating IP to the machine's first port that can carry it."""

    def delete_address(self, address_id: str) -> None:
        """Give the floating IP back; a missing one is fine."""

    def let_in(self, name: str, port: int, machine: Machine) -> None:
        """Put a virtual machine into the security group of that name, which lets a TCP port in;
        make it if necessary.
        """

    def groups(self) -> Sequence[SecurityGroup]:
        """Return the project's security groups."""

    def delete_group(self, group_id: str) -> None:
        """Delete a security group that no machine is in; a missing one is fine."""

    def shell(self, machine: Machine) -> Shell:
        """Return a shell on the machine: SSH for servers, the container service's execute for
        containers.
        """

    def way(self, machine: Machine) -> Way | None:
        """Return how SSH reaches the machine, with the key that ``shell`` uses; None for a
        container.
        """

    def resources(self, kind: ResourceKind, type_name: str) -> Sequence[Resource]:
        """Return every node or device of the type, or room for a virtual machine, with its
        bookings.
        """
