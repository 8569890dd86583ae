"""From what python-chi and the services answer to the plain values and the errors of this room.
Imports no client.
"""

import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from provisioning.testbed import (
    Address,
    Booking,
    Lease,
    Machine,
    Reservation,
    Resource,
    Volume,
    errors,
)


def moment(text: Any) -> datetime | None:
    """Return the moment with time zone UTC, or None when the service gave none. Each writes it in
    its own form.

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
    status = str(document["status"]).upper()
    reservations = [_reservation(each) for each in document.get("reservations", [])]
    return Lease(
        id=document["id"],
        name=document["name"],
        status=status,
        start=_certain(document["start_date"]),
        end=_certain(document["end_date"]),
        reservations=tuple(reservations),
        created=moment(document.get("created_at")),
    )


def _reservation(document: Mapping[str, Any]) -> Reservation:
    resource_type = document.get("resource_type", "")
    condition = document.get("resource_properties") or ""
    return Reservation(str(document["id"]), resource_type, condition)


def _listed_addresses(reply: Any) -> list[Any]:
    """Return the entries of a server's or a container's addresses, of all its networks."""
    by_network = getattr(reply, "addresses", None) or {}
    return list(itertools.chain.from_iterable(by_network.values()))


def server(reply: Any) -> Machine:
    """Return the machine of novaclient's server."""
    listed = _listed_addresses(reply)
    floating = [entry for entry in listed if entry.get("OS-EXT-IPS:type") == "floating"]
    addresses = [entry["addr"] for entry in floating]
    fault = getattr(reply, "fault", None) or {}
    return Machine(
        id=reply.id,
        name=reply.name,
        kind="server",
        status=str(reply.status).upper(),
        addresses=tuple(addresses),
        fault=str(fault.get("message", "")),
        created=moment(getattr(reply, "created", None)),
    )


def container(reply: Any, addresses_by_port: Mapping[str, str]) -> Machine:
    """Return the machine of zunclient's container, which lists fixed addresses only: the floating
    ones are by port.
    """
    entries = [entry for entry in _listed_addresses(reply) if isinstance(entry, Mapping)]
    ports: list[Any] = [entry.get("port") for entry in entries]
    bound = [addresses_by_port[port] for port in ports if port in addresses_by_port]
    reason = getattr(reply, "status_reason", None) or getattr(reply, "status_detail", None)
    fault = "" if reason in (None, "None") else str(reason)
    return Machine(
        id=reply.uuid,
        name=reply.name,
        kind="container",
        status=str(reply.status).upper(),
        addresses=tuple(bound),
        fault=fault,
        created=moment(getattr(reply, "created_at", None)),
    )


def volume(reply: Any) -> Volume:
    """Return the volume of Cinder's client."""
    return Volume(reply.id, reply.name or "", str(reply.status), moment(reply.created_at))


def address(document: Mapping[str, Any]) -> Address:
    """Return the floating IP of Neutron's document."""
    first_tag = next(iter(document.get("tags") or []), "")
    return Address(
        id=document["id"],
        address=document["floating_ip_address"],
        port_id=document.get("port_id"),
        label=first_tag or document.get("description") or "",
        created=moment(document.get("created_at")),
    )


def bookings(allocations: Iterable[Mapping[str, Any]]) -> dict[str, tuple[Booking, ...]]:
    """Return the bookings of each resource from Blazar's list of allocations, by its id."""
    by_id: dict[str, tuple[Booking, ...]] = {}
    for allocation in allocations:
        taken = [_booking(each) for each in allocation.get("reservations", [])]
        taken.sort(key=lambda booking: booking.start)
        by_id[str(allocation["resource_id"])] = tuple(taken)
    return by_id


def _booking(document: Mapping[str, Any]) -> Booking:
    start = _certain(document["start_date"])
    end = _certain(document["end_date"])
    return Booking(start, end, str(document.get("lease_id") or ""))


def resource(
    node: Any, site: str, blazar_id: str | None, taken: Mapping[str, tuple[Booking, ...]]
) -> Resource:
    """Return the resource of python-chi's node or device.

    Args:
        blazar_id: by which Blazar knows it; one that it does not know cannot be reserved, whatever
            the catalogue says.
        taken: bookings by that id.
    """
    name = getattr(node, "device_name", None) or node.name
    type_name = getattr(node, "device_type", None) or node.type
    reservable = bool(node.reservable) and blazar_id is not None
    return Resource(site, name, type_name, reservable, taken.get(str(blazar_id), ()))


def rooms(
    calendars: Iterable[Mapping[str, Any]], site: str, type_name: str
) -> tuple[Resource, ...]:
    """Return the room for each virtual machine of a flavor, from Blazar's calendar, which only
    counts.

    The first machine is taken when none is free, the second when fewer than two are free, and so
    on. The calendar's fullest moment decides how many machines are free for a whole block.
    """
    spans = [span for calendar in calendars for span in calendar["availability"]]
    most = max((int(span["total"]) for span in spans), default=0)
    taken: list[list[Booking]] = [[] for _ in range(most)]
    for span in sorted(spans, key=lambda span: _certain(span["start"])):
        start = _certain(span["start"])
        end = _certain(span["end"])
        for room in taken[int(span["available"]) :]:
            if room and room[-1].end == start:
                room[-1] = Booking(room[-1].start, end)
            else:
                room.append(Booking(start, end))
    resources = []
    for number, room in enumerate(taken, start=1):
        name = f"{type_name} ({number} of {most})"
        resources.append(Resource(site, name, type_name, bookings=tuple(room)))
    return tuple(resources)


