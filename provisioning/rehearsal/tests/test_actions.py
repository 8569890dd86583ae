"""A server that is stopped, started, restarted and rebuilt: its states over time, and refusals."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any

import asyncssh
import httpx
import psutil
import pytest

from chameleon_rehearsal.machines import ssh
from chameleon_rehearsal.machines.scratch import Processes
from chameleon_rehearsal.world.clock import (
    OS_BOOT_S,
    POWER_CYCLE_S,
    SERVER_BOOT_S,
    SSH_AFTER_ACTIVE_S,
)

STOP: dict[str, Any] = {"os-stop": None}
START: dict[str, Any] = {"os-start": None}
SOFT = {"reboot": {"type": "SOFT"}}
HARD = {"reboot": {"type": "HARD"}}


class ActingStudent:
    """A student with a server that is active, and what Nova shows of it."""

    def __init__(self, student: Any, hand: Any) -> None:
        self.student, self.hand = student, hand
        _, reservation = student.leased(hand)
        self.id = student.start_server(reservation)["id"]
        hand.wait(SERVER_BOOT_S)

    def act(self, action: dict[str, Any]) -> httpx.Response:
        return self.student.send("POST", f"compute/v2.1/servers/{self.id}/action", action)

    def shown(self) -> dict[str, Any]:
        return self.student.server(self.id)

    def states(self) -> tuple[str, str, str | None, int]:
        shown = self.shown()
        names = ("vm_state", "task_state", "power_state")
        return shown["status"], *(shown[f"OS-EXT-STS:{name}"] for name in names)

    def image(self, name: str) -> str:
        images = self.student.send("GET", "image/v2/images", name=name).json()["images"]
        return images[0]["id"]

    def rebuild(self, **more: Any) -> httpx.Response:
        return self.act({"rebuild": {"imageRef": self.image("CC-Ubuntu24.04"), **more}})


@pytest.fixture
def acting(student: Callable[..., Any], hand: Any) -> ActingStudent:
    return ActingStudent(student(), hand)


def test_a_stopped_server_is_shutoff_until_it_is_started(acting, hand) -> None:
    assert acting.states() == ("ACTIVE", "active", None, 1)
    launched = acting.shown()["OS-SRV-USG:launched_at"]
    assert acting.act(STOP).status_code == 202
    assert acting.states() == ("ACTIVE", "active", "powering-off", 1)
    hand.wait(POWER_CYCLE_S)
    assert acting.states() == ("SHUTOFF", "stopped", None, 4)
    hand.wait(3600)
    assert acting.states()[0] == "SHUTOFF"
    assert acting.act(START).status_code == 202
    assert acting.states() == ("SHUTOFF", "stopped", "powering-on", 4)
    hand.wait(POWER_CYCLE_S)
    assert acting.states() == ("ACTIVE", "active", None, 1)
    assert acting.shown()["OS-SRV-USG:launched_at"] == launched


@pytest.mark.parametrize(
    ("action", "status", "task"),
    [(SOFT, "REBOOT", "rebooting"), (HARD, "HARD_REBOOT", "rebooting_hard")],
    ids=["soft", "hard"],
)
def test_a_server_that_restarts_is_active_again(acting, hand, action, status, task) -> None:
    assert acting.act(action).status_code == 202
    assert acting.states() == (status, "active", task, 1)
    hand.wait(POWER_CYCLE_S)
    assert acting.states() == ("ACTIVE", "active", None, 1)


def test_a_hard_reboot_starts_a_server_that_is_off(acting, hand) -> None:
    acting.act(STOP)
    hand.wait(POWER_CYCLE_S)
    assert acting.act(HARD).status_code == 202
    assert acting.states()[0] == "SHUTOFF"
    hand.wait(POWER_CYCLE_S)
    assert acting.states()[0] == "ACTIVE"


def test_a_rebuilt_server_has_its_id_its_addresses_and_another_image(acting, hand) -> None:
    before = acting.shown()
    answer = acting.rebuild(name="other", metadata={"a": "b"})
    assert (answer.status_code, "adminPass" in answer.json()["server"]) == (202, True)
    assert acting.states()[::2] == ("REBUILD", "rebuilding")
    hand.wait(SERVER_BOOT_S)
    after = acting.shown()
    assert (after["status"], after["name"], after["metadata"]) == ("ACTIVE", "other", {"a": "b"})
    assert after["image"]["id"] == acting.image("CC-Ubuntu24.04") != before["image"]["id"]
    assert (after["id"], after["addresses"]) == (before["id"], before["addresses"])


def test_a_rebuilt_server_that_was_off_is_off(acting, hand) -> None:
    acting.act(STOP)
    hand.wait(POWER_CYCLE_S)
    assert acting.rebuild().status_code == 202
    hand.wait(SERVER_BOOT_S)
    assert acting.states()[0] == "SHUTOFF"


#: What is done first, how long is waited, what is refused then, and Nova's reason.
REFUSED = [
    pytest.param([], 0, START, "vm_state active", id="start what runs"),
    pytest.param([STOP], 0, STOP, "task_state powering-off", id="stop twice"),
    pytest.param([STOP], 0, START, "vm_state active", id="start too early"),
    pytest.param([STOP], POWER_CYCLE_S, STOP, "vm_state stopped", id="stop what is off"),
    pytest.param([STOP], POWER_CYCLE_S, SOFT, "vm_state stopped", id="soft reboot when off"),
    pytest.param([SOFT], 0, SOFT, "task_state rebooting", id="soft reboot twice"),
    pytest.param([SOFT], 0, STOP, "task_state rebooting", id="stop during a reboot"),
    pytest.param([HARD], 0, SOFT, "task_state rebooting_hard", id="soft during a hard one"),
]


@pytest.mark.parametrize(("first", "wait_s", "action", "why"), REFUSED)
def test_an_action_that_the_state_does_not_allow_is_409(
    acting, hand, first, wait_s, action, why
) -> None:
    for each in first:
        assert acting.act(each).status_code == 202
    hand.wait(wait_s)
    before = acting.shown()
    answer = acting.act(action)
    refusal = answer.json()["conflictingRequest"]
    assert answer.status_code == 409
    assert refusal["message"].endswith(f"instance {acting.id} while it is in {why}")
    assert acting.shown() == before


@pytest.mark.parametrize("first", [SOFT, HARD], ids=["soft", "hard"])
def test_a_hard_reboot_ends_one_that_hangs(acting, first) -> None:
    acting.act(first)
    assert acting.act(HARD).status_code == 202
    assert acting.states()[0] == "HARD_REBOOT"


@pytest.mark.parametrize(
    ("action", "why"), [(STOP, "is not ready"), (HARD, "is in an invalid state for 'reboot'")]
)
def test_a_server_that_never_ran_is_409(student, hand, action, why) -> None:
    mary = student()
    server = mary.start_server("no-such-reservation")["id"]
    hand.wait(SERVER_BOOT_S)
    answer = mary.send("POST", f"compute/v2.1/servers/{server}/action", action)
    refusal = answer.json()["conflictingRequest"]
    assert (answer.status_code, refusal["message"]) == (409, f"Instance {server} {why}")


@pytest.mark.parametrize("key", ["createImage", "lock", "os-getConsoleOutput", ""])
def test_another_action_says_that_it_is_not_rehearsed(acting, key) -> None:
    answer = acting.act({key: {}} if key else {})
    assert answer.status_code == 400
    assert answer.json()["badRequest"]["message"].endswith("of a server is not rehearsed.")


def test_an_image_that_is_not_there_is_400_and_changes_nothing(acting) -> None:
    before = acting.shown()
    for more in ({"imageRef": "0" * 8 + "-0000-4000-8000-" + "0" * 12}, {"key_name": "none"}):
        asked = {"imageRef": acting.image("CC-Ubuntu24.04"), **more}
        path = f"compute/v2.1/servers/{acting.id}/action"
        headers = {"X-Auth-Token": acting.student.token, "OpenStack-API-Version": "compute 2.61"}
        client = acting.student.client
        answer = client.post(f"/tacc/{path}", json={"rebuild": asked}, headers=headers)
        assert answer.status_code == 400, more
    assert acting.shown() == before


class TestWhatRunsOnIt:
    """The node's SSH: sessions and processes end with the action, files stay unless it is
    rebuilt.
    """

    @pytest.fixture
    def reached(self, acting, world, hand) -> tuple[ActingStudent, str, asyncssh.SSHKey]:
        key = asyncssh.generate_private_key("ssh-ed25519")
        server = world.store.get("server", acting.id)
        world.store.put("server", server | {"public_key": key.export_public_key().decode()})
        public = acting.student.send("GET", "network/v2.0/networks", name="public").json()
        port = acting.student.send("GET", "network/v2.0/ports", device_id=acting.id).json()
        wanted = {"floating_network_id": public["networks"][0]["id"]}
        wanted["port_id"] = port["ports"][0]["id"]
        body = {"floatingip": wanted}
        answer = acting.student.send("POST", "network/v2.0/floatingips", body)
        assert answer.status_code == 201, answer.text
        hand.wait(SSH_AFTER_ACTIVE_S)
        return acting, answer.json()["floatingip"]["floating_ip_address"], key

    def run(
        self, world: Any, hand: Any, reached: Any, action: dict[str, Any], ssh_after_s: float
    ) -> tuple[bool, bool, str]:
        """Leave a file and a process on a node, and act on it, which ends the process.

        Returns:
            Whether SSH answered at once, whether a second before its time, and the files then.
        """
        acting, address, key = reached

        def port() -> int | None:
            return json.loads((world.folder / "ports.json").read_text()).get(address)

        async def asked(command: str) -> str:
            options = {"username": "cc", "client_keys": [key], "known_hosts": None}
            async with asyncssh.connect(
                "127.0.0.1", port(), agent_path=None, config=[], **options
            ) as connection:
                return str((await connection.run(command)).stdout)

        async def go() -> tuple[bool, bool, str]:
            processes = Processes()
            listeners = ssh.Listeners(world, processes)
            with contextlib.ExitStack() as stack:
                stack.callback(processes.end_all)
                await listeners.agree()
                begun = "touch file; setsid sleep 300 >/dev/null 2>&1 & echo $!"
                process = psutil.Process(int(await asked(begun)))
                assert acting.act(action).status_code == 202
                await listeners.agree()
                at_once = port() is not None
                hand.wait(ssh_after_s - 1)
                await listeners.agree()
                early = port() is not None
                hand.wait(1)
                await listeners.agree()
                left = await asked("ls")
                await listeners.close()
                assert not (process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
                return at_once, early, left

        return asyncio.run(go())

    @pytest.mark.parametrize("action", [SOFT, HARD], ids=["soft", "hard"])
    def test_a_restart_ends_processes_and_leaves_files(self, world, hand, reached, action) -> None:
        found = self.run(world, hand, reached, action, POWER_CYCLE_S + OS_BOOT_S)
        assert found == (False, False, "file\n")

    def test_a_rebuilt_node_is_empty(self, world, hand, reached) -> None:
        acting = reached[0]
        action = {"rebuild": {"imageRef": acting.image("CC-Ubuntu24.04")}}
        found = self.run(world, hand, reached, action, SERVER_BOOT_S + SSH_AFTER_ACTIVE_S)
        assert found == (False, False, "")
