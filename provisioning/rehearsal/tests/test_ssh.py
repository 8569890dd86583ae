"""A node's SSH server: real sessions, files and tunnels, for its own key only."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncssh
import psutil
import pytest

from chameleon_rehearsal.machines import ssh
from chameleon_rehearsal.machines.scratch import Processes
from chameleon_rehearsal.testing import ADDRESS, answers_ssh
from chameleon_rehearsal.world.world import World


@pytest.fixture
def key() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture
def node(world: World, key: asyncssh.SSHKey) -> dict[str, Any]:
    return answers_ssh(world, key.export_public_key().decode())


def runs(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextlib.asynccontextmanager
async def opened(world: World) -> AsyncIterator[ssh.Listeners]:
    """A world whose nodes listen; everything is closed and ended afterwards."""
    processes = Processes()
    listeners = ssh.Listeners(world, processes)
    try:
        await listeners.agree()
        yield listeners
    finally:
        processes.end_all()
        await listeners.close()


def connect(world: World, key: asyncssh.SSHKey, user: str = "cc") -> Any:
    port = json.loads((world.folder / "ports.json").read_text())[ADDRESS]
    return asyncssh.connect(
        "127.0.0.1",
        port,
        username=user,
        client_keys=[key],
        known_hosts=None,
        agent_path=None,
        config=[],
    )


def test_a_command_runs_in_the_nodes_home_with_a_short_environment_and_a_terminal(
    world, node, key, monkeypatch
) -> None:
    monkeypatch.setenv("OS_PASSWORD", "not for nodes")

    async def talk() -> tuple[Any, ...]:
        async with opened(world), connect(world, key) as connection:
            run = connection.run
            where = await run("pwd; echo $HOME; echo $USER; echo [$OS_PASSWORD]; exit 7")
            files = await run(
                "mkdir /home/cc/data && touch /home/cc/data/x && ls ~/data; ls /backup/home/cc"
            )
            echo = await run("cat", input="through stdin")
            # Errors that come after the last output leave the connection up.
            late = await run("echo first; exec >&-; sleep 0.3; echo late >&2; exit 3")
            shim = await run("sudo systemctl restart docker | cat")
            # Commands that the image lacks are missing until apt installs them.
            brought = await run(
                "command -v rocminfo docker; sudo apt-get install -y docker.io; docker ps"
            )
            terminal = await run(
                "stty size; seq 20000; exit 3", term_type="xterm", term_size=(90, 30)
            )
            return where, files, echo, late, shim, brought, terminal

    where, files, echo, late, shim, brought, terminal = asyncio.run(talk())
    home = world.folder / "nodes" / "5e7" / "home" / "cc"
    assert where.stdout.splitlines() == [str(home), str(home), "cc", "[]"]
    assert where.exit_status == 7
    assert files.stdout == "x\n"
    assert "/backup/home/cc" in files.stderr
    assert (home / "data" / "x").exists()
    assert echo.stdout == "through stdin"
    assert (late.stdout, late.stderr, late.exit_status) == ("first\n", "late\n", 3)
    assert shim.stdout == "rehearsed, not run: sudo systemctl restart docker\n"
    assert "node: rehearsed, not run: sudo systemctl restart docker\n" in world.journal.read_text()
    assert brought.stdout.splitlines() == [
        "rehearsed, not run: sudo apt-get install -y docker.io",
        "rehearsed, not run: docker ps",
    ]
    assert terminal.stdout.splitlines()[0] == "30 90"
    assert (len(terminal.stdout.splitlines()), terminal.exit_status) == (20001, 3)


@pytest.mark.parametrize(
    ("line", "output"),
    [
        ("sudo apt -y install nvidia-driver-520 && nvidia-smi", ["nvidia-smi"]),
        ("sudo apt install cuda-drivers=520.61.05-1 && nvidia-smi", ["nvidia-smi"]),
        ("sudo apt install nvidia-cuda-toolkit && nvcc --version", ["nvcc --version"]),
        # The group was made by commands that are not run.
        ("sg docker -c 'docker ps' && echo on", ["sg docker -c 'docker ps'", "on"]),
    ],
)
def test_what_public_notebooks_set_up_on_a_node_goes_on(world, node, key, line, output) -> None:
    async def talk() -> str:
        async with opened(world), connect(world, key) as connection:
            return (await connection.run(line)).stdout

    said = asyncio.run(talk()).replace("rehearsed, not run: ", "").splitlines()
    assert [text for text in said if not text.startswith("sudo ")] == output


@pytest.mark.parametrize(
    "stranger", ["another key", "another user", "a server without a key", None]
)
def test_only_user_cc_with_the_servers_own_key_comes_in(world, node, key, stranger) -> None:
    if stranger == "a server without a key":
        world.store.put("server", node | {"public_key": None})
    offered = asyncssh.generate_private_key("ssh-ed25519") if stranger == "another key" else key

    async def attempt() -> str:
        async with (
            opened(world),
            connect(world, offered, "root" if stranger == "another user" else "cc") as connection,
        ):
            return (await connection.run("echo in")).stdout

    if stranger is None:
        assert asyncio.run(attempt()) == "in\n"
    else:
        with pytest.raises(asyncssh.PermissionDenied):
            asyncio.run(attempt())


def test_a_node_that_is_deleted_takes_its_processes_and_files_along(world, node, key) -> None:
    """A program in the background, and one in a separate session, like the set-up's jobs."""
    line = "for own in env setsid; do $own sleep 300 >/dev/null 2>&1 & echo $!; done"

    async def go() -> tuple[bool, bool, dict[str, Any]]:
        async with opened(world) as listeners:
            async with connect(world, key) as connection:
                pids = [int(pid) for pid in (await connection.run(line)).stdout.split()]
                alive = len(pids) == 2 and all(map(runs, pids))
                world.remove_machine("server", world.store.get("server", node["id"]))
                await listeners.agree()
                await asyncio.sleep(0.1)
            return (
                alive,
                any(map(runs, pids)),
                json.loads((world.folder / "ports.json").read_text()),
            )

    alive, still, places = asyncio.run(go())
    assert alive
    assert not still
    assert places == {}
    assert not (world.folder / "nodes" / "5e7").exists()


