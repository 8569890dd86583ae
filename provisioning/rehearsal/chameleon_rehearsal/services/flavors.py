"""Flavors: Nova's list of them, and the number of a flavor's virtual machines that Blazar can still
reserve.

Bare metal has one flavor, without information. A virtual machine's flavor gives its size. Virtual
machines are reserved by number: each reservation makes a new flavor, which starts the reserved
number of servers, on any host with room.
"""

import itertools
import json
from typing import Any

from fastapi import APIRouter, Depends, Request

from chameleon_rehearsal.catalogue import Flavors, stable_id
from chameleon_rehearsal.services import microversions, paging, refusals
from chameleon_rehearsal.services.access import all_own, check, world_of
from chameleon_rehearsal.world.bookings import booked_until_s, bookings
from chameleon_rehearsal.world.clock import lease_status
from chameleon_rehearsal.world.world import World

router = APIRouter(prefix="/{site}/compute/v2.1/flavors", dependencies=[Depends(check("compute"))])

#: Blazar's kind of reservation.
RESERVED = "flavor:instance"
#: The reservation's fields in the flavor that it made.
RESERVATION = "aggregate_instance_extra_specs:reservation"

#: A reserved number of a kind: start and end, in seconds since 1970, and the count.
Claim = tuple[float, float, int]


@router.get("")
async def list_flavors(request: Request) -> dict[str, Any]:
    """List the site's flavors and those of the project's reservations, by id and name."""
    shown, following = paging.page(request, visible(request))
    names = ("id", "name", "description", "links")
    bodies = [_shown(request, flavor) for flavor in shown]
    rows = [{name: body[name] for name in names if name in body} for body in bodies]
    return {"flavors": rows} | paging.links("flavors", following)


@router.get("/detail")
async def list_flavors_in_detail(request: Request) -> dict[str, Any]:
    """List the site's flavors and those of the project's reservations, with all fields."""
    shown, following = paging.page(request, visible(request))
    bodies = [_shown(request, flavor) for flavor in shown]
    return {"flavors": bodies} | paging.links("flavors", following)


@router.get("/{flavor_id}")
async def show_flavor(flavor_id: str, request: Request) -> dict[str, Any]:
    """Show a flavor by its id; a name is none."""
    return {"flavor": _shown(request, find(request, flavor_id))}


def _shown(request: Request, flavor: dict[str, Any]) -> dict[str, Any]:
    """Return a flavor as Nova shows it at the request's microversion."""
    version = microversions.of(request)
    root = f"{str(request.base_url).rstrip('/')}/{request.path_params['site']}/compute"
    path = f"flavors/{flavor['id']}"
    links = [
        {"rel": "self", "href": f"{root}/v2.1/{path}"},
        {"rel": "bookmark", "href": f"{root}/{path}"},
    ]
    # Nova shows an absent swap disk as a text without a number before version 2.75.
    swap = flavor["swap"] if flavor["swap"] or version >= (2, 75) else ""
    usual = {"OS-FLV-DISABLED:disabled": False, "os-flavor-access:is_public": True}
    body = {**flavor, **usual, "swap": swap, "rxtx_factor": 1.0, "links": links}
    for name, first in (("description", (2, 55)), ("extra_specs", (2, 61))):
        if version < first:
            del body[name]
    return body


@router.get("/{flavor_id}/os-extra_specs")
async def show_extra_specs(flavor_id: str, request: Request) -> dict[str, Any]:
    """Show what the scheduler reads of a flavor."""
    return {"extra_specs": find(request, flavor_id)["extra_specs"]}


def visible(request: Request) -> list[dict[str, Any]]:
    """Return the flavors that the caller sees at the site that was asked, as Nova shows them."""
    world, site = world_of(request), request.path_params["site"]
    if world.catalogue.sites[site].site_class == "baremetal":
        return [_body(stable_id("flavor", site, "baremetal"), "baremetal", 1, 1, 1, {})]
    shown = [of_kind(kind) for kind in kinds_at(world, site)]
    for lease in all_own(request, "lease"):
        if lease_status(lease, world.clock.now()) in ("PENDING", "ACTIVE"):
            shown += [
                _reserved(lease, reservation)
                for reservation in lease["reservations"]
                if reservation["resource_type"] == RESERVED
            ]
    return shown


