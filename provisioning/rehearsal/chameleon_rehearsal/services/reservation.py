"""Blazar: leases, hosts, devices, flavors and who holds them."""

import ipaddress
import json
import math
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from fastapi import APIRouter, Depends, Request

from chameleon_rehearsal.catalogue import CatalogueEntry, stable_id
from chameleon_rehearsal.services import flavors, refusals, requirements
from chameleon_rehearsal.services.access import all_own, caller_of, check, own, world_of
from chameleon_rehearsal.services.door import body_of
from chameleon_rehearsal.world.bookings import booked_until_s, bookings
from chameleon_rehearsal.world.clock import (
    LEASE_START_S,
    blazar_stamp,
    created_stamp,
    lease_status,
    stamp,
)
from chameleon_rehearsal.world.world import Caller, Document, World

router = APIRouter(prefix="/{site}/reservation/v1", dependencies=[Depends(check("reservation"))])

_COLLECTIONS = {"os-hosts": "host", "devices": "device"}
_KINDS = {"physical:host": "host", "device": "device"}
#: Seconds for which python-chi waits for a lease at most, unless it is told otherwise: 500 in
#: `Lease.wait`.
LONGEST_WAIT_S = 600.0
#: Chameleon's longest lease, in seconds: seven days.
#:
#: Source: ChameleonCloud/chi-in-a-box, kolla/defaults.yml, like the two below.
LONGEST_LEASE_S = 7 * 86_400.0
#: The last seconds of a lease, in which it may be prolonged: 48 hours.
PROLONGING_WINDOW_S = 172_800.0
#: Seconds before the end at which Blazar reminds of it.
REMINDER_S = 2_880 * 60.0
#: What Blazar may do before the end of a reservation.
_BEFORE_END = ("", "default", "email", "snapshot")


@router.get("/leases")
async def list_leases(request: Request) -> dict[str, Any]:
    """List the project's leases, ended ones included."""
    now_s = world_of(request).clock.now()
    return {"leases": [lease_body(lease, now_s) for lease in all_own(request, "lease")]}


@router.post("/leases", status_code=201)
async def create_lease(site: str, request: Request) -> dict[str, Any]:
    """Make a lease. Two leases may have one name: Blazar does not mind, and neither do we."""
    world = world_of(request)
    lease = create(world, caller_of(request), site, await body_of(request))
    return {"lease": lease_body(lease, world.clock.now())}


@router.get("/leases/{lease_id}")
async def show_lease(lease_id: str, request: Request) -> dict[str, Any]:
    """Show a lease by its id; a name is answered 404, and python-chi then looks through the list.

    Raises:
        RefusalError: A program waits for a lease that begins much later. On Chameleon it would wait
            for minutes.
    """
    world, lease = world_of(request), own(request, "lease", lease_id)
    if lease["start_s"] - world.clock.now() > LONGEST_WAIT_S and world.looks.waits(lease_id):
        raise refusals.blazar(
            400,
            f"The rehearsal ends this wait: the lease {lease['name']!r} is made, and begins at "
            f"{stamp(lease['start_s'], '%a %d %b %H:%M')} UTC. Until then it is PENDING. Likely, "
            "`wait_for_active=False` is missing in `submit(...)`, or `wait()` was called too "
            "early. Run the cell again with `submit(idempotent=True, wait_for_active=False)`. "
            "On Chameleon the cell would wait for five minutes or more, and end with an error.",
        )
    return {"lease": lease_body(lease, world.clock.now())}


@router.put("/leases/{lease_id}")
async def change_lease(lease_id: str, request: Request) -> dict[str, Any]:
    """Rename a lease, or move its dates, if no other lease holds its resources then."""
    world, lease = world_of(request), own(request, "lease", lease_id)
    asked = await body_of(request)
    name = asked.get("name", lease["name"])
    if not isinstance(name, str):
        raise refusals.blazar(400, f"Malformed parameter name: {name!r} is no text")
    if set(asked) - {"name"}:
        _check_kept(lease, asked.get("reservations") or [])
        lease = _moved(world, lease, asked)
    world.store.put("lease", lease | {"name": name, "updated_s": world.clock.now()})
    lease = own(request, "lease", lease_id)
    return {"lease": lease_body(lease, world.clock.now())}


@router.delete("/leases/{lease_id}", status_code=204)
async def delete_lease(lease_id: str, request: Request) -> None:
    """Delete a lease and everything that runs on it."""
    world, lease = world_of(request), own(request, "lease", lease_id)
    world.release(lease)
    world.store.remove("lease", lease["id"])


