"""Blazar over HTTP: leases, hosts, devices and who holds them."""

from typing import Any

from fastapi import APIRouter, Depends, Request

from provisioning.rehearsal import leases, refusals
from provisioning.rehearsal.access import caller_of, door, world_of
from provisioning.rehearsal.catalogue import Resource
from provisioning.rehearsal.clock import blazar_stamp, created_stamp
from provisioning.rehearsal.store import Document
from provisioning.rehearsal.world import World

router = APIRouter(prefix="/{site}/reservation/v1", dependencies=[Depends(door("reservation"))])

_COLLECTIONS = {"os-hosts": "host", "devices": "device"}


@router.get("/leases")
async def list_leases(site: str, request: Request) -> dict[str, Any]:
    """List the project's leases, ended ones included."""
    world, project_id = world_of(request), caller_of(request).project_id
    found = world.store.find("lease", site=site, project_id=project_id)
    return {"leases": [leases.lease_body(lease, world.now()) for lease in found]}


@router.post("/leases", status_code=201)
async def create_lease(site: str, request: Request) -> dict[str, Any]:
    """Make a lease. Two leases may have one name: Blazar does not mind, and neither do we."""
    world, caller = world_of(request), caller_of(request)
    lease = leases.create(world, caller, site, await request.json())
    world.note("lease created", name=lease["name"], project=lease["project"], user=caller.user)
    return {"lease": leases.lease_body(lease, world.now())}


@router.get("/leases/{lease_id}")
async def show_lease(site: str, lease_id: str, request: Request) -> dict[str, Any]:
    """Show a lease by its id; a name is answered 404, and python-chi then looks through the list."""
    lease = _own_lease(request, site, lease_id)
    return {"lease": leases.lease_body(lease, world_of(request).now())}


@router.put("/leases/{lease_id}")
async def change_lease(site: str, lease_id: str, request: Request) -> dict[str, Any]:
    """Rename a lease or move its end, as long as nobody else holds its resources then."""
    world, lease = world_of(request), _own_lease(request, site, lease_id)
    asked = await request.json()
    lease["name"] = asked.get("name") or lease["name"]
    if asked.get("end_date"):
        _move_end(world, lease, leases.read_date(asked["end_date"], world.now(), "end_date"))
    world.store.put("lease", lease)
    return {"lease": leases.lease_body(lease, world.now())}


@router.delete("/leases/{lease_id}", status_code=204)
async def delete_lease(site: str, lease_id: str, request: Request) -> None:
    """Delete a lease and everything that runs on it."""
    world, lease = world_of(request), _own_lease(request, site, lease_id)
    world.release(lease)
    world.store.remove("lease", lease["id"])
    world.note("lease deleted", name=lease["name"], project=lease["project"])


@router.get("/{collection}/allocations")
async def list_allocations(site: str, collection: str, request: Request) -> dict[str, Any]:
    """Show who holds each host or device, from now to three weeks ahead."""
    world, kind = world_of(request), _kind(collection)
    return {"allocations": [_allocation(world, r) for r in world.catalogue.at(site, kind)]}


@router.get("/{collection}/properties")
async def list_properties(site: str, collection: str, request: Request) -> dict[str, Any]:
    """List what a reservation can ask for."""
    kind = _kind(collection)
    values: dict[str, list[str]] = {}
    for resource in world_of(request).catalogue.at(site, kind):
        for name, value in resource.properties().items():
            if str(value) not in values.setdefault(name, []):
                values[name].append(str(value))
    return {
        "resource_properties": [
            {"property": name, "private": False, "is_unique": False, "values": found} for name, found in values.items()
        ]
    }


@router.get("/{collection}/{resource_id}/allocation")
async def show_allocation(site: str, collection: str, resource_id: str, request: Request) -> dict[str, Any]:
    """Show who holds one host. For devices the real service fails, so python-chi never asks."""
    if _kind(collection) == "device":
        raise refusals.blazar(500, "Internal Server Error")
    return {"allocation": _allocation(world_of(request), _resource(request, site, collection, resource_id))}


