"""From what the services answer to the plain values of this room. Imports no client, so it is tested with documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from provisioning.testbed import Address, Booking, Lease, Machine, Reservation, Resource


def moment(text: Any) -> datetime | None:
    """Return the moment with time zone UTC, or None when the service gave none. Each writes it in a form of its own.

    Raises:
        ValueError: no form of ISO 8601.
    """
    if not text or text == "None":
        return None
    parsed = text if isinstance(text, datetime) else datetime.fromisoformat(str(text))
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _certain(text: Any) -> datetime:
    found = moment(text)
    if found is None:
        raise ValueError("the reservation service sent a reservation without its dates")
    return found


def lease(document: Mapping[str, Any]) -> Lease:
    """Return the lease of Blazar's document."""
    return Lease(
        id=document["id"],
        name=document["name"],
        status=str(document["status"]).upper(),
        start=_certain(document["start_date"]),
        end=_certain(document["end_date"]),
        reservations=tuple(
            Reservation(str(each["id"]), each.get("resource_type", ""), each.get("resource_properties") or "")
            for each in document.get("reservations", [])
        ),
        created=moment(document.get("created_at")),
    )


def server(reply: Any) -> Machine:
    """Return the machine of novaclient's server."""
    bound = [
        address["addr"]
        for addresses in (getattr(reply, "addresses", None) or {}).values()
        for address in addresses
        if address.get("OS-EXT-IPS:type") == "floating"
    ]
    fault = getattr(reply, "fault", None) or {}
    return Machine(
        id=reply.id,
        name=reply.name,
        kind="server",
        status=str(reply.status).upper(),
        addresses=tuple(bound),
        fault=str(fault.get("message", "")),
        created=moment(getattr(reply, "created", None)),
    )


def container(reply: Any, addresses_by_port: Mapping[str, str]) -> Machine:
    """Return the machine of zunclient's container.

    Args:
        reply: the container.
        addresses_by_port: floating IP of each port that has one. Zun lists the fixed addresses only.
    """
    ports = [
        each.get("port")
        for addresses in (getattr(reply, "addresses", None) or {}).values()
        for each in addresses
        if isinstance(each, Mapping)
    ]
    reason = getattr(reply, "status_reason", None) or getattr(reply, "status_detail", None)
    return Machine(
        id=reply.uuid,
        name=reply.name,
        kind="container",
        status=str(reply.status).upper(),
        addresses=tuple(addresses_by_port[port] for port in ports if port in addresses_by_port),
        fault="" if reason in (None, "None") else str(reason),
        created=moment(getattr(reply, "created_at", None)),
    )


def address(document: Mapping[str, Any]) -> Address:
    """Return the floating IP of Neutron's document."""
    return Address(
        id=document["id"],
        address=document["floating_ip_address"],
        port_id=document.get("port_id"),
        label=next(iter(document.get("tags") or []), "") or document.get("description") or "",
        created=moment(document.get("created_at")),
    )


def bookings(allocations: Iterable[Mapping[str, Any]]) -> dict[str, tuple[Booking, ...]]:
    """Return the bookings of each resource from Blazar's list of allocations, keyed by the resource's id."""
    by_id: dict[str, tuple[Booking, ...]] = {}
    for allocation in allocations:
        spans = [
            Booking(_certain(each["start_date"]), _certain(each["end_date"]), str(each.get("lease_id") or ""))
            for each in allocation.get("reservations", [])
        ]
        by_id[str(allocation["resource_id"])] = tuple(sorted(spans, key=lambda span: span.start))
    return by_id


def resource(found: Any, site: str, blazar_id: str | None, taken: Mapping[str, tuple[Booking, ...]]) -> Resource:
    """Return the resource of python-chi's node or device.

    Args:
        found: the node or device.
        site: where it is.
        blazar_id: by which Blazar knows it; one that it does not know cannot be reserved, whatever the catalogue says.
        taken: bookings by that id.
    """
    return Resource(
        site=site,
        name=getattr(found, "device_name", None) or found.name,
        type=getattr(found, "device_type", None) or found.type,
        reservable=bool(found.reservable) and blazar_id is not None,
        bookings=taken.get(str(blazar_id), ()),
    )
