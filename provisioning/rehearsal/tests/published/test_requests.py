"""Requests that the real services' own schemas refuse are refused, and have no effect.

The schemas are those of `chameleon_rehearsal/published/requests.json`. Blazar has none: its wrong
requests are a table here, each with the place in Blazar that refuses it.
"""

import copy
import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from chameleon_rehearsal.services import door

DATA = json.loads(
    resources.files("chameleon_rehearsal").joinpath("published/requests.json").read_text("utf-8")
)
SCHEMAS = {name: row for name, row in DATA["requests"].items() if " query " not in name}
#: The version whose schema is asked, by service.
VERSIONS = {"nova": "2.57", "zun": "1.41", "cinder": "3.0", "keystone": "3", "neutron": "2.0"}
#: Actions of a server. `tests/test_actions.py` sends good ones: they change its state.
ACTIONS = {f"nova POST {name}" for name in ("reboot", "os-stop", "os-start", "rebuild")}
PATHS = {
    **dict.fromkeys(ACTIONS, "nova/servers/{server}/action"),
    "nova POST servers": "nova/servers",
    "nova PUT servers": "nova/servers/{server}",
    "nova POST os-keypairs": "nova/os-keypairs",
    "nova POST metadata": "nova/servers/{server}/metadata",
    "nova PUT metadata": "nova/servers/{server}/metadata/a",
    "zun POST containers": "zun/containers/",
    "cinder POST volumes": "cinder/volumes",
    "neutron PUT networks": "neutron/networks/{network}",
    "neutron PUT subnets": "neutron/subnets/{subnet}",
    "neutron PUT ports": "neutron/ports/{port}",
    "neutron PUT routers": "neutron/routers/{router}",
    "neutron PUT floatingips": "neutron/floatingips/{floatingip}",
}
#: Where each service's refusal has its sentence.
SENTENCES = {
    "nova": lambda body: body["badRequest"]["message"],
    "cinder": lambda body: body["badRequest"]["message"],
    "zun": lambda body: body["errors"][0]["detail"],
    "neutron": lambda body: body["NeutronError"]["message"],
    "keystone": lambda body: body["error"]["message"],
    "blazar": lambda body: body["error_message"],
}


def send(testbed, name: str, body: Any) -> httpx.Response:
    service, verb, collection = name.split(" ")
    if service == "keystone":
        return testbed.client.post("/tacc:5000/v3/auth/tokens", json=body)
    path = PATHS.get(name, f"{service}/{collection}").format_map(testbed.ids)
    return testbed.ask(verb, path, body)


def schema(name: str) -> dict[str, Any]:
    """Return the newest schema of a request that is no newer than the version which is asked."""
    service = name.split(" ")[0]
    schemas = SCHEMAS[name]["schemas"]

    def number(text: str) -> list[int]:
        return [int(part) for part in text.split(".")]

    firsts = [first for first in schemas if number(first) <= number(VERSIONS[service])]
    return schemas[max(firsts, key=number)]


def checked(name: str, body: dict[str, Any]) -> Any:
    """Return the part of a body that the schema describes."""
    service, _, collection = name.split(" ")
    if service == "keystone":
        return body.get("auth")
    return body.get(collection.removesuffix("s")) if service == "neutron" else body


def formats() -> jsonschema.FormatChecker:
    """Return the services' formats for another validator than the rehearsal's own."""
    checker = jsonschema.FormatChecker(formats=())
    for name, has_format in door.FORMATS.items():
        checker.checks(name)(lambda v, check=has_format: not isinstance(v, str) or check(v))
    return checker


def is_valid(name: str, body: dict[str, Any]) -> bool:
    validator = jsonschema.Draft4Validator(schema(name), format_checker=formats())
    return validator.is_valid(checked(name, body))


