"""From what python-chi and the services answer to the plain values and the errors of this room. Imports no client."""

import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from provisioning.testbed import Address, Booking, Lease, Machine, Reservation, Resource, errors


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
    time = moment(text)
    if time is None:
        raise ValueError("the reservation service sent a reservation without its dates")
    return time


def lease(document: Mapping[str, Any]) -> Lease:
    """Return the lease of Blazar's document."""
    return Lease(
        id=document["id"],
        name=document["name"],
        status=str(document["status"]).upper(),
        start=_certain(document["start_date"]),
        end=_certain(document["end_date"]),
        reservations=tuple(
            Reservation(
                str(each["id"]),
                each.get("resource_type", ""),
                each.get("resource_properties") or "",
            )
            for each in document.get("reservations", [])
        ),
        created=moment(document.get("created_at")),
    )


def server(reply: Any) -> Machine:
    """Return the machine of novaclient's server."""
    listed = itertools.chain(*(getattr(reply, "addresses", None) or {}).values())
    fault = getattr(reply, "fault", None) or {}
    return Machine(
        id=reply.id,
        name=reply.name,
        kind="server",
        status=str(reply.status).upper(),
        addresses=tuple(
            entry["addr"] for entry in listed if entry.get("OS-EXT-IPS:type") == "floating"
        ),
        fault=str(fault.get("message", "")),
        created=moment(getattr(reply, "created", None)),
    )


def container(reply: Any, addresses_by_port: Mapping[str, str]) -> Machine:
    """Return the machine of zunclient's container, which lists fixed addresses only: the floating ones are by port."""
    listed = itertools.chain(*(getattr(reply, "addresses", None) or {}).values())
    ports: list[Any] = [entry.get("port") for entry in listed if isinstance(entry, Mapping)]
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
            Booking(
                _certain(each["start_date"]),
                _certain(each["end_date"]),
                str(each.get("lease_id") or ""),
            )
            for each in allocation.get("reservations", [])
        ]
        by_id[str(allocation["resource_id"])] = tuple(sorted(spans, key=lambda span: span.start))
    return by_id


def resource(
    node: Any, site: str, blazar_id: str | None, taken: Mapping[str, tuple[Booking, ...]]
) -> Resource:
    """Return the resource of python-chi's node or device.

    Args:
        blazar_id: by which Blazar knows it; one that it does not know cannot be reserved, whatever the catalogue says.
        taken: bookings by that id.
    """
    return Resource(
        site=site,
        name=getattr(node, "device_name", None) or node.name,
        type=getattr(node, "device_type", None) or node.type,
        reservable=bool(node.reservable) and blazar_id is not None,
        bookings=taken.get(str(blazar_id), ()),
    )


def rooms(
    calendars: Iterable[Mapping[str, Any]], site: str, type_name: str
) -> tuple[Resource, ...]:
    """Return the room for each virtual machine of a flavor, from Blazar's calendar, which counts and names nobody.

    The first is taken when nothing is free, the second when no two are, and so on: as many are free for a whole block
    as the calendar has at its fullest moment.
    """
    spans = [span for calendar in calendars for span in calendar["availability"]]
    most = max((int(span["total"]) for span in spans), default=0)
    taken: list[list[Booking]] = [[] for _ in range(most)]
    for span in sorted(spans, key=lambda span: _certain(span["start"])):
        start, end = _certain(span["start"]), _certain(span["end"])
        for held in taken[int(span["available"]) :]:
            begin = held.pop().start if held and held[-1].end == start else start
            held.append(Booking(begin, end))
    return tuple(
        Resource(site, f"{type_name} ({number} of {most})", type_name, bookings=tuple(held))
        for number, held in enumerate(taken, start=1)
    )


#: Exceptions of requests, keystoneauth and sockets that mean 'no answer'. Matched by name, to import none of them.
_NO_ANSWER = {
    *(
        "ConnectionError",
        "ConnectFailure",
        "ConnectionFailed",
        "ConnectTimeout",
        "ReadTimeout",
        "Timeout",
    ),
    *("SSLFailure", "ChunkedEncodingError"),
}