def find(request: Request, flavor_id: Any) -> dict[str, Any]:
    """Return a flavor that the caller sees, or refuse with 404."""
    for flavor in visible(request):
        if flavor["id"] == flavor_id:
            return flavor
    raise refusals.nova(404, f"Flavor {flavor_id} could not be found.")


def kinds_at(world: World, site: str) -> list[Flavors]:
    """Return a site's kinds of virtual machines."""
    return [
        kind for kind in world.catalogue.groups if kind.site == site and isinstance(kind, Flavors)
    ]


def of_kind(kind: Flavors) -> dict[str, Any]:
    """Return the flavor of a kind of virtual machine."""
    gpu, specs = kind.gpu, {}
    if gpu is not None:
        specs = {
            "trait:CUSTOM_GPU": "required",
            "pci_passthrough:alias": f"{gpu.model}:{gpu.count}",
        }
    return _body(
        stable_id("flavor", kind.site, kind.type),
        kind.type,
        kind.vcpus,
        kind.memory_mb,
        kind.disk_gb,
        specs,
    )


def _reserved(lease: dict[str, Any], reservation: dict[str, Any]) -> dict[str, Any]:
    identifier, source = reservation["id"], json.loads(reservation["resource_properties"])
    own = {
        "id": identifier,
        "name": f"reservation:{identifier}",
        "description": f"{lease['name']} (ID: {lease['id']})",
    }
    resource = f"resources:CUSTOM_RESERVATION_{identifier.upper().replace('-', '_')}"
    return {
        **source,
        **own,
        "extra_specs": source["extra_specs"] | {RESERVATION: identifier, resource: "1"},
    }


def _body(
    identifier: str, name: str, vcpus: int, ram: int, disk: int, specs: dict[str, str]
) -> dict[str, Any]:
    sizes = {"vcpus": vcpus, "ram": ram, "disk": disk, "swap": 0, "OS-FLV-EXT-DATA:ephemeral": 0}
    return {"id": identifier, "name": name, "description": None, **sizes, "extra_specs": specs}


def has_room(world: World, kind: Flavors, lease: dict[str, Any], more: int = 0) -> bool:
    """Return whether the site has a lease's virtual machines of a kind, and ``more`` further ones,
    from its start to its end.
    """
    free = calendar(world, kind, lease["start_s"], lease["end_s"], but=lease["id"])
    return more + sum(_held(kind, lease)) <= min(left for _, _, left in free)


def calendar(
    world: World, kind: Flavors, from_s: float, until_s: float, but: str = ""
) -> list[Claim]:
    """Return how many of a kind are free when, in spans that follow each other; one lease may be
    left out.
    """
    held = _claims(world, kind, from_s, until_s, but)
    moments = {
        max(from_s, min(until_s, moment)) for start, end, _ in held for moment in (start, end)
    }
    spans: list[Claim] = []
    for start, end in itertools.pairwise(sorted(moments | {from_s, until_s})):
        taken = sum(count for begins, ends, count in held if begins < end and ends > start)
        # Other people's bookings make room for a student's earlier booking.
        free = max(0, kind.count - taken)
        # One line for as long as the count stays.
        begin = spans.pop()[0] if spans and spans[-1][2] == free else start
        spans.append((begin, end, free))
    return spans


def _held(kind: Flavors, lease: dict[str, Any]) -> list[int]:
    amounts = []
    for reservation in lease["reservations"]:
        if reservation["resource_type"] == RESERVED:
            flavor = json.loads(reservation["resource_properties"])
            if flavor["name"] == kind.type:
                amounts.append(reservation["amount"])
    return amounts


def _claims(world: World, kind: Flavors, from_s: float, until_s: float, but: str) -> list[Claim]:
    claims: list[Claim] = []
    known_until_s = min(until_s, booked_until_s(world.clock.now()))
    for rank in range(kind.count):
        booked = bookings(kind.names.format(rank + 1), rank, kind.count, from_s, known_until_s)
        claims += [(booking["start_s"], booking["end_s"], 1) for booking in booked]
    for lease in world.store.find("lease", site=kind.site, released=False):
        if (
            lease["fate"] != "ERROR"
            and lease["id"] != but
            and lease["start_s"] < until_s
            and lease["end_s"] > from_s
        ):
            claims += [(lease["start_s"], lease["end_s"], count) for count in _held(kind, lease)]
    return claims
