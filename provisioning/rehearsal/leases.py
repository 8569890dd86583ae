"""Blazar's reasoning, apart from HTTP: what a request asks for, who is free, what a lease looks like."""

import uuid
from datetime import UTC, datetime
from typing import Any

from provisioning.rehearsal import refusals
from provisioning.rehearsal.bookings import bookings
from provisioning.rehearsal.catalogue import Resource
from provisioning.rehearsal.clock import blazar_stamp, created_stamp
from provisioning.rehearsal.lifecycle import LEASE_START_S, lease_status, reservation_status
from provisioning.rehearsal.matching import BadExpressionError, matches, parse
from provisioning.rehearsal.store import Document
from provisioning.rehearsal.world import Caller, World

_KINDS = {"physical:host": "host", "device": "device"}
_NOUNS = {"host": "hosts", "device": "devices"}
#: Chameleon's longest lease, in seconds: seven days.
LONGEST_LEASE_S = 7 * 86_400.0
#: How far other people's calendar is shown, in seconds.
HORIZON_S = 21 * 86_400.0


def read_date(text: Any, now_s: float, field: str) -> float:
    """Return a lease date as seconds since 1970.

    Args:
        text: `now`, or a UTC time as `2026-11-24 23:50`.
        now_s: The rehearsal's time; Blazar takes `now` as the running minute.
        field: The field's name, for the message.

    Raises:
        RefusalError: 400; the usual mistake is a time with seconds or a zone.
    """
    if text == "now":
        return now_s // 60 * 60
    try:
        moment = datetime.strptime(str(text), "%Y-%m-%d %H:%M")
    except ValueError as error:
        raise refusals.blazar(400, f"{field} is invalid: write it as YYYY-MM-DD HH:MM in UTC") from error
    return moment.replace(tzinfo=UTC).timestamp()


def check_span(start_s: float, end_s: float, now_s: float) -> None:
    """Refuse a span that Blazar refuses.

    Raises:
        RefusalError: 400; it starts in the past, ends before it starts, or is longer than seven days.
    """
    if start_s < now_s // 60 * 60:
        raise refusals.blazar(400, "Start date must be later than current date.")
    if end_s <= start_s or end_s <= now_s:
        raise refusals.blazar(400, "End date must be later than current and start date.")
    if end_s - start_s > LONGEST_LEASE_S:
        raise refusals.blazar(
            400,
            f"Lease duration of {end_s - start_s:.0f} seconds must be less than or equal to the maximum lease "
            f"duration of {LONGEST_LEASE_S:.0f} seconds.",
        )


def taken(world: World, resource: Resource, from_s: float, until_s: float) -> list[dict[str, Any]]:
    """Return who holds a resource in a span: other people's bookings and the students' own leases.

    Returns:
        Dicts with `id`, `lease_id`, `start_s`, `end_s`, earliest first.
    """
    held = [
        {"id": b.id, "lease_id": b.lease_id, "start_s": b.start_s, "end_s": b.end_s}
        for b in bookings(resource.name, resource.rank, resource.peers, from_s, until_s)
    ]
    for lease in world.store.find("lease", site=resource.site, released=False):
        if lease["start_s"] >= until_s or lease["end_s"] <= from_s or lease["fate"] == "ERROR":
            continue
        held += [
            {"id": r["id"], "lease_id": lease["id"], "start_s": lease["start_s"], "end_s": lease["end_s"]}
            for r in lease["reservations"]
            if _KINDS.get(r["resource_type"]) == resource.kind and resource.id in r["resource_ids"]
        ]
    return sorted(held, key=lambda h: h["start_s"])


def create(world: World, caller: Caller, site: str, asked: dict[str, Any]) -> Document:
    """Make a lease as `POST /leases` asks, and return its record.

    Raises:
        RefusalError: 400 for what cannot be read, 500 when no host or device is free, as the real Blazar.
    """
    now_s = world.now()
    start_s = read_date(asked.get("start_date"), now_s, "start_date")
    end_s = read_date(asked.get("end_date"), now_s, "end_date")
    if not asked.get("name"):
        raise refusals.blazar(400, "name is required")
    check_span(start_s, end_s, now_s)
    active_at_s = max(start_s, now_s + world.clock.shortened(LEASE_START_S))
    cut = world.faults.strike("lease-ends", caller.user)
    if cut:
        end_s = min(end_s, active_at_s + cut["seconds"])
    lease: Document = {
        "id": str(uuid.uuid4()),
        "site": site,
        "name": asked["name"],
        "user": caller.user,
        "user_id": caller.user_id,
        "project": caller.project,
        "project_id": caller.project_id,
        "start_s": start_s,
        "end_s": end_s,
        "created_s": now_s,
        "active_at_s": active_at_s,
        "fate": "ERROR" if world.faults.strike("lease-error", caller.user) else "ACTIVE",
        "served": False,
        "released": False,
        "reservations": [],
    }
    for wish in asked.get("reservations") or []:
        lease["reservations"].append(_reserve(world, caller, lease, wish))
    return world.store.put("lease", lease)