@router.get("/{collection}")
async def list_resources(site: str, collection: str, request: Request) -> dict[str, Any]:
    """List a site's hosts or devices."""
    kind = _kind(collection)
    return {f"{kind}s": [_resource_body(r) for r in world_of(request).catalogue.at(site, kind)]}


@router.get("/{collection}/{resource_id}")
async def show_resource(site: str, collection: str, resource_id: str, request: Request) -> dict[str, Any]:
    """Show one host or device."""
    return {_kind(collection): _resource_body(_resource(request, site, collection, resource_id))}


def _own_lease(request: Request, site: str, lease_id: str) -> Document:
    """Return a lease of the caller's project, or refuse with 404 as if it did not exist."""
    lease = world_of(request).store.get("lease", lease_id)
    if lease is None or lease["site"] != site or lease["project_id"] != caller_of(request).project_id:
        raise refusals.blazar(404, f"Object with {{'lease_id': '{lease_id}'}} not found")
    return lease


def _move_end(world: World, lease: Document, end_s: float) -> None:
    """Set a lease's end, or refuse when it has passed already or somebody else comes next."""
    if end_s <= world.now():
        raise refusals.blazar(400, "End date must be later than current and start date.")
    if end_s - lease["start_s"] > leases.LONGEST_LEASE_S:
        raise refusals.blazar(400, "Lease duration must be at most seven days.")
    for reservation in lease["reservations"]:
        kind = "device" if reservation["resource_type"] == "device" else "host"
        for identifier in reservation["resource_ids"]:
            resource = world.resource(lease["site"], kind, identifier)
            held = leases.taken(world, resource, lease["end_s"], end_s)
            if any(h["lease_id"] != lease["id"] for h in held):
                raise refusals.blazar(500, f"Not enough {kind}s available")
    lease["end_s"] = end_s


def _kind(collection: str) -> str:
    """Return `host` or `device` for the path's collection, or refuse with 404."""
    if collection not in _COLLECTIONS:
        raise refusals.blazar(404, f"no collection {collection!r}")
    return _COLLECTIONS[collection]


def _resource(request: Request, site: str, collection: str, resource_id: str) -> Resource:
    """Return the resource that a path names, or refuse with 404."""
    found = world_of(request).catalogue.by_id(site, _kind(collection), resource_id)
    if found is None:
        raise refusals.blazar(404, f"Object with {{'id': '{resource_id}'}} not found")
    return found


def _allocation(world: World, resource: Resource) -> dict[str, Any]:
    """Return who holds a resource, as Blazar shows it: lease ids and dates, no names."""
    now_s = world.now()
    return {
        "resource_id": resource.id,
        "reservations": [
            {
                "id": held["id"],
                "lease_id": held["lease_id"],
                "start_date": blazar_stamp(held["start_s"]),
                "end_date": blazar_stamp(held["end_s"]),
            }
            for held in leases.taken(world, resource, now_s, now_s + leases.HORIZON_S)
        ],
    }


def _resource_body(resource: Resource) -> dict[str, Any]:
    """Return a host or a device as Blazar shows it."""
    body = {name: value if value is True else str(value) for name, value in resource.properties().items()}
    body |= {
        "id": resource.id,
        "uid": resource.uid,
        "reservable": True,
        "created_at": created_stamp(0.0),
        "updated_at": None,
    }
    if resource.kind == "host":
        body |= {
            "hypervisor_hostname": resource.uid,
            "hypervisor_type": "ironic",
            "hypervisor_version": 1,
            "vcpus": 1,
            "memory_mb": 0,
            "local_gb": 0,
            "cpu_info": "",
            "service_name": f"{resource.site}-compute",
            "status": None,
            "availability_zone": "nova",
            "trust_id": resource.uid.replace("-", ""),
        }
    return body
