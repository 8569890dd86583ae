"""Twenty students at once against one rehearsal in a real process, each from reservation to release."""

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncssh
import httpx
import pytest

from provisioning.rehearsal import control, environment, place

PLACES = (
    [("tacc", "compute_liqid")] * 5
    + [("tacc", "gpu_p100")] * 3
    + [("tacc", "compute_skylake")] * 4
    + [("uc", "compute_gigaio")] * 3
    + [("uc", "compute_skylake")] * 3
    + [("tacc", "gpu_mi100")] * 2
)


@pytest.fixture
def home(tmp_path: Path):
    control.start(tmp_path / "home", speed=2_000.0)
    if place.ask(tmp_path / "home", "GET", "/status")["now"][11:16] > "23:45":
        # A class that starts minutes before midnight (UTC) would meet it.
        place.ask(tmp_path / "home", "POST", "/clock", {"advance_s": 1800})
    yield tmp_path / "home"
    control.stop(tmp_path / "home")


class Student:
    """One student's conversation with the services, without python-chi: twenty of its processes need 3 GB."""

    def __init__(self, home: Path, number: int) -> None:
        self.site, self.node_type = PLACES[number]
        self.env = environment.variables(home, f"student{number:02d}")
        self.home = home
        self.http = httpx.AsyncClient(base_url=self.env["CHI_RESOURCE_API_URL"], timeout=120, trust_env=False)

    async def ask(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        answer = await self.http.request(method, f"/{self.site}{path}", json=body, params=query)
        assert answer.status_code < 400, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def sign_in(self) -> None:
        user = {"name": self.env["OS_USERNAME"], "domain": {"id": "default"}, "password": self.env["OS_PASSWORD"]}
        scope = {"project": {"name": self.env["OS_PROJECT_NAME"], "domain": {"id": "default"}}}
        auth = {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}
        answer = await self.http.post(f"/{self.site}:5000/v3/auth/tokens", json={"auth": auth})
        assert answer.status_code == 201
        self.http.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]

    async def until(self, path: str, key: str, wanted: str) -> dict[str, Any]:
        for _ in range(400):
            found = (await self.ask("GET", path))[key]
            if found["status"] == wanted:
                return found
            await asyncio.sleep(0.1)
        raise AssertionError(f"{path} never became {wanted}: {found['status']}")

    async def work(self) -> str:
        """Reserve, start, reach, write a file, and return what the node says."""
        await self.sign_in()
        key = {"name": "k", "public_key": Path(self.env["OS_KEYPAIR_PUBLIC_KEY"]).read_text()}
        await self.ask("POST", "/compute/v2.1/os-keypairs", {"keypair": key})
        wish = {
            "resource_type": "physical:host",
            "resource_properties": json.dumps(["==", "$node_type", self.node_type]),
            "min": 1,
            "max": 1,
        }
        # Not into the next day: fewer machines are free for both.
        end = f"{place.ask(self.home, 'GET', '/status')['now'][:10]} 23:59"
        body = {"name": "class", "start_date": "now", "end_date": end, "reservations": [wish]}
        made = (await self.ask("POST", "/reservation/v1/leases", body))["lease"]
        self.lease = await self.until(f"/reservation/v1/leases/{made['id']}", "lease", "ACTIVE")
        image = (await self.ask("GET", "/image/v2/images", name="CC-Ubuntu24.04"))["images"][0]["id"]
        flavor = (await self.ask("GET", "/compute/v2.1/flavors/detail"))["flavors"][0]["id"]
        server = {"name": "node", "imageRef": image, "flavorRef": flavor, "key_name": "k"}
        hints = {"reservation": self.lease["reservations"][0]["id"]}
        body = {"server": server, "OS-SCH-HNT:scheduler_hints": hints}
        made = (await self.ask("POST", "/compute/v2.1/servers", body))["server"]
        self.server = await self.until(f"/compute/v2.1/servers/{made['id']}", "server", "ACTIVE")
        public = (await self.ask("GET", "/network/v2.0/networks", name="public"))["networks"][0]["id"]
        port = (await self.ask("GET", "/network/v2.0/ports", device_id=made["id"]))["ports"][0]["id"]
        body = {"floatingip": {"floating_network_id": public, "port_id": port}}
        self.address = (await self.ask("POST", "/network/v2.0/floatingips", body))["floatingip"]
        return await self.reach()

    async def reach(self) -> str:
        for _ in range(400):
            places = json.loads((self.home / "ports.json").read_text())
            if self.address["floating_ip_address"] in places:
                break
            await asyncio.sleep(0.1)
        host, port = places[self.address["floating_ip_address"]]
        keys = [self.env["OS_KEYPAIR_PRIVATE_KEY"]]
        options = {"username": "cc", "client_keys": keys, "known_hosts": None, "agent_path": None, "config": []}
        async with asyncssh.connect(host, port, login_timeout=120, **options) as connection:
            name = self.env["OS_USERNAME"]
            return (await connection.run(f"echo {name} >> mine; cat mine; pwd", check=True)).stdout

    async def sees(self) -> list[int]:
        """How many leases, servers and addresses this student sees."""
        paths = {"leases": "/reservation/v1/leases", "servers": "/compute/v2.1/servers/detail"}
        paths["floatingips"] = "/network/v2.0/floatingips"
        return [len((await self.ask("GET", path))[key]) for key, path in paths.items()]

    async def release(self) -> list[int]:
        await self.ask("DELETE", f"/network/v2.0/floatingips/{self.address['id']}")
        await self.ask("DELETE", f"/reservation/v1/leases/{self.lease['id']}")
        left = await self.sees()
        await self.http.aclose()
        return left


def test_twenty_students_at_once_work_and_do_not_see_each_other(home: Path) -> None:
    async def go() -> tuple[list[str], list[list[int]], list[list[int]], set[str]]:
        students = [Student(home, number) for number in range(20)]
        said = await asyncio.gather(*(student.work() for student in students))
        seen = await asyncio.gather(*(student.sees() for student in students))
        hosts = {(student.site + student.server["hostId"]) for student in students}
        left = await asyncio.gather(*(student.release() for student in students))
        return said, seen, left, hosts

    said, seen, left, hosts = asyncio.run(go())
    for number, text in enumerate(said):
        assert text.splitlines()[0] == f"student{number:02d}"
        assert len(text.splitlines()) == 2
    assert len({text.splitlines()[1] for text in said}) == len(hosts) == 20
    assert seen == [[1, 1, 1]] * 20
    assert left == [[0, 0, 0]] * 20
    status = place.ask(home, "GET", "/status")
    assert [status[kind] for kind in ("leases", "servers", "floating_ips")] == [[], [], []]
