"""A rehearsal in this process with one of each resource, and requests as clients send them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi.testclient import TestClient

from chameleon_rehearsal import place
from chameleon_rehearsal.serve import build
from chameleon_rehearsal.services.identity import caller_named
from chameleon_rehearsal.world.clock import Clock, stamp
from chameleon_rehearsal.world.world import World

#: Noon (UTC) of a day in 2026.
NOON_S = 1_790_337_600.0
HOUR_S = 3_600.0
PATHS = {
    "nova": "compute/v2.1",
    "neutron": "network/v2.0",
    "glance": "image/v2",
    "blazar": "reservation/v1",
    "zun": "container/v1",
}


@dataclass
class PublishedSite:
    """One student, Mary, at a rehearsal whose clock only the test moves."""

    folder: Path
    now_s: float = NOON_S
    ids: dict[str, str] = field(default_factory=dict)
    answers: dict[str, httpx.Response] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.world = World(self.folder, "secret", Clock(speed=1.0, real=lambda: self.now_s))
        self.client = TestClient(build(self.world), base_url="http://127.0.0.1:1")
        self.tokens = {site: self.sign_in(site) for site in ("tacc", "edge", "kvm")}

    def credentials(self) -> dict[str, Any]:
        domain = {"name": "chameleon"}
        user = {"name": "mary", "domain": domain, "password": place.password("secret", "mary")}
        scope = {"project": {"name": caller_named("mary").project, "domain": domain}}
        identity = {"methods": ["password"], "password": {"user": user}}
        return {"auth": {"identity": identity, "scope": scope}}

    def sign_in(self, site: str) -> str:
        answer = self.client.post(f"/{site}:5000/v3/auth/tokens", json=self.credentials())
        self.answers[f"token {site}"] = answer
        return answer.headers["X-Subject-Token"]

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        site: str = "tacc",
        version: str = "2.61",
        headers: dict[str, str] | None = None,
        content: str | None = None,
    ) -> httpx.Response:
        """Send a request; a path begins with the service's name: `nova/servers`."""
        service, _, rest = path.partition("/")
        if service == "zun":
            site = "edge"
        if service == "cinder":
            site = "kvm"
            base = f"volume/v3/{caller_named('mary').project_id}"
        else:
            base = PATHS[service]
        sent = {"X-Auth-Token": self.tokens[site]}
        if service == "nova":
            sent["OpenStack-API-Version"] = f"compute {version}"
        if service == "zun":
            sent["OpenStack-API-Version"] = "container 1.41"
        given = {"content": content} if content is not None else {"json": body}
        target = f"/{site}/{base}/{rest}"
        return self.client.request(method, target, headers=sent | (headers or {}), **given)

    def moment(self, hours: float) -> str:
        """Return the time in some hours as Blazar reads it."""
        return stamp(self.now_s + hours * HOUR_S, "%Y-%m-%d %H:%M")

    def lease(self, *wishes: dict[str, Any], hours: float = 3.0, **more: Any) -> dict[str, Any]:
        """Return the body of a request for a lease of some hours that begins now."""
        dates = {"start_date": "now", "end_date": self.moment(hours)}
        return {"name": "mine", **dates, "reservations": list(wishes), "events": []} | more

    def host(self, **more: Any) -> dict[str, Any]:
        """Return a wish for one node."""
        wish = {"resource_type": "physical:host", "min": 1, "max": 1}
        chosen = '["==", "$node_type", "compute_skylake"]'
        return wish | {"hypervisor_properties": "", "resource_properties": chosen} | more

    def stored(self) -> str:
        """Return everything that the rehearsal remembers, except tokens."""
        kinds = ("lease", "server", "container", "keypair", "volume", "network", "subnet", "port")
        kinds += ("router", "floatingip", "security_group")
        return json.dumps({kind: self.world.store.find(kind) for kind in kinds})

    def make(self, name: str, method: str, path: str, body: Any, *at: str, **more: Any) -> None:
        """Make a resource, and note its answer and its id."""
        answer = self.ask(method, path, body, **more)
        assert answer.is_success, f"{name}: {answer.status_code} {answer.text}"
        value = answer.json()
        for step in at:
            value = value[step]
        self.answers[name], self.ids[name] = answer, value


