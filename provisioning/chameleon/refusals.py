"""From what python-chi and its clients raise to the errors of this room. Knows their names, imports none of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from provisioning.testbed.errors import (
    ConflictError,
    NoAddressError,
    NoCapacityError,
    NotSignedInError,
    ProvisioningError,
    RefusedError,
    ServiceBusyError,
)

#: Exceptions of requests, keystoneauth and sockets that mean 'no answer'. Matched by name, to import none of them.
_NO_ANSWER = {
    "ConnectionError",
    "ConnectFailure",
    "ConnectTimeout",
    "ReadTimeout",
    "Timeout",
    "SSLFailure",
    "ConnectionFailed",
    "ChunkedEncodingError",
}

_ABSENT = {"EndpointNotFound", "CatalogException", "EmptyCatalog"}
_BY_STATUS = {401: NotSignedInError, 409: ConflictError}


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status that the error carries, or None."""
    for each in _chain(error):
        # Blazar's client keeps the real status in ``kwargs``; its ``code`` attribute alone is a class default.
        inner = getattr(each, "kwargs", None)
        candidates = [inner.get("code") if isinstance(inner, dict) else None]
        candidates += [getattr(each, name, None) for name in ("http_status", "status_code", "code", "status")]
        for value in candidates:
            if isinstance(value, int) and 400 <= value < 600:
                return value
    return None


def explain(error: BaseException, doing: str) -> ProvisioningError:
    """Return the error of this room for what a client raised.

    Args:
        error: anything that python-chi, a client, or a socket raised.
        doing: what was being done, for the message: ``"reserving 'serve-model-ada'"``.
    """
    if isinstance(error, ProvisioningError):
        return error
    status, name, said = status_of(error), type(error).__name__, _said(error)
    # Blazar answers 500 to a full calendar, and Neutron 409 to an empty pool: words and names decide before statuses.
    if "not enough" in said.lower() and "available" in said.lower():
        return NoCapacityError(f"{doing}: {said}")
    if name in ("IpAddressGenerationFailureClient", "OverQuotaClient"):
        return NoAddressError(f"{doing}: {said}")
    if name == "CHIValueError" and status in (None, 404):
        return RefusedError(f"{doing}: {said}")
    if name in ("Unauthorized", "MissingRequiredOptions", "MissingAuthPlugin"):
        return NotSignedInError(f"{doing}: {said}")
    if status in _BY_STATUS:
        return _BY_STATUS[status](f"{doing}: {said}")
    if status is not None:
        return (ServiceBusyError if status >= 500 else RefusedError)(f"{doing}: the service answered {status}: {said}")
    if any(type(e).__name__ in _NO_ANSWER for e in _chain(error)) or isinstance(error, TimeoutError | OSError):
        return ServiceBusyError(f"{doing}: no answer: {said}")
    return ProvisioningError(f"{doing}: {name}: {said}")


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
        inner = current.args[0] if current.args and isinstance(current.args[0], BaseException) else None
        current = inner or current.__cause__ or current.__context__
    return chain


def _said(error: BaseException) -> str:
    # A proxy in front of a service answers with a page.
    text = re.sub(r"<[^>]*>", " ", str(error))
    text = re.sub(r"\s+", " ", text).strip() or type(error).__name__
    return text if len(text) <= 400 else text[:397] + "..."