def slips(body: Any, path: tuple = ()) -> Iterator[tuple[str, Any]]:
    """Yield bodies that differ from a good one in one place, each with a description of the
    change.
    """
    here = body
    for step in path:
        here = here[step]

    def changed(key: Any, value: Any, how: str) -> tuple[str, Any]:
        other = copy.deepcopy(body)
        spot = other
        for step in path:
            spot = spot[step]
        spot[key] = value
        return f"{'.'.join(map(str, (*path, key)))} {how}", other

    if isinstance(here, list):
        for number in range(len(here)):
            yield from slips(body, (*path, number))
    if not isinstance(here, dict):
        return
    for key, value in here.items():
        label, without = changed(key, None, "is missing")
        spot = without
        for step in path:
            spot = spot[step]
        del spot[key]
        yield label, without
        yield changed(key, "x" if not isinstance(value, str) else 7, "has another kind")
        if isinstance(value, str):
            yield changed(key, "", "is empty")
            yield changed(key, "x" * 300, "is too long")
            yield changed(key, {}, "is an object")
        if isinstance(value, int):
            yield changed(key, -1, "is negative")
        yield from slips(body, (*path, key))
    if path:
        yield changed("unknown_to_the_service", 1, "is added")


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_the_published_schema_refuses_is_refused_and_not_stored(testbed, good, name) -> None:
    body, service = good[name], name.split(" ")[0]
    assert is_valid(name, body)
    wrong = [(how, slip) for how, slip in slips(body) if not is_valid(name, slip)]
    assert wrong
    before = testbed.stored()
    for how, slip in wrong:
        answer = send(testbed, name, slip)
        assert answer.status_code == 400, f"{how}: {answer.status_code} {answer.text}"
        assert SENTENCES[service](answer.json()), how
        assert testbed.stored() == before, how


@pytest.mark.parametrize("name", sorted(set(SCHEMAS) - ACTIONS))
def test_a_good_request_passes(testbed, good, name) -> None:
    body = copy.deepcopy(good[name])
    if name == "nova POST os-keypairs":
        body["keypair"]["name"] = "another"
    answer = send(testbed, name, body)
    assert answer.is_success, answer.text


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("text", ["{", "[]", '"x"', "7", "null"])
@pytest.mark.parametrize(
    "path",
    [
        "nova/servers",
        "neutron/networks",
        "blazar/leases",
        "zun/containers/",
        "cinder/volumes",
    ],
)
def test_a_body_that_is_no_object_is_400(testbed, path, method, text) -> None:
    target = path if method == "POST" else f"{path.rstrip('/')}/{'0' * 8}"
    before = testbed.stored()
    answer = testbed.ask(method, target, content=text)
    # A method that a path does not have is 405 before its body is read.
    assert answer.status_code == 400 or (method == "PUT" and answer.status_code == 405)
    assert testbed.stored() == before


