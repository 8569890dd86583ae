"""Check a request against the schema by which the real service checks it.

`published/requests.json` has the schemas, with their sources. Blazar has none: `reservation` has
its rules in code, as the real one does.
"""

import base64
import copy
import functools
import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import fastjsonschema
from fastapi import Request

from chameleon_rehearsal.services import microversions, refusals

_FILE = Path(__file__).parents[1] / "published" / "requests.json"
_UUID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.I)


async def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object in a request's body; an absent body is an empty object.

    Raises:
        RefusalError: 400 in the form of the service; the body is no JSON, or no object.
    """
    text = await request.body()
    try:
        body = json.loads(text) if text else {}
    except ValueError as error:
        message = f"Malformed request body: {error}"
        raise refusals.of_service(request.url.path, 400, message) from error
    if not isinstance(body, dict):
        message = f"Malformed request body: an object is needed, not {type(body).__name__}"
        raise refusals.of_service(request.url.path, 400, message)
    return body


async def checked(request: Request, name: str) -> dict[str, Any]:
    """Return a request's body once the schema of that name lets it pass.

    Args:
        name: A service and a request, for example `nova POST servers`.

    Raises:
        RefusalError: 400 in the form of the service, with the field and its value.
    """
    body = await body_of(request)
    refuse_unless_valid(request, name, body)
    return body


def refuse_unless_valid(request: Request, name: str, value: Any) -> None:
    """Refuse a value that the schema of that name does not let pass.

    Raises:
        RefusalError: 400 in the form of the service, with the field and its value.
    """
    validate = _validator(name, microversions.of(request))
    try:
        # Validating fills in defaults, so a copy.
        validate(copy.deepcopy(value))
    except fastjsonschema.JsonSchemaValueException as error:
        path = ".".join(error.path[1:])
        message = f"Invalid input for field/attribute {path}. Value: {error.value}. {error.message}"
        refusal = refusals.of_service(request.url.path, 400, message, "HTTPBadRequest")
        raise refusal from error


@functools.cache
def _validator(name: str, version: microversions.Version) -> Callable[[Any], Any]:
    """Return the validator of a request at a microversion: the newest that is not newer."""
    schemas = _tables()[name]["schemas"]
    firsts = sorted((microversions.parse(first), first) for first in schemas)
    usable = [first for number, first in firsts if number <= version] or [firsts[0][1]]
    schema = {"$schema": "http://json-schema.org/draft-04/schema"} | schemas[usable[-1]]
    # jsonschema takes a second to import where the checkers of all formats are installed.
    return fastjsonschema.compile(schema, formats=dict(FORMATS), use_default=False)


@functools.cache
def _tables() -> dict[str, Any]:
    return json.loads(_FILE.read_text(encoding="utf-8"))["requests"]


def _readable(read: Callable[[str], Any]) -> Callable[[str], bool]:
    """Return whether a text can be read, as a function."""

    def is_readable(text: str) -> bool:
        try:
            read(text)
        except ValueError:
            return False
        return True

    return is_readable


def _is_name(text: str) -> bool:
    return bool(text) and text == text.strip()


def _is_short(text: str) -> bool:
    return len(text.strip()) <= 255


#: The formats that the schemas name, as the services read them: whether a text has the format.
FORMATS: Mapping[str, Callable[[str], bool]] = {
    "uuid": lambda text: bool(_UUID.fullmatch(text)),
    "name": _is_name,
    "name_non_mandatory_remove_white_spaces": _is_short,
    "description_non_mandatory_remove_white_spaces": _is_short,
    "base64": _readable(functools.partial(base64.b64decode, validate=True)),
    "ipv4": _readable(ipaddress.IPv4Address),
    "ipv6": _readable(ipaddress.IPv6Address),
    "ip": _readable(ipaddress.ip_address),
    "cidr": _readable(functools.partial(ipaddress.ip_network, strict=False)),
}