def _reserve(world: World, caller: Caller, lease: Document, wish: dict[str, Any]) -> dict[str, Any]:
    """Return the reservation that satisfies a wish, with the resources it holds."""
    sort = wish.get("resource_type")
    base = {**wish, "id": str(uuid.uuid4()), "resource_ids": []}
    if sort == "virtual:floatingip":
        return base | {"amount": _count(wish.get("amount"), "amount")}
    if sort == "network":
        if not wish.get("network_name"):
            raise refusals.blazar(400, "Missing parameter network_name")
        return base
    if sort not in _KINDS:
        raise refusals.blazar(400, f"The {sort} resource type is not rehearsed here.")
    kind = _KINDS[sort]
    least, most = _count(wish.get("min"), "min"), _count(wish.get("max"), "max")
    try:
        expression = parse(wish.get("resource_properties"))
        fitting = [r for r in world.catalogue.at(lease["site"], kind) if matches(expression, r.properties())]
    except BadExpressionError as error:
        raise refusals.blazar(400, f"Malformed requirements: {error}") from error
    mine = {i for r in lease["reservations"] if r["resource_type"] == sort for i in r["resource_ids"]}
    free = [r for r in fitting if r.id not in mine and not taken(world, r, lease["start_s"], lease["end_s"])]
    if len(free) < least or world.faults.strike("no-hosts", caller.user):
        raise refusals.blazar(500, f"Not enough {_NOUNS[kind]} available")
    return base | {"min": least, "max": most, "resource_ids": [r.id for r in free[:most]]}


def _count(value: Any, field: str) -> int:
    """Return a count that a reservation gives, which may be text; refuse what is no number above 0."""
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise refusals.blazar(400, f"Malformed parameter {field}: {value!r} is not a number above 0")
    return number


def lease_body(lease: Document, now_s: float) -> dict[str, Any]:
    """Return a lease as Blazar shows it."""
    return {
        "id": lease["id"],
        "name": lease["name"],
        "user_id": lease["user_id"],
        "project_id": lease["project_id"],
        "start_date": blazar_stamp(lease["start_s"]),
        "end_date": blazar_stamp(lease["end_s"]),
        "created_at": created_stamp(lease["created_s"]),
        "updated_at": created_stamp(max(lease["created_s"], min(now_s, lease["active_at_s"]))),
        "status": lease_status(lease, now_s),
        "degraded": False,
        "trust_id": lease["id"].replace("-", ""),
        "events": _events(lease, now_s),
        "reservations": [_reservation_body(lease, r, now_s) for r in lease["reservations"]],
    }


def _reservation_body(lease: Document, reservation: dict[str, Any], now_s: float) -> dict[str, Any]:
    """Return a reservation as Blazar shows it, without the rehearsal's own bookkeeping."""
    shown = {name: value for name, value in reservation.items() if name != "resource_ids"}
    return shown | {
        "lease_id": lease["id"],
        "resource_id": reservation["id"],
        "status": reservation_status(lease, now_s),
        "missing_resources": False,
        "resources_changed": False,
        "before_end": "default",
        "created_at": created_stamp(lease["created_s"]),
        "updated_at": None,
    }


def _events(lease: Document, now_s: float) -> list[dict[str, Any]]:
    """Return the three events of a lease: it starts, it is about to end, it ends."""
    moments = {
        "start_lease": lease["active_at_s"],
        "before_end_lease": max(lease["start_s"], lease["end_s"] - 3600),
        "end_lease": lease["end_s"],
    }
    return [
        {
            "id": str(uuid.uuid5(uuid.UUID(lease["id"]), name)),
            "lease_id": lease["id"],
            "event_type": name,
            "time": blazar_stamp(moment_s),
            "status": "DONE" if now_s >= moment_s else "UNDONE",
            "created_at": created_stamp(lease["created_s"]),
            "updated_at": None,
        }
        for name, moment_s in moments.items()
    ]