#: A change of a good lease, and what Chameleon's Blazar raises: the file and its exception.
WRONG_LEASES = [
    ({"name": None}, "manager/service.py MissingParameter"),
    ({"start_date": None}, "manager/service.py MissingParameter"),
    ({"end_date": None}, "manager/service.py MissingParameter"),
    ({"start_date": "tomorrow"}, "manager/service.py InvalidDate"),
    ({"end_date": 7}, "manager/service.py InvalidDate"),
    ({"end_date": "now"}, "manager/service.py InvalidInput"),
    ({"before_end_date": "soon"}, "manager/service.py InvalidDate"),
    ({"before_end_date": "2050-01-01 00:00"}, "manager/service.py InvalidInput"),
    ({"name": {}}, "the column lease.name is text"),
    ({"events": "x"}, "manager/service.py events.append"),
    ({"reservations": "x"}, "manager/service.py validate_params"),
    ({"reservations": ["x"]}, "manager/service.py validate_params"),
    ({"reservations": [{}]}, "manager/service.py MissingParameter"),
    ({"reservations": [{"resource_type": "moon"}]}, "manager/service.py UnsupportedResourceType"),
    ({"reservations": [{"resource_type": {}}]}, "manager/service.py UnsupportedResourceType"),
]
WRONG_WISHES = [
    ({"min": None}, "oshosts/host_plugin.py MissingParameter"),
    ({"max": None}, "oshosts/host_plugin.py MissingParameter"),
    ({"min": "x"}, "oshosts/host_plugin.py MalformedParameter"),
    ({"min": 1.5}, "oshosts/host_plugin.py MalformedParameter"),
    ({"min": True}, "oshosts/host_plugin.py MalformedParameter"),
    ({"min": 0}, "oshosts/host_plugin.py MalformedParameter"),
    ({"max": -1}, "oshosts/host_plugin.py MalformedParameter"),
    ({"min": 2, "max": 1}, "oshosts/host_plugin.py InvalidRange"),
    ({"hypervisor_properties": None}, "oshosts/host_plugin.py MissingParameter"),
    ({"resource_properties": None}, "oshosts/host_plugin.py MissingParameter"),
    ({"resource_properties": "{"}, "utils/plugins.py MalformedRequirements"),
    ({"resource_properties": 7}, "utils/plugins.py MalformedRequirements"),
    ({"resource_properties": '["or", ["=", "$uid", "x"]]'}, "utils/plugins.py"),
    ({"hypervisor_properties": '["=", "vcpus", "1"]'}, "utils/plugins.py"),
    ({"before_end": "shout"}, "oshosts/host_plugin.py MalformedParameter"),
]
ADDRESSES = {"resource_type": "virtual:floatingip", "network_id": "n"}
OTHER_WISHES = [
    ({"resource_type": "device", "min": 1, "max": 1}, "devices/device_plugin.py"),
    ({"resource_type": "network"}, "networks/network_plugin.py MissingParameter"),
    ({"resource_type": "network", "network_name": "n"}, "networks/network_plugin.py"),
    ({"resource_type": "virtual:floatingip", "amount": 1}, "floatingips/floatingip_plugin.py"),
    (
        {"resource_type": "virtual:floatingip", "network_id": "n", "amount": "x"},
        "floatingips/floatingip_plugin.py MalformedParameter",
    ),
    (
        ADDRESSES | {"amount": 1, "required_floatingips": ["127.77.1.20", "127.77.1.21"]},
        "floatingips/floatingip_plugin.py TooLongFloatingIPs",
    ),
    (
        ADDRESSES | {"amount": 1, "required_floatingips": ["here"]},
        "floatingips/floatingip_plugin.py InvalidIPFormat",
    ),
    ({"resource_type": "flavor:instance", "flavor_id": "x", "amount": 1}, "flavor_plugin.py"),
    ({"resource_type": "flavor:instance", "flavor_id": "x"}, "flavor_plugin.py"),
]


def wrong_leases(testbed) -> Iterator[dict[str, Any]]:
    good = testbed.lease(testbed.host())
    for change, _ in WRONG_LEASES:
        yield {name: value for name, value in (good | change).items() if value is not None}
    for change, _ in WRONG_WISHES:
        wish = testbed.host() | change
        yield testbed.lease({name: value for name, value in wish.items() if value is not None})
    for wish, _ in OTHER_WISHES:
        yield testbed.lease(wish)


def test_what_chameleons_blazar_refuses_is_refused_and_not_stored(testbed) -> None:
    before = testbed.stored()
    for body in wrong_leases(testbed):
        answer = testbed.ask("POST", "blazar/leases", body)
        assert answer.status_code == 400, f"{body}: {answer.text}"
        assert SENTENCES["blazar"](answer.json())
        assert testbed.stored() == before


@pytest.mark.parametrize("name", DATA["sources"])
def test_each_source_has_repository_commit_hash_and_licence(name) -> None:
    source = DATA["sources"][name]
    assert source["repository"].startswith("https://opendev.org/openstack/")
    assert source["licence"] == "Apache-2.0"
    assert len(source["sha256"]) == 64
    package, _, version = source["package"].partition("==")
    notice = (Path(__file__).parents[2] / "NOTICE").read_text(encoding="utf-8")
    row = next(line for line in notice.splitlines() if f"{package} {version}" in line)
    assert row.split()[2:] == [source["repository"], source["commit"]]


def test_the_readme_counts_what_is_compared() -> None:
    folder = Path(__file__).parent
    forms = json.loads((folder / "forms.json").read_text(encoding="utf-8"))["forms"]
    readme = (folder.parents[1] / "README.md").read_text(encoding="utf-8")
    assert f"| {len(forms)} answers of " in readme
    assert f"| {len(SCHEMAS)} requests of " in readme
