"""Blazar: leases, hosts, devices, flavors and who holds them."""

import json
import math
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Depends, Request

from provisioning.rehearsal.catalogue import Resource
from provisioning.rehearsal.services import flavors, refusals
from provisioning.rehearsal.services.access import all_own, caller_of, check, own, world_of
from provisioning.rehearsal.world.bookings import booked_until_s, bookings
from provisioning.rehearsal.world.clock import (
    LEASE_START_S,
    blazar_stamp,
    created_stamp,
    lease_status,
    stamp,
)
from provisioning.rehearsal.world.world import Caller, Document, World

router = APIRouter(prefix="/{site}/reservation/v1", dependencies=[Depends(check("reservation"))])

_COLLECTIONS = {"os-hosts": "host", "devices": "device"}
_KINDS = {"physical:host": "host", "device": "device"}
#: Seconds for which python-chi waits for a lease at most, unless it is told otherwise: 500 in `Lease.wait`.
LONGEST_WAIT_S = 600.0
#: Chameleon's longest lease, in seconds: seven days.
LONGEST_LEASE_S = 7 * 86_400.0


@router.get("/leases")
async def list_leases(request: Request) -> dict[str, Any]:
    """List the project's leases, ended ones included."""
    now_s = world_of(request).clock.now()
    return {"leases": [lease_body(lease, now_s) for lease in all_own(request, "lease")]}


@router.post("/leases", status_code=201)
async def create_lease(site: str, request: Request) -> dict[str, Any]:
    """Make a lease. Two leases may have one name: Blazar does not mind, and neither do we."""
    world = world_of(request)
    lease = create(world, caller_of(request), site, await request.json())
    return {"lease": lease_body(lease, world.clock.now())}


@router.get("/leases/{lease_id}")
async def show_lease(lease_id: str, request: Request) -> dict[str, Any]:
    """Show a lease by its id; a name is answered 404, and python-chi then looks through the list.

    Raises:
        RefusalError: A program waits for a lease that begins much later. On Chameleon it would wait for minutes.
    """
    world, lease = world_of(request), own(request, "lease", lease_id)
    if lease["start_s"] - world.clock.now() > LONGEST_WAIT_S and world.looks.waits(lease_id):
        raise refusals.blazar(
            400,
            f"The rehearsal ends this wait: the lease {lease['name']!r} is made, and begins at "
            f"{stamp(lease['start_s'], '%a %d %b %H:%M')} UTC. Until then it is PENDING. Likely, "
            "`wait_for_active=False` is missing in `submit(...)`, or `wait()` was called too early. Run the cell again "
            "with `submit(idempotent=True, wait_for_active=False)`. On Chameleon the cell would wait for five minutes "
            "or more, and end with an error.",
        )
    return {"lease": lease_body(lease, world.clock.now())}


@router.put("/leases/{lease_id}")
async def change_lease(lease_id: str, request: Request) -> dict[str, Any]:
    """Rename a lease or move its end, as long as nobody else holds its resources then."""
    world, lease = world_of(request), own(request, "lease", lease_id)
    asked = await request.json()
    lease["name"] = asked.get("name") or lease["name"]
    if asked.get("end_date"):
        _move_end(world, lease, _read_date(asked["end_date"], world.clock.now(), "end_date"))
    world.store.put("lease", lease)
    return {"lease": lease_body(lease, world.clock.now())}


@router.delete("/leases/{lease_id}", status_code=204)
async def delete_lease(lease_id: str, request: Request) -> None:
    """Delete a lease and everything that runs on it."""
    world, lease = world_of(request), own(request, "lease", lease_id)
    world.release(lease)
    world.store.remove("lease", lease["id"])


@router.get("/flavor-instances/availability")
async def list_availability(site: str, request: Request) -> dict[str, Any]:
    """Show how many of each flavor are free when, or of one, for a year from now; nobody sees by whom."""
    world, wanted = world_of(request), request.query_params.get("flavor_id")
    if world.faults.strike("no-calendar", caller_of(request).user, site):
        raise refusals.page(500)
    from_s, until_s = (world.clock.now() + ahead_s for ahead_s in (0.0, 366 * 86_400.0))
    rows = []
    for kind in flavors.kinds_at(world, site):
        identifier = flavors.of_kind(kind)["id"]
        if wanted in (None, identifier):
            free = [
                {
                    "start": blazar_stamp(start),
                    "end": blazar_stamp(end),
                    "available": count,
                    "total": kind.count,
                }
                for start, end, count in flavors.calendar(world, kind, from_s, until_s)
            ]
            rows.append({"flavor_id": identifier, "availability": free})
    return {"flavor_instances": rows}