@router.get("/flavor-instances/availability")
async def list_availability(site: str, request: Request) -> dict[str, Any]:
    """Show how many of each flavor are free when, or of one, for a year from now; it is not visible
    by whom.
    """
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


@router.get("/floatingips")
@router.get("/floatingips/{_floatingip_id}")
async def list_floating_ips() -> None:
    """Refuse Blazar's list of floating IPs, which operators alone may see.

    Source: ChameleonCloud/blazar, policies/floatingips.py; chi-in-a-box opens other lists only.
    """
    raise refusals.blazar(403, "Policy doesn't allow blazar:floatingips:get to be performed")


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


@router.get("/{collection}/properties")
async def list_properties(site: str, collection: str, request: Request) -> dict[str, Any]:
    """List the names of the properties that a reservation can ask for, with `detail` the values."""
    kind, in_detail = _kind(collection), request.query_params.get("detail", "").lower() == "true"
    values: dict[str, list[str]] = {}
    for resource in world_of(request).catalogue.at(site, kind):
        for name, value in resource.properties().items():
            known = values.setdefault(name, [])
            if str(value) not in known:
                known.append(str(value))
    rows: list[dict[str, Any]] = []
    for name in sorted(values):
        details = {"private": False, "values": values[name]} if in_detail else {}
        rows.append({"property": name} | details)
    return {"resource_properties": rows}


@router.get("/{collection}/{resource_id}")
async def show_resource(
    site: str, collection: str, resource_id: str, request: Request
) -> dict[str, Any]:
    """Show one host or device by Blazar's number for it."""
    kind = _kind(collection)
    resource = world_of(request).catalogue.by_id(site, resource_id)
    if resource is None or resource.group.kind != kind:
        raise refusals.blazar(404, f"Object with {{'{kind}': '{resource_id}'}} not found")
    return {kind: _resource_body(resource)}


@router.get("/{collection}")
async def list_resources(site: str, collection: str, request: Request) -> dict[str, Any]:
    kind = _kind(collection)
    return {f"{kind}s": [_resource_body(r) for r in world_of(request).catalogue.at(site, kind)]}


def create(world: World, caller: Caller, site: str, asked: dict[str, Any]) -> Document:
    """Make a lease as `POST /leases` asks, and return its record.

    Raises:
        RefusalError: 400 for a body that cannot be read, 403 for a lease that is too long, 500 when
            nothing is free, as the real Blazar.
    """
    now_s = world.clock.now()
    wishes = _wishes(asked)
    start_s = _read_date(asked["start_date"], now_s, "start_date")
    end_s = _read_date(asked["end_date"], now_s, "end_date")
    if start_s < now_s // 60 * 60:
        raise refusals.blazar(400, "Start date must be later than current date.")
    if end_s <= start_s or end_s <= now_s:
        raise refusals.blazar(400, "End date must be later than current and start date.")
    reminder_s = _reminder(asked.get("before_end_date"), start_s, end_s, now_s)
    lease: Document = {
        "id": str(uuid.uuid4()),
        "site": site,
        "name": asked["name"],
        **vars(caller),
        "fate": "ACTIVE",
        "start_s": start_s,
        "end_s": end_s,
        "reminder_s": reminder_s,
        "created_s": now_s,
        "updated_s": now_s,
        "begun": False,
        "released": False,
        "reservations": [],
    }
    for wish in wishes:
        lease["reservations"].append(_reserve(world, caller, lease, wish))
    # Blazar looks for resources first, and for the length of the lease then.
    _check_length(start_s, end_s, 403)
    lease["active_at_s"] = max(start_s, now_s + world.clock.shortened(LEASE_START_S))
    cut = world.faults.strike("lease-ends", caller.user)
    if cut:
        lease["end_s"] = min(end_s, lease["active_at_s"] + cut["seconds"])
    if world.faults.strike("lease-error", caller.user):
        lease["fate"] = "ERROR"
    return world.store.put("lease", lease)


