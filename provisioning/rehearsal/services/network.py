"""Neutron: a site's shared network, the ports of machines in it, and floating IPs.

Networks, subnets and routers of a project's own are not rehearsed: whoever wants to make one is told so.
"""

from typing import Any

from fastapi import APIRouter, Depends, Request

from provisioning.rehearsal.catalogue import stable_id
from provisioning.rehearsal.services import refusals
from provisioning.rehearsal.services.access import all_own, body_of, caller_of, check, own, world_of
from provisioning.rehearsal.world.clock import stamp
from provisioning.rehearsal.world.store import Document
from provisioning.rehearsal.world.world import World

router = APIRouter(prefix="/{site}/network/v2.0", dependencies=[Depends(check("network"))])


@router.get("/networks")
async def list_networks(site: str, request: Request) -> dict[str, Any]:
    """List the site's shared network and the public one, from which floating IPs come."""
    return {"networks": wanted(request, _networks(world_of(request), site))}


@router.get("/networks/{network_id}")
async def show_network(site: str, network_id: str, request: Request) -> dict[str, Any]:
    """Show a network by its id."""
    for network in _networks(world_of(request), site):
        if network["id"] == network_id:
            return {"network": network}
    raise refusals.neutron(404, "NetworkNotFound", f"Network {network_id} could not be found.")


@router.get("/ports")
async def list_ports(request: Request) -> dict[str, Any]:
    """List the project's ports, by device for example."""
    world = world_of(request)
    return {"ports": wanted(request, [_port_body(world, port) for port in all_own(request, "port")])}


@router.get("/floatingips")
async def list_floating_ips(request: Request) -> dict[str, Any]:
    """List the project's floating IPs."""
    return {"floatingips": wanted(request, [_address_body(one) for one in all_own(request, "floating_ip")])}


@router.post("/floatingips", status_code=201)
async def create_floating_ip(site: str, request: Request) -> dict[str, Any]:
    """Allocate a floating IP to the project."""
    world, caller = world_of(request), caller_of(request)
    asked = await body_of(request, "floatingip")
    public = stable_id("network", site, "public")
    if asked.get("floating_network_id") != public:
        message = f"Network {asked.get('floating_network_id')} is not a valid external network"
        raise refusals.neutron(400, "BadRequest", message)
    drained = world.faults.strike("no-floating-ip", caller.user)
    address = None if drained else world.allocate_floating_ip(site, caller.project_id)
    if address is None:
        message = f"No more IP addresses available on network {public}."
        raise refusals.neutron(409, "IpAddressGenerationFailure", message)
    if asked.get("port_id"):
        address = _bind(request, address, asked["port_id"])
    return {"floatingip": _address_body(address)}


@router.put("/floatingips/{address_id}")
async def change_floating_ip(address_id: str, request: Request) -> dict[str, Any]:
    """Bind a floating IP to a port, or take it off with `port_id: null`."""
    address = _own(request, "floating_ip", address_id)
    asked = await body_of(request, "floatingip")
    if "port_id" in asked:
        address = _bind(request, address, asked["port_id"])
    return {"floatingip": _address_body(address)}


@router.put("/floatingips/{address_id}/tags")
async def tag_floating_ip(address_id: str, request: Request) -> dict[str, Any]:
    """Replace the tags of a floating IP."""
    address = _own(request, "floating_ip", address_id)
    tags = (await request.json())["tags"]
    world_of(request).store.put("floating_ip", address | {"tags": tags})
    return {"tags": tags}


@router.delete("/floatingips/{address_id}", status_code=204)
async def delete_floating_ip(address_id: str, request: Request) -> None:
    """Give a floating IP back."""
    world_of(request).store.remove("floating_ip", _own(request, "floating_ip", address_id)["id"])


def wanted(request: Request, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the items that match the query's fields, as every Neutron list does."""
    asked = {k: v for k, v in request.query_params.items() if items and k in items[0]}
    return [item for item in items if all(str(item[k]) == v for k, v in asked.items())]


def _bind(request: Request, address: Document, port_id: str | None) -> Document:
    """Point a floating IP at a port of the project, and save it."""
    world = world_of(request)
    fixed_ip = None
    if port_id is not None:
        fixed_ip = _own(request, "port", port_id)["fixed_ip"]
        if any(a["id"] != address["id"] for a in world.store.find("floating_ip", port_id=port_id)):
            message = f"Cannot associate floating IP {address['address']} with port {port_id}: it has one."
            raise refusals.neutron(409, "FloatingIPPortAlreadyAssociated", message)
    return world.store.put("floating_ip", address | {"port_id": port_id, "fixed_ip": fixed_ip})


def _own(request: Request, kind: str, identifier: str) -> Document:
    """Return a port or floating IP of the caller's project, or refuse with 404."""
    found = own(request, kind, identifier)
    if found is None:
        name = {"port": "Port", "floating_ip": "FloatingIP"}[kind]
        raise refusals.neutron(404, f"{name}NotFound", f"{name} {identifier} could not be found")
    return found


def _networks(world: World, site: str) -> list[dict[str, Any]]:
    """Return the networks of a site as Neutron shows them."""
    shared = world.catalogue.sites[site].network
    return [
        {
            "id": stable_id("network", site, name),
            "name": name,
            "status": "ACTIVE",
            "shared": name == shared,
            "router:external": name == "public",
            "subnets": [stable_id("subnet", site)] if name == shared else [],
            "project_id": "chameleon",
        }
        for name in (shared, "public")
    ]


def _port_body(world: World, port: Document) -> dict[str, Any]:
    """Return a port as Neutron shows it."""
    site = port["site"]
    return {
        "id": port["id"],
        "status": "ACTIVE",
        "network_id": stable_id("network", site, world.catalogue.sites[site].network),
        "device_id": port["device_id"],
        "device_owner": port["owner"],
        "mac_address": port["mac"],
        "fixed_ips": [{"subnet_id": stable_id("subnet", site), "ip_address": port["fixed_ip"]}],
        "project_id": port["project_id"],
    }


def _address_body(address: Document) -> dict[str, Any]:
    """Return a floating IP as Neutron shows it."""
    return {
        "id": address["id"],
        "floating_ip_address": address["address"],
        "floating_network_id": stable_id("network", address["site"], "public"),
        "fixed_ip_address": address["fixed_ip"],
        "port_id": address["port_id"],
        "status": "ACTIVE" if address["port_id"] else "DOWN",
        "description": "",
        "tags": address["tags"],
        "project_id": address["project_id"],
        "created_at": stamp(address["created_s"]),
    }
