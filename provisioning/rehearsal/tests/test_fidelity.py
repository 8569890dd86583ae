"""The testbed answers as the real Keystone 30, Blazar 18 and Glance 33 did when their answers were
recorded.

`golden.json` holds their status codes and forms. An operator asked for Blazar's hosts there:
Chameleon shows them to everybody, and so does the testbed.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from chameleon_rehearsal import testing, variables

BEGIN = datetime(2050, 3, 2, 12, tzinfo=UTC)

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text(encoding="utf-8"))[
    "exchanges"
]


def shape(value: Any) -> Any:
    """Return the form of a JSON value: its keys and the kinds of its values, without the values."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return {bool: "boolean", int: "number", float: "number", str: "string", type(None): "null"}[
        type(value)
    ]


def missing(real: Any, ours: Any, path: str = "") -> list[str]:
    """Return what a real answer's form has and ours lacks or gives as another kind; null agrees
    with all.
    """
    if "null" in (real, ours):
        return []
    if isinstance(real, dict) and isinstance(ours, dict):
        absent = [f"{path}.{key} is missing" for key in real if key not in ours]
        shared = [key for key in real if key in ours]
        return absent + [
            line for key in shared for line in missing(real[key], ours[key], f"{path}.{key}")
        ]
    if isinstance(real, list) and isinstance(ours, list):
        return missing(real[0], ours[0], f"{path}[0]") if real and ours else []
    return [] if real == ours else [f"{path} is {ours}, not {real}"]


def lease(start: str = "", start_h: float = 1, end_h: float = 4, **wish: Any) -> dict[str, Any]:
    """Return the body with which python-chi asks for a lease of nodes, with one thing or another of
    it changed.
    """

    def moment(hours: float) -> str:
        return f"{BEGIN + timedelta(hours=hours):%Y-%m-%d %H:%M}"

    usual = {"resource_type": "physical:host", "hypervisor_properties": "", "min": 1, "max": 1}
    usual["resource_properties"] = '["==", "$node_type", "compute_liqid"]'
    dates = {"start_date": start or moment(start_h), "end_date": moment(end_h)}
    return {
        "name": "contract",
        **dates,
        "reservations": [usual | wish],
        "events": [],
        "before_end_date": None,
    }


@pytest.fixture(scope="module")
def answers(tmp_path_factory) -> dict[str, httpx.Response]:
    """The testbed's answers to the requests that were sent to the real services, in the same
    order.
    """
    with testing.rehearsed(tmp_path_factory.mktemp("contract"), begin=BEGIN) as home:
        return asked(home)


def asked(home: Path) -> dict[str, httpx.Response]:
    """Return what a new testbed answers, by the names of the recorded exchanges."""
    student = variables(home, "mary")
    root = f"{student['CHI_RESOURCE_API_URL']}/tacc"
    identity = f"{root}:5000/v3"
    image = f"{root}/image/v2/images"
    leases = f"{root}/reservation/v1/leases"
    http = httpx.Client(headers={"Accept": "application/json"}, trust_env=False, timeout=60)
    answers: dict[str, httpx.Response] = {}

    def ask(name: str, url: str, body: Any = None, method: str = "") -> httpx.Response:
        answers[name] = http.request(method or ("GET" if body is None else "POST"), url, json=body)
        return answers[name]

    def auth(
        password: str = student["OS_PASSWORD"], project: str = student["OS_PROJECT_NAME"]
    ) -> dict[str, Any]:
        domain = {"name": "chameleon"}
        user = {"name": student["OS_USERNAME"], "domain": domain, "password": password}
        scope = {"scope": {"project": {"name": project, "domain": domain}}} if project else {}
        return {
            "auth": {"identity": {"methods": ["password"], "password": {"user": user}}, **scope}
        }

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
    lease_id = ask("lease", leases, lease()).json()["lease"]["id"]
    ask("lease again, same name", leases, lease())
    ask("leases", leases)
    ask("lease by id", f"{leases}/{lease_id}")
    ask("lease by name", f"{leases}/contract")
    ask("lease, start in the past", leases, lease(start_h=-2))
    ask("lease, end before start", leases, lease(start_h=3, end_h=2))
    ask("lease, unreadable date", leases, lease(start="tomorrow"))
    ask(
        "lease, no such node",
        leases,
        lease(resource_properties='["==", "$node_type", "no_such_type"]'),
    )
    ask("lease, too many nodes", leases, lease(min=50, max=50))
    ask("lease, no count", leases, lease(min=None, max=None))
    ask("lease, broken expression", leases, lease(resource_properties="{"))
    ask("hosts", f"{root}/reservation/v1/os-hosts")
    ask("allocations", f"{root}/reservation/v1/os-hosts/allocations")
    ask("lease deleted", f"{leases}/{lease_id}", method="DELETE")
    ask("lease deleted twice", f"{leases}/{lease_id}", method="DELETE")
    http.close()
    return answers


@pytest.mark.parametrize("name", GOLDEN)
def test_status_and_form_are_those_of_the_real_service(answers, name) -> None:
    ours, real = answers[name], GOLDEN[name]
    assert ours.status_code == real["status"]
    assert missing(real["body"], shape(ours.json() if ours.content else None)) == []


def test_a_missing_key_and_another_kind_are_found() -> None:
    real = shape({"a": 1, "b": [{"c": "x"}], "d": None})
    assert missing(real, shape({"a": "1", "b": [{}], "d": 3})) == [
        ".a is string, not number",
        ".b[0].c is missing",
    ]
