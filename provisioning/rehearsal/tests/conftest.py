"""A world whose time the test moves by hand, and students who send requests to it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from chameleon_rehearsal import place
from chameleon_rehearsal.serve import build
from chameleon_rehearsal.services.identity import caller_named
from chameleon_rehearsal.world.clock import LEASE_START_S, Clock, stamp
from chameleon_rehearsal.world.world import World

#: Noon (UTC) of a day in 2026, so that a lease of three hours never crosses midnight.
NOON_S = 1_790_337_600.0


@dataclass
class Hand:
    """A clock that only the test moves: call it to read seconds since 1970, `wait` to move it."""

    now_s: float = NOON_S

    def __call__(self) -> float:
        return self.now_s

    def wait(self, duration_s: float) -> None:
        self.now_s += duration_s


@dataclass
class RehearsedStudent:
    """Somebody with a token at one site, whose path prefix `site` is."""

    client: TestClient
    world: World
    name: str
    site: str = "tacc"
    token: str = field(init=False)

    def __post_init__(self) -> None:
        self.token = self.sign_in().headers["X-Subject-Token"]

    def sign_in(self, project: str | None = None) -> httpx.Response:
        domain = {"domain": {"name": "chameleon"}}
        user = domain | {
            "name": self.name,
            "password": place.password(self.world.secret, self.name),
        }
        scope = {"project": domain | {"name": project or caller_named(self.name).project}}
        auth = {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}
        return self.client.request("POST", f"/{self.site}:5000/v3/auth/tokens", json={"auth": auth})

    def send(self, method: str, path: str, body: Any = None, /, **query: str) -> httpx.Response:
        return self.client.request(
            method,
            f"/{self.site}/{path}",
            json=body,
            params=query,
            headers={"X-Auth-Token": self.token},
        )

    def reserve(self, what: str, hours: float = 3.0) -> httpx.Response:
        device = what.startswith("raspberry")
        end = stamp(self.world.clock.now() + hours * 3600, "%Y-%m-%d %H:%M")
        wish = {
            "resource_type": "device" if device else "physical:host",
            "resource_properties": json.dumps(
                ["==", "$machine_name" if device else "$node_type", what]
            ),
            "hypervisor_properties": "",
            "min": 1,
            "max": 1,
        }
        body = {
            "name": "mine",
            "start_date": "now",
            "end_date": end,
            "reservations": [wish],
            "events": [],
        }
        return self.send("POST", "reservation/v1/leases", body)

    def start_server(self, reservation_id: str | None) -> dict[str, Any]:
        image = self.send("GET", "image/v2/images", name="CC-Ubuntu24.04-CUDA").json()["images"][0]
        flavor = self.send("GET", "compute/v2.1/flavors/detail").json()["flavors"][0]
        body = {
            "server": {"name": "node", "imageRef": image["id"], "flavorRef": flavor["id"]},
            "OS-SCH-HNT:scheduler_hints": {"reservation": reservation_id},
        }
        answer = self.send("POST", "compute/v2.1/servers", body)
        assert answer.status_code == 202, answer.text
        return answer.json()["server"]

    def leased(
        self, hand: Hand, what: str = "compute_liqid", hours: float = 3.0
    ) -> tuple[str, str]:
        """Return an active lease and its reservation, by their ids."""
        lease = self.reserve(what, hours=hours).json()["lease"]
        hand.wait(LEASE_START_S)
        return lease["id"], lease["reservations"][0]["id"]

    def server(self, server_id: str) -> dict[str, Any]:
        return self.send("GET", f"compute/v2.1/servers/{server_id}").json()["server"]


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def world(tmp_path: Path, hand: Hand) -> Iterator[World]:
    drawn = World(tmp_path / "world", "secret", Clock(speed=1.0, real=hand))
    yield drawn
    drawn.store.close()


@pytest.fixture
def client(world: World) -> TestClient:
    """The application without its timer, which begins in a ``with``, so only the test's own
    requests have effects.
    """
    return TestClient(build(world), base_url="http://127.0.0.1:1")


@pytest.fixture
def student(client: TestClient, world: World) -> Callable[..., RehearsedStudent]:
    def make(name: str = "mary", site: str = "tacc") -> RehearsedStudent:
        return RehearsedStudent(client, world, name, site)

    return make