@router.get("/{collection}/allocations")
async def list_allocations(site: str, collection: str, request: Request) -> dict[str, Any]:
    """Show who holds each host or device from now on."""
    world, kind = world_of(request), _kind(collection)
    if world.faults.strike("no-calendar", caller_of(request).user, site):
        raise refusals.page(500)
    return {"allocations": [_allocation(world, r) for r in world.catalogue.at(site, kind)]}


@router.get("/{collection}/{resource_id}/allocation")
async def show_allocation(
    site: str, collection: str, resource_id: str, request: Request
) -> dict[str, Any]:
    """Show who holds one host or device."""
    world, kind = world_of(request), _kind(collection)
    resource = world.catalogue.by_id(site, resource_id)
    if resource is None or resource.group.kind != kind:
        raise refusals.blazar(404, f"Object with {{'id': '{resource_id}'}} not found")
    return {"allocation": _allocation(world, resource)}


@router.get("/{collection}")
async def list_resources(site: str, collection: str, request: Request) -> dict[str, Any]:
    kind = _kind(collection)
    return {f"{kind}s": [_resource_body(r) for r in world_of(request).catalogue.at(site, kind)]}


def create(world: World, caller: Caller, site: str, asked: dict[str, Any]) -> Document:
    """Make a lease as `POST /leases` asks, and return its record.

    Raises:
        RefusalError: 400 for what cannot be read, 500 when nothing is free, as the real Blazar.
    """
    now_s = world.clock.now()
    start_s = _read_date(asked.get("start_date"), now_s, "start_date")
    end_s = _read_date(asked.get("end_date"), now_s, "end_date")
    if not asked.get("name"):
        raise refusals.blazar(400, "name is required")
    if start_s < now_s // 60 * 60:
        raise refusals.blazar(400, "Start date must be later than current date.")
    _check_span(start_s, end_s, now_s)
    active_at_s = max(start_s, now_s + world.clock.shortened(LEASE_START_S))
    cut = world.faults.strike("lease-ends", caller.user)
    if cut:
        end_s = min(end_s, active_at_s + cut["seconds"])
    fate = "ERROR" if world.faults.strike("lease-error", caller.user) else "ACTIVE"
    lease: Document = {
        "id": str(uuid.uuid4()),
        "site": site,
        "name": asked["name"],
        **vars(caller),
        "fate": fate,
    }
    lease |= {"start_s": start_s, "end_s": end_s, "created_s": now_s, "active_at_s": active_at_s}
    lease |= {"begun": False, "released": False, "reservations": []}
    for wish in asked.get("reservations") or []:
        lease["reservations"].append(_reserve(world, caller, lease, wish))
    return world.store.put("lease", lease)


def _read_date(text: Any, now_s: float, field: str) -> float:
    """Return a lease date, `now` (the running minute) or a UTC time as `2026-11-24 23:50`, as seconds since 1970."""
    if text == "now":
        return now_s // 60 * 60
    try:
        moment = datetime.strptime(str(text), "%Y-%m-%d %H:%M")
    except ValueError as error:
        raise refusals.blazar(
            400, f"{field} is invalid: write it as YYYY-MM-DD HH:MM in UTC"
        ) from error
    return moment.replace(tzinfo=UTC).timestamp()


def _check_span(start_s: float, end_s: float, now_s: float) -> None:
    if end_s <= start_s or end_s <= now_s:
        raise refusals.blazar(400, "End date must be later than current and start date.")
    if end_s - start_s > LONGEST_LEASE_S:
        raise refusals.blazar(
            400,
            f"Lease duration of {end_s - start_s:.0f} seconds must be less than or equal to the maximum lease "
            f"duration of {LONGEST_LEASE_S:.0f} seconds.",
        )


def _move_end(world: World, lease: Document, end_s: float) -> None:
    """Set a lease's end, or refuse when it has passed already or somebody else comes next."""
    _check_span(lease["start_s"], end_s, world.clock.now())
    for identifier in (
        i for reservation in lease["reservations"] for i in reservation["resource_ids"]
    ):
        resource = world.catalogue.by_id(lease["site"], identifier)
        if resource and any(
            h["lease_id"] != lease["id"] for h in _taken(world, resource, lease["end_s"], end_s)
        ):
            raise refusals.blazar(500, f"Not enough {resource.group.kind}s available")
    for kind in flavors.kinds_at(world, lease["site"]):
        if not flavors.has_room(world, kind, lease | {"end_s": end_s}):
            raise refusals.blazar(500, "Not enough hosts available")
    lease["end_s"] = end_s


