"""The testbed answers as the real Keystone 30, Blazar 18 and Glance 33 did when their answers were recorded.

`golden.json` holds their status codes and forms, and what python-chi's own clients made of them. Blazar's hosts were
asked for by an operator there: Chameleon shows them to everybody, and so does the testbed.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from blazarclient.client import Client as Blazar
from glanceclient.client import Client as Glance
from keystoneauth1 import adapter, session
from keystoneauth1.identity import v3
from keystoneclient.v3.client import Client as Keystone
from openstack.config import cloud_region
from openstack.connection import Connection

from provisioning.rehearsal import environment

_RECORDED = json.loads(Path(__file__).with_name("golden.json").read_text(encoding="utf-8"))
GOLDEN, CLIENTS = _RECORDED["exchanges"], _RECORDED["clients"]


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


def lease(start: str = "", start_h: float = 1, end_h: float = 4, **wish: Any) -> dict[str, Any]:
    """Return the body with which python-chi asks for a lease of nodes, with one thing or another of it changed."""

    def moment(hours: float) -> str:
        return f"{datetime.now(UTC) + timedelta(hours=hours):%Y-%m-%d %H:%M}"

    usual = {"resource_type": "physical:host", "hypervisor_properties": "", "min": 1, "max": 1}
    usual["resource_properties"] = '["==", "$node_type", "compute_liqid"]'
    dates = {"start_date": start or moment(start_h), "end_date": moment(end_h)}
    return {"name": "contract", **dates, "reservations": [usual | wish], "events": [], "before_end_date": None}


@pytest.fixture(scope="module")
def student(rehearsal) -> dict[str, str]:
    """What a student's environment holds."""
    return environment.variables(rehearsal.home, "mary")


@pytest.fixture(scope="module")
def answers(student) -> dict[str, httpx.Response]:
    """What the testbed answers to the requests that were sent to the real services, in the same order."""
    root = f"{student['CHI_RESOURCE_API_URL']}/tacc"
    identity, image, leases = f"{root}:5000/v3", f"{root}/image/v2/images", f"{root}/reservation/v1/leases"
    http = httpx.Client(headers={"Accept": "application/json"}, trust_env=False, timeout=60)
    found: dict[str, httpx.Response] = {}

    def ask(name: str, url: str, body: Any = None, method: str = "") -> httpx.Response:
        found[name] = http.request(method or ("GET" if body is None else "POST"), url, json=body)
        return found[name]

    def auth(password: str = student["OS_PASSWORD"], project: str = student["OS_PROJECT_NAME"]) -> dict[str, Any]:
        domain = {"name": "chameleon"}
        user = {"name": student["OS_USERNAME"], "domain": domain, "password": password}
        scope = {"scope": {"project": {"name": project, "domain": domain}}} if project else {}
        return {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, **scope}}

    ask("version", identity)
    signed_in = ask("token", f"{identity}/auth/tokens", auth())
    ask("token, wrong password", f"{identity}/auth/tokens", auth(password="wrong"))
    ask("token, unknown project", f"{identity}/auth/tokens", auth(project="nobody's"))
    ask("token without project", f"{identity}/auth/tokens", auth(project=""))
    ask("projects, no token", f"{identity}/auth/projects")
    ask("images, no token", image)
    ask("leases, no token", leases)
    http.headers["X-Auth-Token"] = signed_in.headers["x-subject-token"]
    token = signed_in.json()["token"]
    ask("projects", f"{identity}/users/{token['user']['id']}/projects")
    ask("project", f"{identity}/projects/{token['project']['id']}")
    ask("project, missing", f"{identity}/projects/{'0' * 32}")
    ask("images", f"{image}?limit=20")
    named = ask("images by name", f"{image}?name=CC-Ubuntu24.04&limit=20")
    ask("images by unknown name", f"{image}?name=none&limit=20")
    ask("image", f"{image}/{named.json()['images'][0]['id']}")
    ask("image, missing", f"{image}/00000000-0000-4000-8000-000000000000")
    ask("leases, none yet", leases)
    made = ask("lease", leases, lease()).json()["lease"]["id"]
    ask("lease again, same name", leases, lease())
    ask("leases", leases)
    ask("lease by id", f"{leases}/{made}")
    ask("lease by name", f"{leases}/contract")
    ask("lease, start in the past", leases, lease(start_h=-2))
    ask("lease, end before start", leases, lease(start_h=3, end_h=2))
    ask("lease, unreadable date", leases, lease(start="tomorrow"))
    ask("lease, no such node", leases, lease(resource_properties='["==", "$node_type", "no_such_type"]'))
    ask("lease, too many nodes", leases, lease(min=50, max=50))
    ask("lease, no count", leases, lease(min=None, max=None))
    ask("lease, broken expression", leases, lease(resource_properties="{"))
    ask("hosts", f"{root}/reservation/v1/os-hosts")
    ask("allocations", f"{root}/reservation/v1/os-hosts/allocations")
    ask("lease deleted", f"{leases}/{made}", method="DELETE")
    ask("lease deleted twice", f"{leases}/{made}", method="DELETE")
    http.close()
    return found


