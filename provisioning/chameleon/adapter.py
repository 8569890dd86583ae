"""A Chameleon site through python-chi: the only file that imports ``chi``.

It serves the real sites and the rehearsal testbed alike, which differ by environment variables
only. It works around these faults of python-chi 1.2.6 to 1.2.10:

- `submit` and `wait` return normally when the resource went to ERROR, print, and need a widget:
  nothing here waits.
- `Container.submit(idempotent=True)` leaves ``id`` None, `Server.submit` may return another object:
  everything is looked up again by name.
- `Lease(duration=…)` counts from now, whatever the start: an end date is always given.
- 1.2.6 always waits half an hour inside `create_container`, and its `destroy_container` cannot
  force: containers are made and deleted with the client.
- `add_device_reservation` passes ``amount=None`` on: always 1.
- `get_lease` calls a duplicate name missing, and `create_lease` logs Blazar's reason and drops it:
  leases are listed and made with the client that python-chi configures.
- `list_servers` makes four more requests a server and fails on a deleted image: the client's list
  is read.
- `check_connectivity` tries localhost when there is no floating IP: an address is required here.
- the chosen site is process-wide: one lock guards it, and every call names its site.
- its requests have no time-out, and without its list of sites `use_site` prints a hint and
  continues with the old site.
"""

import contextlib
import functools
import io
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import chi
import chi.container
import chi.context
import chi.hardware
import chi.image
import chi.lease
import chi.network
import chi.server
import requests
from chi import clients

from provisioning.chameleon import replies
from provisioning.chameleon.replies import explain, unless_absent, unless_missing, unread
from provisioning.chameleon.shells import ContainerShell, SshShell
from provisioning.testbed import (
    Address,
    Lease,
    LeaseRequest,
    Machine,
    Resource,
    ResourceKind,
    SecurityGroup,
    Volume,
    Way,
)
from provisioning.testbed.errors import NoKeyError, ProvisioningError, ServiceBusyError

#: python-chi keeps the chosen site and its session in module globals.
_CHI = threading.RLock()

# The client that python-chi uses says at every request that it is deprecated; a student can do
# nothing about it. The other one's error contains its warnings.
for _chatty in ("neutronclient", "keystoneauth"):
    logging.getLogger(_chatty).setLevel(logging.ERROR)


#: Seconds until a first reply, and then for each piece of an answer.
_PATIENCE_S = (15, 90)


class _PatientRequests:
    """The functions of ``requests`` that python-chi uses, with a time limit."""

    exceptions = requests.exceptions

    @staticmethod
    def get(url: str) -> requests.Response:
        return requests.get(url, timeout=_PATIENCE_S)


chi.context.requests = chi.hardware.requests = _PatientRequests


def _call(doing: str, patience_s: tuple[float, float] | None = None) -> Callable:
    """Make a method a request to this testbed's site, with errors that a student can act on."""

    def wrap(method: Callable) -> Callable:
        @functools.wraps(method)
        def request(self: "ChameleonTestbed", *args: Any, **kwargs: Any) -> Any:
            with _CHI:
                try:
                    self._use_site()
                    chi.context.session().session.timeout = patience_s or _PATIENCE_S
                    return method(self, *args, **kwargs)
                except Exception as error:
                    raise explain(error, f"{doing} at {self.site}") from error

        return request

    return wrap


