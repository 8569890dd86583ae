"""The requests that are sent to the real services and to the testbed, and how two answers are compared.

Standard library only: the recorder runs in an environment that holds the real services and nothing of this course.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any


@dataclass(frozen=True)
class Cloud:
    """Where a set of services answers, and who asks.

    Attributes:
        urls: Base URL of `identity`, `reservation` and `image`.
        user: User name.
        password: The user's password.
        project: The user's project.
        domain: Domain of both.
        operator_token: A token that may list hosts. Blazar's default policy keeps hosts for operators; Chameleon's
            shows them to everybody, and so does the testbed.
    """

    urls: dict[str, str]
    user: str
    password: str
    project: str
    domain: str
    operator_token: str | None = None


@dataclass(frozen=True)
class Answer:
    """A service's answer.

    Attributes:
        status: HTTP status.
        body: Decoded JSON, or None when the body is something else.
        headers: Header names in lower case, with their values.
    """

    status: int
    body: Any
    headers: dict[str, str]


def send(method: str, url: str, body: Any = None, token: str | None = None) -> Answer:
    """Send one request and return the answer, whatever its status."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token:
        headers["X-Auth-Token"] = token
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=120) as answer:
            status, text, found = answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            status, text, found = error.code, error.read(), error.headers
    try:
        decoded = json.loads(text) if text else None
    except ValueError:
        decoded = None
    return Answer(status, decoded, {name.lower(): value for name, value in found.items()})


def exchange(cloud: Cloud) -> dict[str, Answer]:
    """Send every request to a cloud, in order, and return the answers by name."""
    found: dict[str, Answer] = {}
    identity, reservation, image = (cloud.urls[name] for name in ("identity", "reservation", "image"))
    found["version"] = send("GET", identity)
    found["token"] = send("POST", f"{identity}/auth/tokens", _auth(cloud))
    found["token, wrong password"] = send("POST", f"{identity}/auth/tokens", _auth(cloud, password="wrong"))
    found["token, unknown project"] = send("POST", f"{identity}/auth/tokens", _auth(cloud, project="nobody's"))
    found["token without project"] = send("POST", f"{identity}/auth/tokens", _auth(cloud, scoped=False))
    token = found["token"].headers["x-subject-token"]
    user_id = found["token"].body["token"]["user"]["id"]
    project_id = found["token"].body["token"]["project"]["id"]
    found["projects"] = send("GET", f"{identity}/users/{user_id}/projects", token=token)
    found["project"] = send("GET", f"{identity}/projects/{project_id}", token=token)
    found["project, missing"] = send("GET", f"{identity}/projects/{'0' * 32}", token=token)
    found["projects, no token"] = send("GET", f"{identity}/auth/projects")

    found["images, no token"] = send("GET", f"{image}/v2/images")
    found["images"] = send("GET", f"{image}/v2/images?limit=20", token=token)
    found["images by name"] = send("GET", f"{image}/v2/images?name=CC-Ubuntu24.04&limit=20", token=token)
    found["images by unknown name"] = send("GET", f"{image}/v2/images?name=none&limit=20", token=token)
    found["image"] = send("GET", f"{image}/v2/images/{found['images by name'].body['images'][0]['id']}", token=token)
    found["image, missing"] = send("GET", f"{image}/v2/images/{'0' * 8}-0000-4000-8000-{'0' * 12}", token=token)

    leases = f"{reservation}/leases"
    found["leases, no token"] = send("GET", leases)
    found["leases, none yet"] = send("GET", leases, token=token)
    found["lease"] = send("POST", leases, _lease(), token)
    lease_id = found["lease"].body["lease"]["id"]
    found["lease again, same name"] = send("POST", leases, _lease(), token)
    found["leases"] = send("GET", leases, token=token)
    found["lease by id"] = send("GET", f"{leases}/{lease_id}", token=token)
    found["lease by name"] = send("GET", f"{leases}/contract", token=token)
    found["lease, start in the past"] = send("POST", leases, _lease(start_h=-2), token)
    found["lease, end before start"] = send("POST", leases, _lease(start_h=3, end_h=2), token)
    found["lease, unreadable date"] = send("POST", leases, _lease(start="tomorrow"), token)
    found["lease, no such node"] = send("POST", leases, _lease(node_type="no_such_type"), token)
    found["lease, too many nodes"] = send("POST", leases, _lease(count=50), token)
    found["lease, no count"] = send("POST", leases, _lease(count=None), token)
    found["lease, broken expression"] = send("POST", leases, _lease(expression="{"), token)
    operator = cloud.operator_token or token
    found["hosts"] = send("GET", f"{reservation}/os-hosts", token=operator)
    found["allocations"] = send("GET", f"{reservation}/os-hosts/allocations", token=operator)
    found["lease deleted"] = send("DELETE", f"{leases}/{lease_id}", token=token)
    found["lease deleted twice"] = send("DELETE", f"{leases}/{lease_id}", token=token)
    return found


def shape(value: Any) -> Any:
    """Return the form of a JSON value: its keys and the kinds of its values, without the values."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return {bool: "boolean", int: "number", float: "number", str: "string", type(None): "null"}[type(value)]


def missing(real: Any, ours: Any, path: str = "") -> list[str]:
    """Return what a real answer's form has and ours lacks or gives as another kind; null agrees with all."""
    if "null" in (real, ours):
        return []
    if isinstance(real, dict) and isinstance(ours, dict):
        found = [f"{path}.{key} is missing" for key in real if key not in ours]
        shared = [key for key in real if key in ours]
        return found + [line for key in shared for line in missing(real[key], ours[key], f"{path}.{key}")]
    if isinstance(real, list) and isinstance(ours, list):
        return missing(real[0], ours[0], f"{path}[0]") if real and ours else []
    return [] if real == ours else [f"{path} is {ours}, not {real}"]


def _auth(cloud: Cloud, password: str = "", project: str = "", scoped: bool = True) -> dict[str, Any]:
    """Return the body of a request for a token."""
    domain = {"name": cloud.domain}
    user = {"name": cloud.user, "domain": domain, "password": password or cloud.password}
    auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
    if scoped:
        auth["scope"] = {"project": {"name": project or cloud.project, "domain": domain}}
    return {"auth": auth}


def _lease(
    start: str = "",
    start_h: float = 1,
    end_h: float = 4,
    node_type: str = "compute_liqid",
    count: int | None = 1,
    expression: str = "",
) -> dict[str, Any]:
    """Return the body with which python-chi asks for a lease of nodes."""

    def moment(hours: float) -> str:
        return f"{datetime.now(UTC) + timedelta(hours=hours):%Y-%m-%d %H:%M}"

    wish = {
        "resource_type": "physical:host",
        "resource_properties": expression or json.dumps(["==", "$node_type", node_type]),
        "hypervisor_properties": "",
        "min": count,
        "max": count,
    }
    return {
        "name": "contract",
        "start_date": start or moment(start_h),
        "end_date": moment(end_h),
        "reservations": [wish],
        "events": [],
        "before_end_date": None,
    }