def _reserve(world: World, caller: Caller, lease: Document, wish: dict[str, Any]) -> dict[str, Any]:
    sort = wish.get("resource_type")
    if sort == flavors.RESERVED:
        return _reserve_flavor(world, caller, lease, wish)
    reservation = {**wish, "id": str(uuid.uuid4()), "resource_ids": []}
    if sort == "network":
        if not wish.get("network_name"):
            raise refusals.blazar(400, "Missing parameter network_name")
        return reservation
    if sort == "virtual:floatingip":
        reservation["amount"] = _count(wish.get("amount"), "amount")
        if reservation["amount"] > len(world.free_addresses(lease["site"])):
            raise refusals.blazar(500, "Not enough floating IPs available")
        return reservation
    if sort not in _KINDS:
        said = "nodes, devices, flavors, networks and floating IPs are."
        raise refusals.blazar(400, f"A reservation of type {sort} is not rehearsed: {said}")
    kind = _KINDS[sort]
    least, most = _count(wish.get("min"), "min"), _count(wish.get("max"), "max")
    try:
        # Text, whoever asks: Blazar sends it back as it came.
        expression = json.loads(wish.get("resource_properties") or '""')
        fitting = [
            r
            for r in world.catalogue.at(lease["site"], kind)
            if matches(expression, r.properties())
        ]
    except (TypeError, ValueError) as error:
        raise refusals.blazar(400, f"Malformed requirements: {error}") from error
    mine = {
        i for r in lease["reservations"] if r["resource_type"] == sort for i in r["resource_ids"]
    }
    free = [
        r
        for r in fitting
        if r.id not in mine and not _taken(world, r, lease["start_s"], lease["end_s"])
    ]
    if len(free) < least or world.faults.strike("no-hosts", caller.user):
        raise refusals.blazar(500, f"Not enough {kind}s available")
    return reservation | {"min": least, "max": most, "resource_ids": [r.id for r in free[:most]]}


def _reserve_flavor(
    world: World, caller: Caller, lease: Document, wish: dict[str, Any]
) -> dict[str, Any]:
    kinds = {flavors.of_kind(kind)["id"]: kind for kind in flavors.kinds_at(world, lease["site"])}
    kind, amount, identifier = (
        kinds.get(wish.get("flavor_id")),
        _count(wish.get("amount"), "amount"),
        str(uuid.uuid4()),
    )
    if kind is None:
        raise refusals.blazar(400, f"Flavor {wish.get('flavor_id')} could not be found.")
    if wish.get("affinity") is not None:
        raise refusals.blazar(
            400, "Malformed parameter affinity (not supported for flavor reservations)"
        )
    if not flavors.has_room(world, kind, lease, amount) or world.faults.strike(
        "no-hosts", caller.user
    ):
        raise refusals.blazar(500, "Not enough hosts available")
    source = json.dumps(flavors.of_kind(kind))
    rooms = [f"{identifier}/{number}" for number in range(amount)]
    flavor = {
        "id": identifier,
        "flavor_id": identifier,
        "amount": amount,
        "resource_properties": source,
    }
    return {**wish, **flavor, "resource_ids": rooms}


def _count(value: Any, field: str) -> int:
    """Return a count that a reservation gives, which may be text; refuse what is no number above 0."""
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise refusals.blazar(
            400, f"Malformed parameter {field}: {value!r} is not a number above 0"
        )
    return number


def matches(expression: Any, properties: Mapping[str, Any]) -> bool:
    """Return whether a resource satisfies an expression of Blazar's, for example `["==", "$node_type", "gpu_p100"]`.

    Args:
        expression: The decoded expression; an empty one matches everything.
        properties: The resource's properties; `$a.b` reads the key `a.b`. One that is not there never matches.

    Raises:
        ValueError: The form, an operator or the number of operands is unknown.
    """
    if not expression:
        return True
    if not isinstance(expression, list):
        raise ValueError(f"not an expression Blazar reads: {expression!r}")
    name, *operands = expression
    if name == "and":
        return all(matches(operand, properties) for operand in operands)
    if name != "==" or len(operands) != 2:
        raise ValueError(
            f"not an expression that is rehearsed ('and' and '==' are): {expression!r}"
        )
    value = properties.get(str(operands[0]).removeprefix("$"))
    return value is not None and str(value) == str(operands[1])