class ChameleonTestbed:
    """One site, seen by the project that the environment names (``OS_PROJECT_NAME``)."""

    def __init__(self, site: str):
        self.site = site

    def _use_site(self) -> None:
        if chi.context.get("region_name") != self.site:
            chi.context.list_sites()
            # It prints four lines each time; a sweep over three sites would drown its own table.
            with (
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                chi.use_site(self.site)

    @_call("listing leases")
    def leases(self) -> tuple[Lease, ...]:
        return tuple(replies.lease(document) for document in clients.blazar().lease.list())

    @_call("reserving")
    def reserve(self, request: LeaseRequest) -> Lease:
        # Only its lists of reservations are used; the dates go below, where a time zone is not
        # dropped.
        lease = chi.lease.Lease(request.name, end_date=request.end)
        if request.resource == "flavor":
            lease.add_flavor_reservation(name=request.type, amount=1)
            reservations = lease.flavor_reservations
        elif request.resource == "device":
            if request.node:
                lease.add_device_reservation(amount=1, device_name=request.node)
            else:
                lease.add_device_reservation(amount=1, machine_type=request.type)
            reservations = lease.device_reservations
        else:
            if request.node:
                lease.add_node_reservation(amount=1, node_name=request.node)
            else:
                lease.add_node_reservation(amount=1, node_type=request.type)
            reservations = lease.node_reservations
        created = clients.blazar().lease.create(
            name=request.name,
            start=_utc(request.start) if request.start else "now",
            end=_utc(request.end),
            reservations=list(reservations),
            events=[],
        )
        return replies.lease(created)

    @_call("extending the lease")
    def extend_lease(self, lease_id: str, end: datetime) -> Lease:
        extended = clients.blazar().lease.update(lease_id, end_date=_utc(end))
        return replies.lease(extended)

    @_call("deleting the lease")
    def delete_lease(self, lease_id: str) -> None:
        unless_missing(lambda: clients.blazar().lease.delete(lease_id))

    @_call("listing servers and containers")
    def machines(self) -> tuple[Machine, ...]:
        servers = unless_absent(lambda: clients.nova().servers.list())
        containers = unless_absent(lambda: clients.zun().containers.list())
        addresses_by_port = {}
        if containers:
            for address in chi.network.list_floating_ips():
                if address["port_id"]:
                    addresses_by_port[address["port_id"]] = address["floating_ip_address"]
        machines = [replies.server(reply) for reply in servers]
        machines += [replies.container(reply, addresses_by_port) for reply in containers]
        return tuple(machines)

    @_call("booting the server")
    def boot(
        self, name: str, reservation_id: str, image: str, flavor: str, volume_id: str = ""
    ) -> None:
        keypair = chi.server.update_keypair()
        if keypair is None:
            raise NoKeyError("there is no SSH key pair to put on the server")
        if flavor == chi.server.BAREMETAL_FLAVOR:
            server = chi.server.Server(
                name,
                reservation_id=reservation_id,
                image_name=image,
                flavor_name=flavor,
                keypair=keypair,
            )
            server.submit(wait_for_active=False, show=None)
            return
        # The web page's request for a virtual machine. python-chi would send bare metal's hint, and
        # an image beside a volume. Nova deletes the volume with the server, so none is left behind.
        source: dict[str, Any]
        if volume_id:
            disk = {
                "boot_index": 0,
                "delete_on_termination": True,
                "source_type": "volume",
                "destination_type": "volume",
                "uuid": volume_id,
            }
            source = {"block_device_mapping_v2": [disk]}
        else:
            source = {"image_id": chi.image.get_image_id(image)}
        flavor_id = chi.server.get_flavor_id(flavor)
        network_id = chi.network.get_network_id(chi.server.DEFAULT_NETWORK)
        clients.connection().compute.create_server(
            name=name,
            flavor_id=flavor_id,
            key_name=keypair.name,
            networks=[{"uuid": network_id}],
            **source,
        )

    @_call("listing volumes")
    def volumes(self) -> tuple[Volume, ...]:
        listed = unless_absent(lambda: clients.cinder().volumes.list())
        return tuple(replies.volume(reply) for reply in listed)

    @_call("making the volume")
    def make_volume(self, name: str, image: str, size_gb: int) -> None:
        image_id = chi.image.get_image_id(image)
        clients.cinder().volumes.create(size_gb, name=name, imageRef=image_id)

    @_call("deleting the volume")
    def delete_volume(self, volume_id: str) -> None:
        unless_missing(lambda: clients.cinder().volumes.delete(volume_id))

    @_call("launching the container")
    def launch(
        self,
        name: str,
        reservation_id: str,
        image: str,
        ports: Sequence[int],
        environment: Mapping[str, str],
    ) -> None:
        opened: dict[str, dict] = {f"{port}/tcp": {} for port in ports}
        container = chi.container.Container(
            name,
            image,
            exposed_ports=list(opened),
            reservation_id=reservation_id,
            environment=dict(environment),
        )
        clients.zun().containers.create(
            name=container.name,
            image=container.image_ref,
            exposed_ports=opened,
            hints={"reservation": reservation_id},
            runtime=container.runtime,
            environment=container.environment,
            device_profiles=container.device_profiles,
        )

    @_call("deleting the machine")
    def delete_machine(self, machine: Machine) -> None:
        """Ask for its deletion. A container is forced: without that, one in Error refuses to go."""
        if machine.kind == "container":
            unless_missing(lambda: clients.zun().containers.delete(machine.id, force=True))
        else:
            unless_missing(lambda: clients.nova().servers.delete(machine.id))

    @_call("listing floating IPs")
    def addresses(self) -> tuple[Address, ...]:
        return tuple(replies.address(document) for document in chi.network.list_floating_ips())

    @_call("allocating a floating IP")
    def allocate_address(self, label: str) -> Address:
        network = chi.network.get_network_id(chi.network.PUBLIC_NETWORK)
        body = {"floating_network_id": network, "description": label}
        address = clients.neutron().create_floatingip({"floatingip": body})["floatingip"]
        # A tag as well: python-chi can set and list it, and the web page shows it.
        clients.neutron().replace_tag("floatingips", address["id"], {"tags": [label]})
        return replies.address({**address, "tags": [label]})

    @_call("binding the floating IP")
    def attach_address(self, address: Address, machine: Machine) -> None:
        module = chi.container if machine.kind == "container" else chi.server
        bound = module.associate_floating_ip(machine.id, address.address)
        if bound is None:
            # python-chi returns None, not an error, when the container has no port yet.
            raise ServiceBusyError(f"{machine.name} has no network port yet")

    @_call("giving the floating IP back")
    def delete_address(self, address_id: str) -> None:
        unless_missing(lambda: clients.neutron().delete_floatingip(address_id))

    @_call("letting SSH in")
    def let_in(self, name: str, port: int, machine: Machine) -> None:
        """Make the group where it is missing, and put the machine into it."""
        description = f"Port {port}, model serving labs"
        group = chi.network.SecurityGroup({"name": name, "description": description})
        group.add_rule("ingress", "tcp", port)
        group.submit(idempotent=True)
        clients.nova().servers.add_security_group(machine.id, name)

    @_call("listing security groups")
    def groups(self) -> tuple[SecurityGroup, ...]:
        documents = clients.neutron().list_security_groups()["security_groups"]
        return tuple(SecurityGroup(group["id"], group["name"]) for group in documents)

    @_call("deleting the security group")
    def delete_group(self, group_id: str) -> None:
        unless_missing(lambda: clients.neutron().delete_security_group(group_id))

    def shell(self, machine: Machine) -> SshShell | ContainerShell:
        if machine.kind == "container":
            execute = functools.partial(self._execute, machine.id)
            upload = functools.partial(self._upload, machine.id)
            return ContainerShell(execute, upload)
        return SshShell(self._way(machine))

    def way(self, machine: Machine) -> Way | None:
        """Return how SSH reaches the machine, with the key that python-chi signs in with."""
        return None if machine.kind == "container" else self._way(machine)

    def _way(self, machine: Machine) -> Way:
        if not machine.addresses:
            raise ServiceBusyError(f"{machine.name} has no floating IP yet")
        return Way(machine.addresses[0], chi.context.get("keypair_private_key") or "")

    @_call("running a command in the container", (15, 600))
    def _execute(self, container_id: str, line: str) -> tuple[str, object]:
        reply = chi.container.execute(container_id, line)
        return reply.get("output") or "", reply.get("exit_code")

    @_call("copying into the container")
    def _upload(self, container_id: str, source: str, folder: str) -> None:
        chi.container.upload(container_id, source, folder)

    def resources(self, kind: ResourceKind, type_name: str) -> tuple[Resource, ...]:
        try:
            return self._calendar(kind, type_name)
        except ProvisioningError as error:
            raise unread(error) from error

    @_call("reading the calendar")
    def _calendar(self, kind: ResourceKind, type_name: str) -> tuple[Resource, ...]:
        blazar = clients.blazar()
        resources = []
        if kind == "node":
            ids = {host["hypervisor_hostname"]: str(host["id"]) for host in blazar.host.list()}
            taken = replies.bookings(blazar.host.list_allocations())
            for node in chi.hardware.get_nodes(node_type=type_name):
                blazar_id = ids.get(node.uid)
                resources.append(replies.resource(node, self.site, blazar_id, taken))
        elif kind == "device":
            ids = {device["uid"]: str(device["id"]) for device in blazar.device.list()}
            taken = replies.bookings(blazar.device.list_allocations())
            for device in chi.hardware.get_devices(device_type=type_name):
                blazar_id = ids.get(device.uuid)
                resources.append(replies.resource(device, self.site, blazar_id, taken))
        else:
            flavor_id = chi.server.get_flavor_id(type_name)
            answer = blazar.flavor_instance.get_availability(flavor_id=flavor_id)
            return replies.rooms(answer["flavor_instances"], self.site, type_name)
        return tuple(resources)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(chi.lease.BLAZAR_TIME_FORMAT)
