"""Neutron's networks, subnets and ports of a project's own: kept as state; no packet travels in them.

A server that joins such a network gets an address of its subnet, and a floating IP where a router leads out of it. SSH
goes to the floating IP as on the shared network; two servers do not reach each other at their private addresses.
"""

import ipaddress
import uuid
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, Request

from provisioning.rehearsal import refusals
from provisioning.rehearsal.access import caller_of, door, world_of
from provisioning.rehearsal.catalogue import stable_id
from provisioning.rehearsal.store import Document
from provisioning.rehearsal.world import Caller, World

router = APIRouter(prefix="/{site}/network/v2.0", dependencies=[Depends(door("network"))])

#: What Neutron calls the port by which a router stands in a subnet.
ROUTER_PORT = "network:router_interface"
_NOUNS = {"network": "Network", "subnet": "Subnet", "router": "Router", "port": "Port"}


@router.get("/networks")
async def list_networks(site: str, request: Request) -> dict[str, Any]:
    """List the site's shared network, the public one, and the project's own."""
    return {"networks": wanted(request, _networks(world_of(request), site, caller_of(request)))}


@router.get("/networks/{network_id}")
async def show_network(site: str, network_id: str, request: Request) -> dict[str, Any]:
    """Show a network by its id."""
    for network in _networks(world_of(request), site, caller_of(request)):
        if network["id"] == network_id:
            return {"network": network}
    raise refusals.neutron(404, "NetworkNotFound", f"Network {network_id} could not be found.")


@router.post("/networks", status_code=201)
async def create_networks(site: str, request: Request) -> dict[str, Any]:
    """Create a network. On bare metal it is a VLAN, whatever else the request says of its provider."""
    return await created(
        request, "network", lambda asked: _new_network(world_of(request), caller_of(request), site, asked)
    )


@router.put("/networks/{network_id}/tags")
async def tag_network(site: str, network_id: str, request: Request) -> dict[str, Any]:
    """Replace the tags of one of the project's networks."""
    tags = (await request.json())["tags"]
    world_of(request).store.put("network", own(request, site, "network", network_id) | {"tags": tags})
    return {"tags": tags}


@router.delete("/networks/{network_id}", status_code=204)
async def delete_network(site: str, network_id: str, request: Request) -> None:
    """Delete a network with its subnets, unless something is still plugged into it."""
    world, network = world_of(request), own(request, site, "network", network_id)
    if world.store.find("port", network_id=network["id"]):
        message = (
            f"Unable to complete operation on network {network_id}. There are one or more ports still in use on it."
        )
        raise refusals.neutron(409, "NetworkInUse", message)
    for subnet in world.store.find("subnet", network_id=network["id"]):
        world.store.remove("subnet", subnet["id"])
    world.store.remove("network", network["id"])


@router.get("/subnets")
async def list_subnets(site: str, request: Request) -> dict[str, Any]:
    """List the shared network's one subnet, and the project's own."""
    world = world_of(request)
    mine = world.store.find("subnet", site=site, project_id=caller_of(request).project_id)
    return {"subnets": wanted(request, [_shared_subnet(world, site), *map(_subnet_body, mine)])}


@router.get("/subnets/{subnet_id}")
async def show_subnet(site: str, subnet_id: str, request: Request) -> dict[str, Any]:
    """Show a subnet by its id."""
    shared = _shared_subnet(world_of(request), site)
    return {"subnet": shared if subnet_id == shared["id"] else _subnet_body(own(request, site, "subnet", subnet_id))}


@router.post("/subnets", status_code=201)
async def create_subnets(site: str, request: Request) -> dict[str, Any]:
    """Create subnets in the project's own networks, one or several in a request."""
    return await created(request, "subnet", lambda asked: _new_subnet(request, site, asked))


@router.delete("/subnets/{subnet_id}", status_code=204)
async def delete_subnet(site: str, subnet_id: str, request: Request) -> None:
    """Delete a subnet in which nobody has an address."""
    world, subnet = world_of(request), own(request, site, "subnet", subnet_id)
    if world.store.find("port", subnet_id=subnet["id"]):
        message = (
            f"Unable to complete operation on subnet {subnet_id}: One or more ports have an IP allocation from it."
        )
        raise refusals.neutron(409, "SubnetInUse", message)
    world.store.remove("subnet", subnet["id"])


@router.post("/ports", status_code=201)
async def create_ports(site: str, request: Request) -> dict[str, Any]:
    """Create a port in one of the project's own networks, with a chosen address or the next free one."""

    def make(asked: dict[str, Any]) -> dict[str, Any]:
        world, network = world_of(request), own(request, site, "network", str(asked.get("network_id")))
        fixed = (asked.get("fixed_ips") or [{}])[0]
        machine = {"id": "", "site": site, "project_id": caller_of(request).project_id}
        port = plug(world, machine, "", network, fixed.get("subnet_id"), fixed.get("ip_address"))
        return port_body(world, world.store.put("port", port | {"name": asked.get("name") or ""}))

    return await created(request, "port", make)