def calls(variables: dict[str, str]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield calls of python-chi's own clients by name, in order; later ones use what earlier ones made."""

    def signed_in(password: str = variables["OS_PASSWORD"], project: str = variables["OS_PROJECT_NAME"]) -> Any:
        auth = v3.Password(
            auth_url=variables["OS_AUTH_URL"],
            username=variables["OS_USERNAME"],
            password=password,
            user_domain_name="chameleon",
            project_name=project,
            project_domain_name="chameleon",
        )
        return adapter.Adapter(session.Session(auth), region_name="CHI@TACC", interface="public")

    def create(**changed: Any) -> Any:
        body = lease(**changed)
        dates = {"start": body.pop("start_date"), "end": body.pop("end_date")}
        return blazar.lease.create(**dates, **{n: body[n] for n in ("reservations", "events")}, name="by-client")

    here = signed_in()
    keystone = Keystone(session=here, interface="public", region_name="CHI@TACC")
    blazar = Blazar("1", service_type="reservation", session=here)
    glance = Glance("2", session=here)
    sdk = Connection(config=cloud_region.from_session(here.session), region_name="CHI@TACC")
    made: dict[str, Any] = {}
    yield "keystone: projects", lambda: [p.name for p in keystone.projects.list(user=here.get_user_id())]
    yield "keystone: somebody else's project", lambda: keystone.projects.get("0" * 32)
    yield "keystone: wrong password", lambda: signed_in(password="wrong").get_token()
    yield "keystone: unknown project", lambda: signed_in(project="nobody's").get_token()
    yield "openstacksdk: project", lambda: sdk.current_project_id == here.get_project_id()
    yield "openstacksdk: images", lambda: [i.name for i in sdk.image.images()]
    yield "glance: by name", lambda: [i.name for i in glance.images.list(filters={"name": "CC-Ubuntu24.04"})]
    yield "glance: by unknown name", lambda: list(glance.images.list(filters={"name": "none"}))
    yield "glance: missing", lambda: glance.images.get("00000000-0000-4000-8000-000000000000")
    yield "blazar: no leases", blazar.lease.list
    yield "blazar: create", lambda: made.setdefault("lease", create())
    yield "blazar: list", blazar.lease.list
    yield "blazar: get", lambda: blazar.lease.get(made["lease"]["id"])
    yield "blazar: get by name", lambda: blazar.lease.get("by-client")
    yield "blazar: in the past", lambda: create(start_h=-2)
    yield "blazar: no such node", lambda: create(resource_properties='["==", "$node_type", "none"]')
    yield "blazar: rename", lambda: blazar.lease.update(made["lease"]["id"], name="renamed")["name"]
    yield "blazar: delete", lambda: blazar.lease.delete(made["lease"]["id"])
    yield "blazar: delete again", lambda: blazar.lease.delete(made["lease"]["id"])


@pytest.fixture(scope="module")
def outcomes(rehearsal) -> dict[str, dict[str, Any]]:
    """What python-chi's own clients make of the testbed's answers."""
    found: dict[str, dict[str, Any]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, call in calls(environment.variables(rehearsal.home, "john")):
            try:
                found[name] = {"returned": shape(call())}
            except Exception as error:
                code = getattr(error, "code", None) or getattr(error, "http_status", None)
                found[name] = {"raised": type(error).__name__, "code": code}
    return found


@pytest.mark.parametrize("name", GOLDEN)
def test_status_and_form_are_those_of_the_real_service(answers, name) -> None:
    ours, real = answers[name], GOLDEN[name]
    assert ours.status_code == real["status"]
    assert missing(real["body"], shape(ours.json() if ours.content else None)) == []


@pytest.mark.parametrize("call", CLIENTS)
def test_clients_return_or_raise_as_with_the_real_service(outcomes, call) -> None:
    ours, real = outcomes[call], CLIENTS[call]
    assert (ours.get("raised"), ours.get("code")) == (real.get("raised"), real.get("code"))
    assert missing(real.get("returned"), ours.get("returned")) == []


def test_a_missing_key_and_another_kind_are_found() -> None:
    real = shape({"a": 1, "b": [{"c": "x"}], "d": None})
    assert missing(real, shape({"a": "1", "b": [{}], "d": 3})) == [".a is string, not number", ".b[0].c is missing"]
