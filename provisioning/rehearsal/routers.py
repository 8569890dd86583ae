"""Neutron's routers of a project's own: they decide what a floating IP reaches; no packet travels through them."""

from typing import Any

from fastapi import APIRouter, Depends, Request

from provisioning.rehearsal import refusals
from provisioning.rehearsal.access import caller_of, door, world_of
from provisioning.rehearsal.catalogue import stable_id
from provisioning.rehearsal.networks import ROUTER_PORT, created, own, plug, record_of, wanted
from provisioning.rehearsal.store import Document

router = APIRouter(prefix="/{site}/network/v2.0", dependencies=[Depends(door("network"))])


@router.get("/routers")
async def list_routers(site: str, request: Request) -> dict[str, Any]:
    """List the project's routers."""
    found = world_of(request).store.find("router", site=site, project_id=caller_of(request).project_id)
    return {"routers": wanted(request, [_router_body(one) for one in found])}


@router.get("/routers/{router_id}")
async def show_router(site: str, router_id: str, request: Request) -> dict[str, Any]:
    """Show one of the project's routers."""
    return {"router": _router_body(own(request, site, "router", router_id))}


@router.post("/routers", status_code=201)
async def create_routers(site: str, request: Request) -> dict[str, Any]:
    """Create a router, with or without a way to the public network."""

    def make(asked: dict[str, Any]) -> dict[str, Any]:
        outside = (asked.get("external_gateway_info") or {}).get("network_id")
        if outside not in (None, stable_id("network", site, "public")):
            raise refusals.neutron(400, "BadRequest", f"Network {outside} is not an external network")
        record = record_of(caller_of(request), site, asked) | {"gateway": outside, "routes": []}
        return _router_body(world_of(request).store.put("router", record))

    return await created(request, "router", make)


@router.delete("/routers/{router_id}", status_code=204)
async def delete_router(site: str, router_id: str, request: Request) -> None:
    """Delete a router that stands in no subnet any more."""
    world, found = world_of(request), own(request, site, "router", router_id)
    if world.store.find("port", device_id=found["id"]):
        raise refusals.neutron(409, "RouterInUse", f"Router {router_id} still has ports")
    world.store.remove("router", found["id"])


@router.put("/routers/{router_id}/add_router_interface")
async def add_interface(site: str, router_id: str, request: Request) -> dict[str, Any]:
    """Let a router stand in a subnet, at the subnet's gateway address or at a port that was made for it."""
    world, found, asked = world_of(request), own(request, site, "router", router_id), await request.json()
    if asked.get("port_id"):
        port = own(request, site, "port", asked["port_id"])
        if port["device_id"]:
            raise refusals.neutron(409, "PortInUse", f"Port {port['id']} is in use by device {port['device_id']}.")
        port = world.store.put("port", port | {"device_id": found["id"], "owner": ROUTER_PORT})
    else:
        subnet = own(request, site, "subnet", str(asked.get("subnet_id")))
        if any(one["owner"] == ROUTER_PORT for one in world.store.find("port", subnet_id=subnet["id"])):
            message = f"Bad router request: Router already has a port on subnet {subnet['id']}."
            raise refusals.neutron(400, "BadRequest", message)
        network = own(request, site, "network", subnet["network_id"])
        machine = {"id": found["id"], "site": site, "project_id": found["project_id"]}
        port = plug(world, machine, ROUTER_PORT, network, subnet["id"], subnet["gateway_ip"])
    return _interface(found, port)


@router.put("/routers/{router_id}/remove_router_interface")
async def remove_interface(site: str, router_id: str, request: Request) -> dict[str, Any]:
    """Take a router out of a subnet."""
    world, found, asked = world_of(request), own(request, site, "router", router_id), await request.json()
    for port in world.store.find("port", device_id=found["id"]):
        if (
            asked.get("port_id", port["id"]) == port["id"]
            and asked.get("subnet_id", port["subnet_id"]) == port["subnet_id"]
        ):
            world.store.remove("port", port["id"])
            return _interface(found, port)
    message = f"Router {router_id} has no interface on {asked.get('subnet_id') or asked.get('port_id')}"
    raise refusals.neutron(404, "RouterInterfaceNotFoundForSubnet", message)


@router.put("/routers/{router_id}/{change}_extraroutes")
async def change_routes(site: str, router_id: str, change: str, request: Request) -> dict[str, Any]:
    """Add routes to a router, or remove them; they are kept, and lead nowhere."""
    found, asked = own(request, site, "router", router_id), (await request.json())["router"]["routes"]
    kept = [route for route in found["routes"] if route not in asked]
    routes = kept + asked if change == "add" else kept
    return {"router": _router_body(world_of(request).store.put("router", found | {"routes": routes}))}


def _router_body(found: Document) -> dict[str, Any]:
    """Return a router as Neutron shows it."""
    outside = {"network_id": found["gateway"], "enable_snat": True, "external_fixed_ips": []}
    return {
        "id": found["id"],
        "name": found["name"],
        "description": found["description"],
        "status": "ACTIVE",
        "admin_state_up": True,
        "external_gateway_info": outside if found["gateway"] else None,
        "routes": found["routes"],
        "tenant_id": found["project_id"],
        "project_id": found["project_id"],
    }


def _interface(found: Document, port: Document) -> dict[str, Any]:
    """Return what Neutron answers to a router's change."""
    place = {"network_id": port["network_id"], "subnet_id": port["subnet_id"], "subnet_ids": [port["subnet_id"]]}
    return {"id": found["id"], "tenant_id": found["project_id"], "port_id": port["id"], **place}