@router.delete("/ports/{port_id}", status_code=204)
async def delete_port(site: str, port_id: str, request: Request) -> None:
    """Delete a port, unless a router needs it."""
    world, port = world_of(request), own(request, site, "port", port_id)
    if port["owner"] == ROUTER_PORT:
        message = f"Port {port_id} cannot be deleted directly via the port API: has device owner {ROUTER_PORT}."
        raise refusals.neutron(409, "L3PortInUse", message)
    world.store.remove("port", port["id"])


def wanted(request: Request, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the items that match the query's fields, as every Neutron list does."""
    asked = {k: v for k, v in request.query_params.items() if items and k in items[0]}
    return [item for item in items if all(str(item[k]) == v for k, v in asked.items())]


def own(request: Request, site: str, kind: str, identifier: str) -> Document:
    """Return a network, subnet, port or router of the caller's project, or refuse with 404."""
    found = world_of(request).store.get(kind, identifier)
    if found is None or found["site"] != site or found["project_id"] != caller_of(request).project_id:
        raise refusals.neutron(404, f"{_NOUNS[kind]}NotFound", f"{_NOUNS[kind]} {identifier} could not be found.")
    return found


def plug(
    world: World,
    machine: Document,
    owner: str,
    network: Document,
    subnet_id: str | None = None,
    address: str | None = None,
) -> Document:
    """Plug a machine into a project's own network and return the port.

    Args:
        world: The world.
        machine: What is plugged in: its `id`, `site` and `project_id`.
        owner: What Neutron calls that kind of machine.
        network: The network.
        subnet_id: One of its subnets; the first when None.
        address: An address of the subnet; the next free one when None.

    Raises:
        RefusalError: The network has no such subnet, or the address is taken or outside.
    """
    subnets = world.store.find("subnet", network_id=network["id"])
    subnet = next((one for one in subnets if subnet_id in (None, one["id"])), None)
    if subnet is None:
        raise refusals.neutron(400, "InvalidInput", f"Network {network['id']} has no subnet {subnet_id or 'at all'}.")
    taken = {one["fixed_ip"] for one in world.store.find("port", subnet_id=subnet["id"])}
    if address is None:
        first, last = (int(ipaddress.ip_address(end)) for end in subnet["pool"])
        free = (str(ipaddress.ip_address(number)) for number in range(first, last + 1))
        address = next((one for one in free if one not in taken and one != subnet["gateway_ip"]), None)
        if address is None:
            message = f"No more IP addresses available on network {network['id']}."
            raise refusals.neutron(409, "IpAddressGenerationFailure", message)
    elif address in taken:
        message = f"IP address {address} already allocated in subnet {subnet['id']}"
        raise refusals.neutron(409, "IpAddressAlreadyAllocated", message)
    elif ipaddress.ip_address(address) not in ipaddress.ip_network(subnet["cidr"]):
        raise refusals.neutron(
            400, "InvalidIpForSubnet", f"IP address {address} is not a valid IP for {subnet['cidr']}"
        )
    identifier = str(uuid.uuid4())
    port = {
        "id": identifier,
        "site": machine["site"],
        "project_id": machine["project_id"],
        "device_id": machine["id"],
        "owner": owner,
        "network_id": network["id"],
        "subnet_id": subnet["id"],
        "fixed_ip": address,
        "mac": "fa:16:3e:" + ":".join(identifier[i : i + 2] for i in (0, 2, 4)),
    }
    return world.store.put("port", port)


def leads_out(world: World, port: Document) -> bool:
    """Return whether a floating IP can be bound to a port: on the shared network, or behind a router with a gateway."""
    if "subnet_id" not in port:
        return True
    doors = [one for one in world.store.find("port", subnet_id=port["subnet_id"]) if one["owner"] == ROUTER_PORT]
    return any((world.store.get("router", one["device_id"]) or {}).get("gateway") for one in doors)


def network_name(world: World, port: Document) -> str:
    """Return the name of the network that a port is in."""
    network = world.store.get("network", port.get("network_id", ""))
    return network["name"] if network else world.catalogue.sites[port["site"]].network


def port_body(world: World, port: Document) -> dict[str, Any]:
    """Return a port as Neutron shows it."""
    site = port["site"]
    shared = stable_id("network", site, world.catalogue.sites[site].network)
    subnet_id = port.get("subnet_id") or stable_id("subnet", site)
    return {
        "id": port["id"],
        "name": port.get("name", ""),
        "status": "ACTIVE" if port["device_id"] else "DOWN",
        "admin_state_up": True,
        "network_id": port.get("network_id") or shared,
        "device_id": port["device_id"],
        "device_owner": port["owner"],
        "mac_address": port["mac"],
        "fixed_ips": [{"subnet_id": subnet_id, "ip_address": port["fixed_ip"]}],
        "security_groups": [],
        "tenant_id": port["project_id"],
        "project_id": port["project_id"],
    }


async def created(request: Request, noun: str, make: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Return what a request for one thing or for several made, in the same form."""
    asked = await request.json()
    if f"{noun}s" in asked:
        return {f"{noun}s": [make(one) for one in asked[f"{noun}s"]]}
    return {noun: make(asked.get(noun) or {})}


def record_of(caller: Caller, site: str, asked: dict[str, Any]) -> Document:
    """Return what the records of all a project's things have in common."""
    return {
        "id": str(uuid.uuid4()),
        "site": site,
        "project_id": caller.project_id,
        "name": asked.get("name") or "",
        "description": asked.get("description") or "",
    }


def _new_network(world: World, caller: Caller, site: str, asked: dict[str, Any]) -> dict[str, Any]:
    secure = bool(asked.get("port_security_enabled", True))
    record = record_of(caller, site, asked) | {"port_security": secure, "tags": [], "reservation_id": None}
    return _network_body(world, world.store.put("network", record))


def _new_subnet(request: Request, site: str, asked: dict[str, Any]) -> dict[str, Any]:
    world, network = world_of(request), own(request, site, "network", str(asked.get("network_id")))
    try:
        cidr = ipaddress.ip_network(str(asked.get("cidr")))
    except ValueError as error:
        raise refusals.neutron(400, "HTTPBadRequest", f"Invalid input for cidr. Reason: {error}.") from error
    for other in world.store.find("subnet", network_id=network["id"]):
        if cidr.overlaps(ipaddress.ip_network(other["cidr"])):
            message = f"Requested subnet with cidr: {cidr} for network: {network['id']} overlaps with another subnet."
            raise refusals.neutron(400, "InvalidInput", f"Invalid input for operation: {message}")
    pool = (asked.get("allocation_pools") or [{"start": str(cidr[2]), "end": str(cidr[-2])}])[0]
    record = record_of(caller_of(request), site, asked) | {
        "network_id": network["id"],
        "cidr": str(cidr),
        "gateway_ip": asked.get("gateway_ip") or str(cidr[1]),
        "pool": [pool["start"], pool["end"]],
    }
    return _subnet_body(world.store.put("subnet", record))


def _networks(world: World, site: str, caller: Caller) -> list[dict[str, Any]]:
    """Return the networks that a caller sees at a site: the shared one, the public one, and the project's own."""
    base = {"site": site, "project_id": "chameleon", "description": "", "port_security": False, "tags": []}
    ours = [
        _network_body(world, base | {"id": stable_id("network", site, name), "name": name}, shared=name != "public")
        for name in (world.catalogue.sites[site].network, "public")
    ]
    mine = world.store.find("network", site=site, project_id=caller.project_id)
    return [*ours, *(_network_body(world, one) for one in mine)]


def _network_body(world: World, network: Document, shared: bool = False) -> dict[str, Any]:
    """Return a network as Neutron shows it."""
    external = network["name"] == "public" and network["project_id"] == "chameleon"
    subnets = [one["id"] for one in world.store.find("subnet", network_id=network["id"])]
    return {
        "id": network["id"],
        "name": network["name"],
        "description": network["description"],
        "status": "ACTIVE",
        "admin_state_up": True,
        "shared": shared,
        "router:external": external,
        "provider:physical_network": "public" if external else "physnet1",
        "subnets": [stable_id("subnet", network["site"])] if shared else subnets,
        "mtu": 1500,
        "port_security_enabled": network["port_security"],
        "tags": network["tags"],
        "tenant_id": network["project_id"],
        "project_id": network["project_id"],
    }


def _shared_subnet(world: World, site: str) -> dict[str, Any]:
    """Return the shared network's one subnet."""
    name = world.catalogue.sites[site].network
    return _subnet_body(
        {
            "id": stable_id("subnet", site),
            "project_id": "chameleon",
            "name": f"{name}-subnet",
            "network_id": stable_id("network", site, name),
            "cidr": "10.52.0.0/22",
            "gateway_ip": "10.52.3.254",
            "pool": ["10.52.0.10", "10.52.3.250"],
        }
    )


def _subnet_body(subnet: Document) -> dict[str, Any]:
    """Return a subnet as Neutron shows it."""
    return {
        "id": subnet["id"],
        "name": subnet["name"],
        "network_id": subnet["network_id"],
        "cidr": subnet["cidr"],
        "gateway_ip": subnet["gateway_ip"],
        "allocation_pools": [dict(zip(("start", "end"), subnet["pool"], strict=True))],
        "ip_version": 4,
        "enable_dhcp": True,
        "tenant_id": subnet["project_id"],
        "project_id": subnet["project_id"],
    }