def _taken(world: World, resource: Resource, from_s: float, until_s: float) -> list[dict[str, Any]]:
    # The calendar shows this from now to the end of time, so that what is refused is what is shown. Other people book
    # a few weeks ahead, and not what a student has by then.
    held = [
        {
            "id": r["id"],
            "lease_id": lease["id"],
            "start_s": lease["start_s"],
            "end_s": lease["end_s"],
        }
        for lease in world.store.find("lease", site=resource.group.site, released=False)
        for r in lease["reservations"]
        if lease["fate"] != "ERROR"
        and _KINDS.get(r["resource_type"]) == resource.group.kind
        and resource.id in r["resource_ids"]
    ]
    known_until_s = min(until_s, booked_until_s(world.clock.now()))
    others = bookings(resource.name, resource.rank, resource.group.count, from_s, known_until_s)
    held += [
        other
        for other in others
        if not any(_meet(other, ours["start_s"], ours["end_s"]) for ours in held)
    ]
    return sorted(
        (thing for thing in held if _meet(thing, from_s, until_s)), key=lambda one: one["start_s"]
    )


def _meet(held: Mapping[str, Any], from_s: float, until_s: float) -> bool:
    return held["start_s"] < until_s and held["end_s"] > from_s


def _kind(collection: str) -> str:
    if collection not in _COLLECTIONS:
        raise refusals.blazar(404, f"{collection!r} of the reservation service is not rehearsed")
    return _COLLECTIONS[collection]


def lease_body(lease: Document, now_s: float) -> dict[str, Any]:
    """Return a lease as Blazar shows it."""
    status = lease_status(lease, now_s)
    stamps = {"created_at": created_stamp(lease["created_s"]), "updated_at": None}
    ours = {
        "lease_id": lease["id"],
        "status": "deleted" if status == "TERMINATED" else status.lower(),
        **stamps,
    }
    ours |= {"missing_resources": False, "resources_changed": False, "before_end": "default"}
    moments = {
        "start_lease": lease["active_at_s"],
        "before_end_lease": max(lease["start_s"], lease["end_s"] - 3600),
        "end_lease": lease["end_s"],
    }
    return {
        **{name: lease[name] for name in ("id", "name", "user_id", "project_id")},
        "start_date": blazar_stamp(lease["start_s"]),
        "end_date": blazar_stamp(lease["end_s"]),
        "created_at": stamps["created_at"],
        "updated_at": created_stamp(max(lease["created_s"], min(now_s, lease["active_at_s"]))),
        "status": status,
        "degraded": False,
        "trust_id": lease["id"].replace("-", ""),
        "events": [
            {
                "id": str(uuid.uuid5(uuid.UUID(lease["id"]), name)),
                "lease_id": lease["id"],
                "event_type": name,
            }
            | {
                "time": blazar_stamp(moment_s),
                "status": "DONE" if now_s >= moment_s else "UNDONE",
                **stamps,
            }
            for name, moment_s in moments.items()
        ],
        # Without the rehearsal's own bookkeeping.
        "reservations": [
            {name: value for name, value in reservation.items() if name != "resource_ids"}
            | {"resource_id": reservation["id"]}
            | ours
            for reservation in lease["reservations"]
        ],
    }


def _allocation(world: World, resource: Resource) -> dict[str, Any]:
    """Return who holds a resource, as Blazar shows it: lease ids and dates, no names."""
    now_s = world.clock.now()
    return {
        "resource_id": resource.id,
        "reservations": [
            {name: held[name] for name in ("id", "lease_id")}
            | {"start_date": blazar_stamp(held["start_s"]), "end_date": blazar_stamp(held["end_s"])}
            for held in _taken(world, resource, now_s, math.inf)
        ],
    }


def _resource_body(resource: Resource) -> dict[str, Any]:
    body: dict[str, Any] = {
        name: value if value is True else str(value)
        for name, value in resource.properties().items()
    }
    body |= {
        "id": resource.id,
        "reservable": True,
        "created_at": created_stamp(0.0),
        "updated_at": None,
    }
    if resource.group.kind == "host":
        body |= {
            "hypervisor_type": "ironic",
            "hypervisor_version": 1,
            "vcpus": 1,
            "memory_mb": 0,
            "local_gb": 0,
        }
        body |= {
            "cpu_info": "",
            "status": None,
            "availability_zone": "nova",
            "trust_id": resource.uid.replace("-", ""),
        }
        body["service_name"] = f"{resource.group.site}-compute"
    return body
