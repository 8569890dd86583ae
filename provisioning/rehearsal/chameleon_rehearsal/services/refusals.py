"""How each service says no: the status and the body that its own clients look into."""

from http import HTTPStatus
from typing import Any


class RefusalError(Exception):
    """A service's answer with a status of 400 or more; the application turns it into the
    response.
    """

    def __init__(self, status: int, body: Any, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = body


# Nova names the error object after the exception; its client reads whichever single key is there.
_NOVA_KEYS = {
    400: "badRequest",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
}


def page(status: int) -> RefusalError:
    """Return what a proxy answers while the service behind it is down: a page, in no service's
    form.
    """
    phrase = HTTPStatus(status).phrase
    words = "due to maintenance downtime or capacity problems. Please try again later."
    body = (
        f"<html><head><title>{status} {phrase}</title></head><body><h1>{phrase}</h1><p>The "
        "server is temporarily "
    )
    return RefusalError(
        status, f"{body}unable to service your request {words}</p></body></html>", phrase
    )


def keystone(status: int, message: str) -> RefusalError:
    """Return a refusal by Keystone, or by the token check before every service."""
    return RefusalError(
        status,
        {"error": {"code": status, "message": message, "title": HTTPStatus(status).phrase}},
        message,
    )


def blazar(status: int, message: str) -> RefusalError:
    """Return a refusal by Blazar; python-chi shows its `error_message`."""
    body = {"error_code": status, "error_message": message, "error_name": status}
    return RefusalError(status, body, message)


def nova(status: int, message: str) -> RefusalError:
    """Return a refusal by Nova, or by Cinder, which has the same form."""
    key = _NOVA_KEYS.get(status, "computeFault")
    return RefusalError(status, {key: {"code": status, "message": message}}, message)


def neutron(status: int, kind: str, message: str) -> RefusalError:
    """Return a refusal by Neutron; its client picks an exception class by `kind`."""
    return RefusalError(
        status, {"NeutronError": {"type": kind, "message": message, "detail": ""}}, message
    )


def glance(status: int, message: str) -> RefusalError:
    title = HTTPStatus(status).phrase
    return RefusalError(
        status, {"message": message, "code": f"{status} {title}", "title": title}, message
    )


def zun(status: int, message: str, title: str = "") -> RefusalError:
    """Return a refusal by Zun; its client shows the title alone, by default the status in words."""
    title = title or HTTPStatus(status).phrase
    error = {
        "status": status,
        "code": "",
        "title": title,
        "detail": message,
        "request_id": "",
        "links": [],
    }
    return RefusalError(status, {"errors": [error]}, message)


def of_service(path: str, status: int, message: str, kind: str = "BadRequest") -> RefusalError:
    """Return a refusal in the form of the service that a path leads to; `kind` is Neutron's word
    for it.
    """
    service = [*path.split("/"), "", ""][2]
    if service == "network":
        return neutron(status, kind, message)
    if service == "container":
        return zun(status, message, title=message)
    forms = {"compute": nova, "volume": nova, "reservation": blazar, "image": glance}
    return forms.get(service, keystone)(status, message)