def public_key() -> str:
    key = Ed25519PrivateKey.generate().public_key()
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def bodies(testbed: PublishedSite) -> dict[str, Any]:
    """Return a good body of each request, by service and request."""
    ids = testbed.ids
    network = {"network_id": ids["network"]}
    gateway = {"network_id": ids["public"]}
    server = {"name": "node", "imageRef": ids["image"], "flavorRef": ids["flavor"]}
    server |= {"key_name": "mine", "min_count": 1, "max_count": 1}
    server |= {"networks": [{"uuid": ids["shared"]}]}
    rule = {"security_group_id": ids.get("security group"), "direction": "ingress"}
    rule |= {"protocol": "tcp", "port_range_min": 22, "port_range_max": 22}
    container = {"name": "pi", "image": "quay.io/jupyter/minimal-notebook:latest"}
    container |= {"hints": {"reservation": ids["device reservation"]}, "environment": {"A": "b"}}
    check = {"cmd": "true", "interval": 30, "retries": 3, "timeout": 5}
    policy = {"Name": "on-failure", "MaximumRetryCount": "2"}
    container |= {"healthcheck": check, "restart_policy": policy}
    container |= {"exposed_ports": {"8888": {}}, "command": ["start.sh"]}
    subnet = network | {"name": "c", "cidr": "192.168.9.0/24", "ip_version": 4}
    named = {"name": "c", "description": "d", "admin_state_up": True}
    return {
        "nova POST servers": {
            "server": server,
            "os:scheduler_hints": {"reservation": ids["reservation"]},
        },
        "nova PUT servers": {"server": {"name": "other"}},
        "nova POST os-keypairs": {"keypair": {"name": "mine", "public_key": public_key()}},
        "nova POST reboot": {"reboot": {"type": "SOFT"}},
        "nova POST os-stop": {"os-stop": None},
        "nova POST os-start": {"os-start": None},
        "nova POST rebuild": {"rebuild": {"imageRef": ids["image"], "name": "node"}},
        "nova POST metadata": {"metadata": {"a": "b"}},
        "nova PUT metadata": {"meta": {"a": "c"}},
        "zun POST containers": container,
        "keystone POST tokens": testbed.credentials(),
        "cinder POST volumes": {"volume": {"name": "disk", "size": 20}},
        "neutron POST networks": {"network": named},
        "neutron PUT networks": {"network": {"name": "d"}},
        "neutron POST subnets": {"subnet": subnet | {"enable_dhcp": True}},
        "neutron PUT subnets": {"subnet": {"name": "d", "enable_dhcp": False}},
        "neutron POST ports": {"port": network | {"name": "c", "admin_state_up": True}},
        "neutron PUT ports": {"port": {"name": "d"}},
        "neutron POST routers": {"router": {"name": "c", "external_gateway_info": gateway}},
        "neutron PUT routers": {"router": {"name": "d"}},
        "neutron POST floatingips": {
            "floatingip": {"floating_network_id": ids["public"], "description": "d"}
        },
        "neutron PUT floatingips": {"floatingip": {"port_id": None}},
        "neutron POST security-groups": {"security_group": {"name": "c", "description": "d"}},
        "neutron POST security-group-rules": {"security_group_rule": rule},
    }


@pytest.fixture(scope="module")
def testbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PublishedSite]:
    """A testbed with one of each resource, which are active."""
    drawn = PublishedSite(tmp_path_factory.mktemp("published") / "world")
    try:
        furnish(drawn)
        yield drawn
    finally:
        drawn.world.store.close()


@pytest.fixture
def empty_testbed(tmp_path: Path) -> Iterator[PublishedSite]:
    """A testbed without resources, for one test that moves its clock."""
    drawn = PublishedSite(tmp_path / "world")
    yield drawn
    drawn.world.store.close()


@pytest.fixture(scope="module")
def good(testbed: PublishedSite) -> dict[str, Any]:
    """A good body of each request, by service and request."""
    return bodies(testbed)


def furnish(testbed: PublishedSite) -> None:
    """Make one of each resource."""
    networks = testbed.ask("GET", "neutron/networks").json()["networks"]
    testbed.ids |= {"public" if n["router:external"] else "shared": n["id"] for n in networks}
    for name in ("image", "flavor"):
        path = {"image": "glance/images", "flavor": "nova/flavors"}[name]
        testbed.ids[name] = testbed.ask("GET", path).json()[f"{name}s"][0]["id"]
    leases = "blazar/leases"
    testbed.make("lease", "POST", leases, testbed.lease(testbed.host()), "lease", "id")
    device = {"resource_type": "device", "resource_properties": "", "min": 1, "max": 1}
    body = testbed.lease(device)
    testbed.make("device lease", "POST", leases, body, "lease", "id", site="edge")
    for name, lease in (("reservation", "lease"), ("device reservation", "device lease")):
        lease_shown = testbed.answers[lease].json()["lease"]
        testbed.ids[name] = lease_shown["reservations"][0]["id"]
    testbed.now_s += 60
    testbed.ids["network"] = ""
    wanted = bodies(testbed)
    rows = [
        ("keypair", "nova/os-keypairs", "nova POST os-keypairs", "keypair", "name"),
        ("server", "nova/servers", "nova POST servers", "server", "id"),
        ("container", "zun/containers/", "zun POST containers", "uuid"),
        ("network", "neutron/networks", "neutron POST networks", "network", "id"),
        ("volume", "cinder/volumes", "cinder POST volumes", "volume", "id"),
        ("router", "neutron/routers", "neutron POST routers", "router", "id"),
        ("floatingip", "neutron/floatingips", "neutron POST floatingips", "floatingip", "id"),
        (
            "security group",
            "neutron/security-groups",
            "neutron POST security-groups",
            "security_group",
            "id",
        ),
    ]
    for name, path, request, *at in rows:
        testbed.make(name, "POST", path, wanted[request], *at)
    wanted = bodies(testbed)
    group_rules = "neutron/security-group-rules"
    rule = wanted["neutron POST security-group-rules"]
    testbed.make("security group rule", "POST", group_rules, rule, "security_group_rule", "id")
    for name in ("subnet", "port"):
        body = wanted[f"neutron POST {name}s"]
        testbed.make(name, "POST", f"neutron/{name}s", body, name, "id")
    testbed.now_s += HOUR_S