_ABSENT = {"EndpointNotFound", "CatalogException", "EmptyCatalog"}
#: Of a proxy whose service is down.
_MAINTENANCE = {502, 503, 504}


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status that the error carries, or None."""
    for each in _chain(error):
        # Blazar's client keeps the real status in ``kwargs``; its ``code`` attribute alone is a class default.
        inner = getattr(each, "kwargs", None)
        candidates = [inner.get("code") if isinstance(inner, dict) else None]
        for holder in (each, getattr(each, "response", None)):
            candidates += [
                getattr(holder, name, None)
                for name in ("http_status", "status_code", "code", "status")
            ]
        for value in candidates:
            if isinstance(value, int) and 400 <= value < 600:
                return value
    return None


def explain(error: BaseException, doing: str) -> errors.ProvisioningError:
    """Return the error of this room for what a client raised while ``"reserving 'serve-model-ada'"``, for example."""
    if isinstance(error, errors.ProvisioningError):
        return error
    status, names, said = (
        status_of(error),
        {type(each).__name__ for each in _chain(error)},
        _said(error),
    )
    name = type(error).__name__
    # Blazar answers 500 to a full calendar, and Neutron 409 to an empty pool: words and names decide before statuses.
    if "not enough" in said.lower() and "available" in said.lower():
        return errors.NoCapacityError(f"{doing}: {said}")
    if name in ("IpAddressGenerationFailureClient", "OverQuotaClient"):
        return errors.NoAddressError(f"{doing}: {said}")
    if name == "CHIValueError" and status in (None, 404):
        return errors.RefusedError(f"{doing}: {said}")
    if status == 401 or name == "Unauthorized":
        return errors.NotSignedInError(f"{doing}: Chameleon refused to sign you in (401)")
    if name in ("MissingRequiredOptions", "MissingAuthPlugin"):
        return errors.NotSignedInError(f"{doing}: not enough to sign in with: {said}")
    if status == 409:
        return errors.ConflictError(f"{doing}: {said}")
    if status in _MAINTENANCE:
        return errors.MaintenanceError(
            f"{doing}: the site is in maintenance or overloaded ({_phrase(status)})"
        )
    if status is not None:
        answer = _phrase(status) if "<html" in str(error).lower() else f"{status}: {said}"
        return (errors.ServiceBusyError if status >= 500 else errors.RefusedError)(
            f"{doing}: the service answered {answer}"
        )
    if "JSONDecodeError" in names or isinstance(error, TypeError):
        # Blazar's client subscribes the None that it makes of a page.
        return errors.MaintenanceError(
            f"{doing}: a page came in place of an answer",
            likely="The site is in maintenance, or this network wants you to sign in first, as in hotels and cafés.",
        )
    if names & _NO_ANSWER or isinstance(error, OSError):
        return errors.NoAnswerError(f"{doing}: nothing answers{_where(error)}")
    return errors.ProvisioningError(f"{doing}: {name}: {said}")


def unread(error: errors.ProvisioningError) -> errors.ProvisioningError:
    """Return the error for a calendar, unless the whole site or its credentials are the reason."""
    if isinstance(error, errors.NotSignedInError | errors.MaintenanceError | errors.NoAnswerError):
        return error
    return errors.CalendarUnreadError(f"{error.what}, so nobody knows what is free there")


def _phrase(status: int) -> str:
    return (
        f"{status} {HTTPStatus(status).phrase}"
        if status in {one.value for one in HTTPStatus}
        else str(status)
    )


def _where(error: BaseException) -> str:
    """Return the address at which nothing answers, and how that was noticed, without the clients' own words."""
    chain = _chain(error)
    match = re.search(r"host='([^']+)', port=(\d+)", " ".join(map(str, chain)))
    place = f" at {match[1]}:{match[2]}" if match else ""
    if any("timeout" in type(each).__name__.lower() for each in chain):
        return f"{place} (no answer in time)"
    reasons = [each.strerror for each in chain if isinstance(each, OSError) and each.strerror]
    return f"{place} ({reasons[-1]})" if reasons else place


def unless_missing(delete: Callable[[], Any]) -> None:
    """Delete something; that it is gone already is as good."""
    try:
        delete()
    except Exception as error:
        if status_of(error) != 404:
            raise


def unless_absent(listing: Callable[[], Iterable[Any]]) -> list[Any]:
    """Return what a service lists, or nothing where the site has no such service."""
    try:
        return list(listing())
    except Exception as error:
        if not any(type(each).__name__ in _ABSENT for each in _chain(error)):
            raise
        return []


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        # python-chi wraps the cause as the only argument: ResourceError(exception).
        inner = (
            current.args[0] if current.args and isinstance(current.args[0], BaseException) else None
        )
        current = inner or current.__cause__ or current.__context__
    return chain


def _said(error: BaseException) -> str:
    # A proxy in front of a service answers with a page.
    text = re.sub(r"<[^>]*>", " ", str(error))
    text = re.sub(r"\s+", " ", text).strip() or type(error).__name__
    return text if len(text) <= 400 else text[:397] + "..."
