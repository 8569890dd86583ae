"""Each answer has the keys, the kinds and the status of the service's own published sample.

`forms.json` has the samples' forms with their sources; `recipe.py` makes it. A difference that
stays is a row of `exceptions.toml` with its reason.
"""

import json
import tomllib
from pathlib import Path

import httpx
import pytest

from chameleon_rehearsal.forms import differences, form

#: Longer than a server takes to start.
HOUR_S = 3_600.0

HERE = Path(__file__).parent
DATA = json.loads((HERE / "forms.json").read_text(encoding="utf-8"))
FORMS = DATA["forms"]
EXCEPTIONS = tomllib.loads((HERE / "exceptions.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def answers(testbed) -> dict[str, httpx.Response]:
    """The testbed's answer for each form."""
    ids, ask = testbed.ids, testbed.ask
    token = {"X-Auth-Token": testbed.tokens["tacc"], "X-Subject-Token": testbed.tokens["tacc"]}
    identity = "/tacc:5000/v3"
    asked = {"auth": testbed.client.get(f"{identity}/auth/tokens", headers=token)}
    host = ask("GET", "blazar/os-hosts").json()["hosts"][0]["id"]
    execute = f"zun/containers/{ids['container']}/execute?command=echo+x&run=True"
    project = testbed.answers["token tacc"].json()["token"]["project"]["id"]
    server = f"nova/servers/{ids['server']}"
    return {
        "nova 2.61 server show": ask("GET", server),
        "nova 2.61 servers detail": ask("GET", "nova/servers/detail"),
        "nova 2.61 servers list": ask("GET", "nova/servers"),
        "nova 2.96 server show": ask("GET", server, version="2.96"),
        "nova 2.1 server show": ask("GET", server, version="2.1"),
        "nova 2.61 server create": testbed.answers["server"],
        "nova 2.61 server rebuild": rebuilt(testbed),
        "nova 2.61 flavor show": ask("GET", f"nova/flavors/{ids['flavor']}"),
        "nova 2.61 flavors detail": ask("GET", "nova/flavors/detail"),
        "nova 2.61 flavors list": ask("GET", "nova/flavors"),
        "nova 2.61 keypair create": testbed.answers["keypair"],
        "nova 2.61 keypair show": ask("GET", "nova/os-keypairs/mine"),
        "nova 2.61 keypairs list": ask("GET", "nova/os-keypairs"),
        "nova 2.61 limits": ask("GET", "nova/limits"),
        "nova 2.61 interfaces": ask("GET", f"{server}/os-interface"),
        "neutron network": ask("GET", f"neutron/networks/{ids['network']}"),
        "neutron networks": ask("GET", "neutron/networks"),
        "neutron subnet": ask("GET", f"neutron/subnets/{ids['subnet']}"),
        "neutron port": ask("GET", f"neutron/ports/{ids['port']}"),
        "neutron router": ask("GET", f"neutron/routers/{ids['router']}"),
        "neutron floatingip": ask("GET", f"neutron/floatingips/{ids['floatingip']}"),
        "neutron security group": ask("GET", f"neutron/security-groups/{ids['security group']}"),
        "neutron security group rule": testbed.answers["security group rule"],
        "neutron extensions": ask("GET", "neutron/extensions"),
        "neutron quotas": ask("GET", f"neutron/quotas/{project}"),
        "glance image": ask("GET", f"glance/images/{ids['image']}"),
        "glance images": ask("GET", "glance/images"),
        "glance image schema": ask("GET", "glance/schemas/image"),
        "keystone token": testbed.answers["token tacc"],
        "keystone catalog entry": testbed.answers["token tacc"],
        "keystone version": testbed.client.get(identity),
        "keystone versions": testbed.client.get("/tacc:5000/"),
        "keystone own token": asked["auth"],
        "keystone auth catalog": testbed.client.get(f"{identity}/auth/catalog", headers=token),
        "blazar lease": ask("GET", f"blazar/leases/{ids['lease']}"),
        "blazar leases": ask("GET", "blazar/leases"),
        "blazar lease create": testbed.answers["lease"],
        "blazar lease update": ask("PUT", f"blazar/leases/{ids['lease']}", {"name": "mine"}),
        "blazar hosts": ask("GET", "blazar/os-hosts"),
        "blazar host allocations": ask("GET", "blazar/os-hosts/allocations"),
        "blazar host properties detail": ask("GET", "blazar/os-hosts/properties?detail=True"),
        "blazar host": ask("GET", f"blazar/os-hosts/{host}"),
        "blazar host allocation": ask("GET", f"blazar/os-hosts/{host}/allocation"),
        "blazar host properties": ask("GET", "blazar/os-hosts/properties"),
        "zun container": ask("GET", f"zun/containers/{ids['container']}"),
        "zun containers": ask("GET", "zun/containers/"),
        "zun container create": testbed.answers["container"],
        "zun execute": ask("POST", execute),
        "zun stats": ask("GET", f"zun/containers/{ids['container']}/stats"),
        "zun rename": ask("POST", f"zun/containers/{ids['container']}/rename?name=renamed"),
        "cinder volume": ask("GET", f"cinder/volumes/{ids['volume']}"),
        "cinder volumes detail": ask("GET", "cinder/volumes/detail"),
        "cinder volumes list": ask("GET", "cinder/volumes"),
        "cinder volume create": testbed.answers["volume"],
    }


def rebuilt(testbed) -> httpx.Response:
    """Rebuild the server, and let the time pass until it is active again."""
    path = f"nova/servers/{testbed.ids['server']}/action"
    answer = testbed.ask("POST", path, {"rebuild": {"imageRef": testbed.ids["image"]}})
    testbed.now_s += HOUR_S
    return answer


@pytest.mark.parametrize("name", FORMS)
def test_an_answer_has_the_form_of_the_published_sample(answers, name) -> None:
    """Both ways: each missing key has a reason, and each reason has its difference."""
    answer, published = answers[name], FORMS[name]
    assert answer.status_code == published["status"]
    value = answer.json()
    for step in published["at"]:
        value = value[step]
    lacking = set(differences(published["form"], form(value)))
    assert lacking == set(EXCEPTIONS.get(name, {}))


def test_exceptions_name_forms_and_give_reasons() -> None:
    assert set(EXCEPTIONS) <= set(FORMS)
    reasons = [reason for rows in EXCEPTIONS.values() for reason in rows.values()]
    assert all(len(reason.split()) > 1 for reason in reasons)
    assert len(reasons) <= 60


def test_a_missing_key_and_another_kind_are_differences() -> None:
    real = form({"a": 1, "b": [{"c": "x"}], "d": None, "metadata": {"x": "y"}})
    ours = form({"a": "1", "b": [{}], "d": 3, "metadata": {}})
    assert differences(real, ours) == ["a is string, not number", "b[].c"]


@pytest.mark.parametrize("name", DATA["sources"])
def test_each_source_has_repository_commit_hash_and_licence(name) -> None:
    source = DATA["sources"][name]
    assert source["repository"].startswith("https://opendev.org/openstack/")
    assert source["licence"] == "Apache-2.0"
    assert len(source["sha256"]) == 64
    assert len(source["commit"]) >= 7