#: Exceptions of requests, keystoneauth and sockets that mean 'no answer'. Matched by name, to
#: import none of them.
_NO_ANSWER = {
    "ConnectionError",
    "ConnectFailure",
    "ConnectionFailed",
    "ConnectTimeout",
    "ReadTimeout",
    "Timeout",
    "SSLFailure",
    "ChunkedEncodingError",
}

_ABSENT = {"EndpointNotFound", "CatalogException", "EmptyCatalog"}
#: Status codes of a proxy whose service is down.
_MAINTENANCE = {502, 503, 504}


#: Attributes in which the clients keep an HTTP status.
_STATUS_NAMES = ("http_status", "status_code", "code", "status")


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status that the error carries, or None."""
    for each in _chain(error):
        # Blazar's client keeps the real status in ``kwargs``; its ``code`` attribute alone is a
        # class default.
        inner = getattr(each, "kwargs", None)
        candidates = [inner.get("code") if isinstance(inner, dict) else None]
        for holder in (each, getattr(each, "response", None)):
            candidates += [getattr(holder, name, None) for name in _STATUS_NAMES]
        for value in candidates:
            if isinstance(value, int) and 400 <= value < 600:
                return value
    return None


def explain(error: BaseException, doing: str) -> errors.ProvisioningError:
    """Turn a client's exception into this room's error; it was raised, for example, while
    ``"reserving 'serve-model-ada'"``.
    """
    if isinstance(error, errors.ProvisioningError):
        return error
    status = status_of(error)
    names = {type(each).__name__ for each in _chain(error)}
    message = _message(error)
    name = type(error).__name__
    # Blazar answers 500 to a full calendar, and Neutron 409 to an empty pool: words and names
    # decide before statuses.
    if "not enough" in message.lower() and "available" in message.lower():
        return errors.NoCapacityError(f"{doing}: {message}")
    if name in ("IpAddressGenerationFailureClient", "OverQuotaClient"):
        return errors.NoAddressError(f"{doing}: {message}")
    if status in (403, 413) and "quota exceeded" in message.lower():
        return errors.QuotaError(f"{doing}: {message}")
    if status == 400 and "can only be extended within" in message:
        return errors.TooEarlyToExtendError(f"{doing}: {message}")
    if name == "CHIValueError" and status in (None, 404):
        return errors.RefusedError(f"{doing}: {message}")
    if status == 401 or name == "Unauthorized":
        return errors.NotSignedInError(f"{doing}: Chameleon refused to sign you in (401)")
    if name in ("MissingRequiredOptions", "MissingAuthPlugin"):
        return errors.NotSignedInError(f"{doing}: not enough to sign in with: {message}")
    if status == 409:
        return errors.ConflictError(f"{doing}: {message}")
    if status in _MAINTENANCE:
        return errors.MaintenanceError(
            f"{doing}: the site is in maintenance or overloaded ({_phrase(status)})"
        )
    if status is not None:
        is_page = "<html" in str(error).lower()
        answer = _phrase(status) if is_page else f"{status}: {message}"
        kind = errors.ServiceBusyError if status >= 500 else errors.RefusedError
        return kind(f"{doing}: the service answered {answer}")
    if "JSONDecodeError" in names or isinstance(error, TypeError):
        # Blazar's client subscribes the None that it makes of a page.
        return errors.MaintenanceError(
            f"{doing}: a page came in place of an answer",
            likely="The site is in maintenance, or this network wants you to sign in first, as in "
            "hotels and cafés.",
        )
    if names & _NO_ANSWER or isinstance(error, OSError):
        return errors.NoAnswerError(f"{doing}: nothing answers{_where(error)}")
    return errors.ProvisioningError(f"{doing}: {name}: {message}")


def unread(error: errors.ProvisioningError) -> errors.ProvisioningError:
    """Return the error for a calendar, unless the whole site or its credentials are the reason."""
    if isinstance(error, errors.NotSignedInError | errors.MaintenanceError | errors.NoAnswerError):
        return error
    return errors.CalendarUnreadError(f"{error.what}, so nobody knows what is free there")


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:  # no status of HTTP's own
        return str(status)


def _where(error: BaseException) -> str:
    """Return the address at which nothing answers, and how that was noticed, without the clients'
    own words.
    """
    chain = _chain(error)
    match = re.search(r"host='([^']+)', port=(\d+)", " ".join(map(str, chain)))
    place = f" at {match[1]}:{match[2]}" if match else ""
    names = [type(each).__name__.lower() for each in chain]
    if any("timeout" in name for name in names):
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
    """Return a service's list; it is empty if the site lacks the service."""
    try:
        return list(listing())
    except Exception as error:
        names = {type(each).__name__ for each in _chain(error)}
        if names.isdisjoint(_ABSENT):
            raise
        return []


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        # python-chi wraps the cause as the only argument: ResourceError(exception).
        first_argument = current.args[0] if current.args else None
        inner = first_argument if isinstance(first_argument, BaseException) else None
        current = inner or current.__cause__ or current.__context__
    return chain


def _message(error: BaseException) -> str:
    # A proxy in front of a service answers with a page.
    text = re.sub(r"<[^>]*>", " ", str(error))
    text = re.sub(r"\s+", " ", text).strip() or type(error).__name__
    return text if len(text) <= 400 else text[:397] + "..."