def _wishes(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the reservations of a request for a lease.

    Raises:
        RefusalError: 400, a parameter is missing or has another kind.
    """
    for field in ("name", "start_date", "end_date"):
        if not asked.get(field):
            raise refusals.blazar(400, f"Missing parameter {field}")
    if not isinstance(asked["name"], str):
        raise refusals.blazar(400, f"Malformed parameter name: {asked['name']!r} is no text")
    wishes = asked.get("reservations") or []
    if not isinstance(wishes, list) or not isinstance(asked.get("events") or [], list):
        raise refusals.blazar(400, "Malformed parameter: reservations and events are lists")
    for wish in wishes:
        if not isinstance(wish, dict):
            raise refusals.blazar(400, f"Malformed parameter reservations: {wish!r} is no object")
        if "resource_type" not in wish:
            raise refusals.blazar(400, "Missing parameter resource_type")
        if not isinstance(wish["resource_type"], str):
            message = f"The {wish['resource_type']} resource type is not supported"
            raise refusals.blazar(400, message)
        if wish.get("before_end", "default") not in _BEFORE_END:
            raise refusals.blazar(400, "Malformed parameter before_end")
    return wishes


def _reminder(text: Any, start_s: float, end_s: float, now_s: float) -> float:
    """Return when Blazar reminds of a lease's end, in seconds since 1970: 48 hours before it, or as
    asked, but never before the start.
    """
    if not text:
        return max(start_s, end_s - REMINDER_S)
    moment_s = _read_date(text, now_s, "before_end_date")
    if not start_s <= moment_s <= end_s:
        raise refusals.blazar(400, "Datetime is out of lease limits")
    return moment_s


def _read_date(text: Any, now_s: float, field: str) -> float:
    """Return a lease date, `now` (the running minute) or a UTC time as `2026-11-24 23:50`, as
    seconds since 1970.
    """
    if text == "now":
        return now_s // 60 * 60
    try:
        moment = datetime.strptime(str(text), "%Y-%m-%d %H:%M")
    except ValueError as error:
        raise refusals.blazar(
            400, f"{field} is invalid: write it as YYYY-MM-DD HH:MM in UTC"
        ) from error
    return moment.replace(tzinfo=UTC).timestamp()


def _check_length(from_s: float, end_s: float, status: int) -> None:
    if end_s - from_s > LONGEST_LEASE_S:
        raise refusals.blazar(
            status,
            f"Lease duration of {end_s - from_s:.0f} seconds must be less than or equal to the "
            f"maximum lease duration of {LONGEST_LEASE_S:.0f} seconds.",
        )


def _check_kept(lease: Document, asked: Any) -> None:
    """Refuse reservations that are not the lease's, or that a request wants to change."""
    if not isinstance(asked, list) or not all(isinstance(wish, dict) for wish in asked):
        raise refusals.blazar(400, "Malformed parameter reservations: a list of objects is needed")
    own_reservations = {reservation["id"]: reservation for reservation in lease["reservations"]}
    for wish in asked:
        if "id" not in wish:
            raise refusals.blazar(400, "Missing parameter reservation ID")
        if wish["id"] not in own_reservations:
            message = "Please enter valid reservation IDs. Invalid reservation IDs are"
            raise refusals.blazar(400, f"{message}: {wish['id']}")
        reservation = own_reservations[wish["id"]]
        for name, value in wish.items():
            if str(reservation.get(name, value)) != str(value):
                message = f"Changing {name} of a reservation is not rehearsed: make another lease."
                raise refusals.blazar(400, message)


def _moved(world: World, lease: Document, asked: dict[str, Any]) -> Document:
    """Return a lease with the dates that a request gives it.

    Raises:
        RefusalError: 400, the dates are impossible, or it is too early to prolong it; 500, another
            lease holds a resource then.
    """
    now_s = world.clock.now()
    start_s, end_s = lease["start_s"], lease["end_s"]
    if asked.get("start_date"):
        start_s = _read_date(asked["start_date"], now_s, "start_date")
    if asked.get("end_date"):
        end_s = _read_date(asked["end_date"], now_s, "end_date")
    if lease["start_s"] < now_s and start_s != lease["start_s"]:
        raise refusals.blazar(400, "Cannot modify the start date of already started leases")
    if lease["start_s"] > now_s and start_s < now_s // 60 * 60:
        raise refusals.blazar(400, "Start date must be later than current date")
    if lease["end_s"] < now_s:
        raise refusals.blazar(400, "Terminated leases can only be renamed")
    if end_s < now_s or end_s <= start_s:
        raise refusals.blazar(400, "End date must be later than current and start date.")
    reminder_s = _reminder(asked.get("before_end_date"), start_s, end_s, now_s)
    if end_s > lease["end_s"] or start_s > lease["start_s"]:
        _check_prolonging(lease, end_s, now_s)
    moved = lease | {"start_s": start_s, "end_s": end_s, "reminder_s": reminder_s}
    if start_s > now_s:
        moved["active_at_s"] = start_s
    _check_free(world, moved)
    return moved


def _check_prolonging(lease: Document, end_s: float, now_s: float) -> None:
    """Refuse to prolong a lease before its last 48 hours, or by more than 7 days.

    Source: ChameleonCloud/blazar, `MaxLeaseDurationFilter.check_update`.
    """
    if now_s < lease["end_s"] - PROLONGING_WINDOW_S:
        raise refusals.blazar(
            400,
            "Lease can only be extended within the last "
            f"{PROLONGING_WINDOW_S:.0f} seconds (48 hours) before its end.",
        )
    _check_length(lease["end_s"], end_s, 400)


def _check_free(world: World, lease: Document) -> None:
    """Refuse a lease's dates if another lease holds its resources then."""
    for reservation in lease["reservations"]:
        for identifier in reservation["resource_ids"]:
            resource = world.catalogue.by_id(lease["site"], identifier)
            if resource is None:
                continue
            held = _taken(world, resource, lease["start_s"], lease["end_s"])
            if any(booking["lease_id"] != lease["id"] for booking in held):
                raise refusals.blazar(500, f"Not enough {resource.group.kind}s available")
    for kind in flavors.kinds_at(world, lease["site"]):
        if not flavors.has_room(world, kind, lease):
            raise refusals.blazar(500, "Not enough hosts available")


def _reserve(world: World, caller: Caller, lease: Document, wish: dict[str, Any]) -> dict[str, Any]:
    sort = wish.get("resource_type")
    if sort == flavors.RESERVED:
        return _reserve_flavor(world, caller, lease, wish)
    reservation = {**wish, "id": str(uuid.uuid4()), "resource_ids": []}
    for name in _NEEDED.get(str(sort), ()):
        if wish.get(name) is None:
            raise refusals.blazar(400, f"Missing parameter {name}")
    if sort == "network":
        if not isinstance(wish["network_name"], str) or not wish["network_name"]:
            raise refusals.blazar(400, "Malformed parameter network_name")
        for name in ("network_properties", "resource_properties"):
            _requirements(wish[name])
        return reservation
    if sort == "virtual:floatingip":
        return reservation | _floating_ips(world, lease, wish)
    if sort not in _KINDS:
        raise refusals.blazar(400, f"The {sort} resource type is not supported")
    kind = _KINDS[sort]
    least, most = _count(wish["min"], "min"), _count(wish["max"], "max")
    if most < least:
        raise refusals.blazar(400, "Invalid values for min/max range: max is less than min")
    wanted = _requirements(wish["resource_properties"])
    if kind == "host":
        wanted += _requirements(wish["hypervisor_properties"])
    resources = [
        (resource, resource.properties() | columns(resource))
        for resource in world.catalogue.at(lease["site"], kind)
    ]
    try:
        suitable = requirements.fitting(wanted, resources)
    except requirements.UnknownPropertyError as error:
        raise refusals.blazar(500, f"{error} ExtraCapability was not found") from error
    mine = {
        i for r in lease["reservations"] if r["resource_type"] == sort for i in r["resource_ids"]
    }
    free = [
        r
        for r in suitable
        if r.id not in mine and not _taken(world, r, lease["start_s"], lease["end_s"])
    ]
    if len(free) < least or world.faults.strike("no-hosts", caller.user):
        raise refusals.blazar(500, f"Not enough {kind}s available")
    return reservation | {"min": least, "max": most, "resource_ids": [r.id for r in free[:most]]}


def _floating_ips(world: World, lease: Document, wish: dict[str, Any]) -> dict[str, Any]:
    """Return how many floating IPs a reservation has, and which of them it asks for by address.

    Source: ChameleonCloud/blazar, plugins/floatingips/floatingip_plugin.py.
    """
    amount, addresses = _count(wish["amount"], "amount"), wish.get("required_floatingips") or []
    if not isinstance(addresses, list):
        raise refusals.blazar(400, "Malformed parameter required_floatingips")
    for address in addresses:
        if not isinstance(address, str) or not _is_address(address):
            raise refusals.blazar(400, f"IP address {address} is invalid form.")
    if len(addresses) > amount:
        message = "Invalid values for required_floatingips and amount. The amount must be equal to"
        raise refusals.blazar(400, f"{message} or longer than length of required_floatingips.")
    free = world.free_addresses(lease["site"])
    public = stable_id("network", lease["site"], "public")
    has_all = set(addresses) <= set(free) and wish["network_id"] == public
    if amount > len(free) or not has_all:
        raise refusals.blazar(500, "Not enough floating IPs available")
    return {"amount": amount, "required_floatingips": addresses}


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


#: Parameters without which Blazar refuses a reservation, by its type.
_NEEDED = {
    "physical:host": ("min", "max", "hypervisor_properties", "resource_properties"),
    "device": ("min", "max", "resource_properties"),
    "network": ("network_name", "network_properties", "resource_properties"),
    "virtual:floatingip": ("network_id", "amount"),
}


def _requirements(expression: Any) -> list[requirements.Requirement]:
    """Return the requirements of an expression, or refuse with 400 what Blazar does not read."""
    if not isinstance(expression, str):
        raise refusals.blazar(400, f"Malformed requirements {expression}")
    try:
        return requirements.parse(expression)
    except ValueError as error:
        raise refusals.blazar(400, str(error)) from error


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
    # The command line sends the word None unless it is told otherwise.
    if wish.get("affinity") not in (None, "None"):
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
    """Return a count that a reservation gives, which may be text; refuse what is no number
    above 0.
    """
    text = str(value)
    number = int(text) if text.isdecimal() and not isinstance(value, bool) else 0
    if number < 1:
        raise refusals.blazar(
            400, f"Malformed parameter {field}: {value!r} is not a number above 0"
        )
    return number


def _taken(
    world: World, resource: CatalogueEntry, from_s: float, until_s: float
) -> list[dict[str, Any]]:
    # The calendar shows this from now to the end of time, so that what is refused is what is shown.
    # Other people book a few weeks ahead, and not what a student has by then.
    held = list(_bookings_of_students(world, resource))
    known_until_s = min(until_s, booked_until_s(world.clock.now()))
    others = bookings(resource.name, resource.rank, resource.group.count, from_s, known_until_s)
    held += [
        other
        for other in others
        if not any(_meet(other, ours["start_s"], ours["end_s"]) for ours in held)
    ]
    within = [booking for booking in held if _meet(booking, from_s, until_s)]
    return sorted(within, key=itemgetter("start_s"))


def _bookings_of_students(world: World, resource: CatalogueEntry) -> Iterator[dict[str, Any]]:
    """Yield the reservations that hold a resource, whenever they begin."""
    for lease in world.store.find("lease", site=resource.group.site, released=False):
        if lease["fate"] == "ERROR":
            continue
        span = {"start_s": lease["start_s"], "end_s": lease["end_s"]}
        for reservation in lease["reservations"]:
            kind = _KINDS.get(reservation["resource_type"])
            if kind == resource.group.kind and resource.id in reservation["resource_ids"]:
                yield {"id": reservation["id"], "lease_id": lease["id"], **span}


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
        "before_end_lease": lease["reminder_s"],
        "end_lease": lease["end_s"],
    }
    events = []
    for name, moment_s in moments.items():
        identifier = uuid.uuid5(uuid.UUID(lease["id"]), name)
        event = {"id": str(identifier), "lease_id": lease["id"], "event_type": name}
        event |= {
            "time": blazar_stamp(moment_s),
            "status": "DONE" if now_s >= moment_s else "UNDONE",
            **stamps,
        }
        events.append(event)
    reservations = []
    for reservation in lease["reservations"]:
        shown = {**reservation, "resource_id": reservation["id"], **ours}
        # The rehearsal's own bookkeeping.
        shown.pop("resource_ids", None)
        reservations.append(shown)
    updated_s = max(lease["updated_s"], min(now_s, lease["active_at_s"]))
    owned = {name: lease[name] for name in ("id", "name", "user_id", "project_id")}
    return owned | {
        "start_date": blazar_stamp(lease["start_s"]),
        "end_date": blazar_stamp(lease["end_s"]),
        "created_at": stamps["created_at"],
        "updated_at": created_stamp(updated_s),
        "status": status,
        "degraded": False,
        "trust_id": lease["id"].replace("-", ""),
        "events": events,
        "reservations": reservations,
    }


def _allocation(world: World, resource: CatalogueEntry) -> dict[str, Any]:
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


def _resource_body(resource: CatalogueEntry) -> dict[str, Any]:
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
        body |= columns(resource)
        body |= {"trust_id": resource.uid.replace("-", "")}
    return body


def columns(resource: CatalogueEntry) -> dict[str, Any]:
    """Return Blazar's own columns of a host; a device has none."""
    if resource.group.kind != "host":
        return {}
    return {
        "hypervisor_hostname": resource.uid,
        "hypervisor_type": "ironic",
        "hypervisor_version": 1,
        "vcpus": 1,
        "memory_mb": 0,
        "local_gb": 0,
        "cpu_info": "",
        "status": None,
        "availability_zone": "nova",
        "service_name": f"{resource.group.site}-compute",
    }
