"""Microversions: the form of an answer that a client requests.

A client names one in a header. Without it, Nova answers as version 2.1.
"""

from dataclasses import dataclass

from fastapi import Request

from chameleon_rehearsal.services import refusals

#: A microversion: its major and its minor number.
Version = tuple[int, int]


@dataclass(frozen=True)
class Supported:
    """The microversions that a service supports."""

    #: The service's name in the header.
    service: str
    least: Version
    most: Version


#: By the service's part of the path; `most` is from the services' version documents.
SUPPORTED = {
    "compute": Supported("compute", (2, 1), (2, 96)),
    "container": Supported("container", (1, 1), (1, 44)),
    "volume": Supported("volume", (3, 0), (3, 70)),
}
_HEADER = "OpenStack-API-Version"
_OLD_HEADER = "X-OpenStack-Nova-API-Version"


def parse(text: str) -> Version:
    """Return a microversion that is spelled `2.61`; `3` is 3.0.

    Raises:
        ValueError: It is no such number.
    """
    major, _, minor = text.partition(".")
    return int(major), int(minor or 0)


def spell(version: Version) -> str:
    """Return a microversion as text: `2.61`."""
    return f"{version[0]}.{version[1]}"


def of(request: Request) -> Version:
    """Return a request's microversion.

    Services without microversions have the version 1000.0, for which their only schema is right.

    Raises:
        RefusalError: 400, no version can be read; 406, the service does not support it.
    """
    service = [*request.url.path.split("/"), "", ""][2]
    if service not in SUPPORTED:
        return (1000, 0)
    supported = SUPPORTED[service]
    named = [part.split() for part in request.headers.get(_HEADER, "").lower().split(",")]
    text = next((words[1] for words in named if words[:1] == [service] and words[1:]), "")
    if not text and service == "compute":
        text = request.headers.get(_OLD_HEADER, "")
    if not text:
        return supported.least
    if text == "latest":
        return supported.most
    try:
        version = parse(text)
    except ValueError as error:
        message = f"API Version String {text} is of invalid format. Must be of format Major.Minor."
        raise refusals.of_service(request.url.path, 400, message) from error
    if not supported.least <= version <= supported.most:
        bounds = f"Minimum is {spell(supported.least)} and maximum is {spell(supported.most)}."
        message = f"Version {text} is not supported by the API. {bounds}"
        raise refusals.of_service(request.url.path, 406, message)
    return version


def headers(request: Request) -> dict[str, str]:
    """Return the headers that name the microversion of an answer; empty if it has no
    microversion.
    """
    service = [*request.url.path.split("/"), "", ""][2]
    if service not in SUPPORTED:
        return {}
    try:
        version = spell(of(request))
    except refusals.RefusalError:
        version = spell(SUPPORTED[service].least)
    named = {_HEADER: f"{SUPPORTED[service].service} {version}", "Vary": _HEADER}
    if service == "compute":
        named |= {_OLD_HEADER: version, "Vary": f"{_HEADER}, {_OLD_HEADER}"}
    return named