def test_a_node_that_restarts_takes_no_connection_once_the_command_has_ended(
    world, node, key
) -> None:
    """Notebooks restart a node and wait for port 22 at once: what they find must be back."""

    async def go() -> tuple[int | None, bool]:
        async with opened(world), connect(world, key) as connection:
            port = json.loads((world.folder / "ports.json").read_text())[ADDRESS]
            code = (await connection.run("sudo reboot")).exit_status
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                return code, False
            writer.close()
            return code, True

    assert asyncio.run(go()) == (0, False)


def test_a_node_in_error_does_not_listen(world, node) -> None:
    """One that runs does, and OpenSSH is told where: ``test_reach.py`` comes there by it."""
    world.store.put("server", node | {"fate": "ERROR"})

    async def look() -> dict[str, int]:
        async with opened(world):
            return json.loads((world.folder / "ports.json").read_text())

    assert asyncio.run(look()) == {}


def test_after_a_restart_the_node_answers_again_with_its_files_and_its_host_key(
    world, node, key
) -> None:
    async def run(where: World, command: str) -> tuple[str, str]:
        async with opened(where), connect(where, key) as connection:
            output = (await connection.run(command)).stdout
            return output, connection.get_server_host_key().get_fingerprint()

    _, first = asyncio.run(run(world, "echo kept > file"))
    restarted = World(world.folder, world.secret, world.clock)
    assert asyncio.run(run(restarted, "cat file")) == ("kept\n", first)
    assert (world.folder / "host_key").stat().st_mode & 0o77 == 0
    restarted.store.close()
