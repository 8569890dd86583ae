"""A rehearsal for the length of a test, which this process uses in that time.

`pytest_plugin` makes a fixture of it; other test runners use the context managers. A test of a
program that reaches nodes over SSH has one without the services, `ReachableNode`; a test of scripts
has the commands of an image, `offer`.
"""

import asyncio
import contextlib
import os
import socket
import threading
import time
import warnings
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from chameleon_rehearsal import control, drills, environment, place
from chameleon_rehearsal.machines.scratch import offer
from chameleon_rehearsal.place import ask, secret
from chameleon_rehearsal.software import Software
from chameleon_rehearsal.startup import sockets

if TYPE_CHECKING:
    from chameleon_rehearsal.world.world import World

__all__ = [
    "ADDRESS",
    "MOMENTS",
    "Chameleon",
    "ReachableNode",
    "answers_ssh",
    "ask",
    "jumping",
    "offer",
    "rehearsed",
    "secret",
    "turned_towards",
]

#: Moments at which worlds differ most. Bookings end ten minutes before an hour and begin with it;
#: the day, the month and the year end; the clocks change in New York, twice.
MOMENTS = [
    datetime.fromisoformat(f"{text}+00:00")
    for text in (
        "2050-03-02T12:49:15",
        "2050-03-02T12:59:30",
        "2050-03-02T13:00:10",
        "2050-03-02T23:59:15",
        "2050-03-31T23:59:30",
        "2050-12-31T23:59:30",
        "2050-03-13T06:59:30",
        "2050-11-06T05:59:30",
    )
]

#: At this speed a boot of ten minutes takes 0.06 s.
SPEED = 10_000.0


@dataclass(frozen=True)
class Chameleon:
    """The rehearsal that this process talks to, and its switches."""

    home: Path
    #: Whom python-chi signs in as.
    user: str

    arm = staticmethod(drills.arm)
    armed = staticmethod(drills.armed)
    disarm = staticmethod(drills.disarm)
    advance = staticmethod(drills.advance)
    advance_to = staticmethod(drills.advance_to)
    status = staticmethod(drills.status)

    def now(self) -> datetime:
        """Return the calendar's present, with time zone UTC."""
        return datetime.now(UTC) + place.ahead_of(self.home)

    def lease(
        self, name: str, type_name: str, *, hours: float = 3, site: str | None = None
    ) -> None:
        """Make a lease of the user's that is active at once, as if made in Horizon beforehand."""
        drills.lease(name, type_name, self.user, hours=hours, site=site)

    def journal(self) -> list[str]:
        """Return what machines were asked to run, a line a command: `node: hostname`."""
        file = self.home / "journal.txt"
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

    def variables(self, user: str | None = None) -> dict[str, str]:
        """Return the variables that turn another process to the rehearsal, as any user."""
        return environment.variables(self.home, user or self.user)


#: python-chi's settings from its import, by the variable that it reads.
_ADDRESSES = {
    "RESOURCE_API_URL": "CHI_RESOURCE_API_URL",
    "EDGE_RESOURCE_API_URL": "EDGE_RESOURCE_API_URL",
}

#: Where the server of `answers_ssh` is.
ADDRESS = "127.77.1.10"


def answers_ssh(world: "World", public_key: str) -> dict[str, Any]:
    """Put a server into a world that answers SSH at `ADDRESS` for a key, and return its record."""
    from chameleon_rehearsal.world.world import Caller

    caller = Caller("mary", "m", "p", "p")
    fate = {"starting": "BUILD", "settled_at_s": 0.0, "ssh_at_s": 0.0, "fate": "ACTIVE"}
    fate |= {"conditions": {}, "halted": False, "wiped": False}
    identity = {"id": "5e7", "site": "tacc", "name": "node", "reservation_id": "r"}
    server = identity | vars(caller) | fate | {"public_key": public_key}
    server = world.store.put("server", server)
    port = world.add_port(server)
    address = world.allocate_floating_ip("tacc", caller)
    if port is None or address is None:
        raise ValueError("the world has no address left")
    world.store.put("floatingip", address | {"port_id": port["id"]})
    return server


class ReachableNode:
    """A node that answers SSH at `ADDRESS`, without any service; its loopback is this computer's.

    Its SSH server runs in a thread. Call `end` when the test is over.
    """

    def __init__(self, folder: Path) -> None:
        """Start it, with its files below a folder, in which `key` is the private key that opens
        it.
        """
        import asyncssh

        from chameleon_rehearsal.machines.scratch import Processes
        from chameleon_rehearsal.machines.ssh import Listeners
        from chameleon_rehearsal.world.world import World

        #: The key that opens it.
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        key_file = folder / "key"
        self.key.write_private_key(key_file)
        key_file.chmod(0o600)
        self._world = World(folder / "world", "secret")
        self._processes = Processes()
        server = answers_ssh(self._world, self.key.export_public_key().decode())
        #: The home of user `cc`, on this computer.
        self.home = self._world.folder / "nodes" / server["id"] / "home" / "cc"
        self.home.mkdir(parents=True)
        #: The file that leads OpenSSH here: `ssh -F FILE 127.77.1.10`.
        self.ssh_config = self._world.folder / "ssh_config"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._listeners = Listeners(self._world, self._processes)
        self._run(self._listeners.agree())

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    def cut(self) -> None:
        """Close every connection and stop listening, as when the network fails."""
        self._run(self._listeners.close())

    def end(self) -> None:
        """Cut it, and end its processes and its thread."""
        self.cut()
        self._processes.end_all()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._world.store.close()


@contextlib.contextmanager
def rehearsed(
    home: Path,
    *,
    begin: datetime | None = None,
    speed: float = SPEED,
    software: Software | None = None,
) -> Iterator[Path]:
    """Run a rehearsal in a folder until the end of the block.

    Args:
        begin: Where its calendar begins, with a time zone; now by default. It must not be before
            the computer's clock, by which Keystone's clients judge whether a token has expired.
        speed: How many times shorter waits are than on Chameleon.
        software: The software of machines; the shipped table by default.
    """
    place.prepare(home)
    if begin is not None:
        place.set_ahead(home, begin - datetime.now(UTC))
    control.start(home, speed=speed, software=software)
    try:
        yield home
    finally:
        control.stop(home)


@contextlib.contextmanager
def turned_towards(home: Path, user: str) -> Iterator[None]:
    """Turn this process towards a rehearsal until the end of the block, as a new one would be.

    An earlier test may have imported python-chi, which keeps the addresses and the session that it
    had then.
    """
    with warnings.catch_warnings():
        # python-chi and its clients warn of their own use of traitlets and more when they are first
        # imported.
        warnings.simplefilter("ignore")
        import chi.context
        import chi.hardware

    variables = environment.variables(home, user)
    # python-chi looks for $USER when it is imported, which may be long ago.
    variables["OS_KEYPAIR_NAME"] = f"{variables['USER']}-jupyter"
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, variables))
        stack.enter_context(_hooked_sockets())
        for module in (chi.context, chi.hardware):
            for name, variable in _ADDRESSES.items():
                stack.enter_context(mock.patch.object(module, name, variables[variable]))
        chi.context.reset()
        try:
            yield
        finally:
            stack.close()
            chi.context.reset()


@contextlib.contextmanager
def _hooked_sockets() -> Iterator[None]:
    """Install the hooks of the rehearsal's sockets, and take them out again."""
    kind = socket.socket
    with (
        mock.patch.multiple(kind, connect=kind.connect, connect_ex=kind.connect_ex),
        mock.patch.object(socket, "getaddrinfo", socket.getaddrinfo),
        mock.patch.object(kind, "rehearsal", False, create=True),
    ):
        sockets.install()
        yield


@contextlib.contextmanager
def jumping(home: Path) -> Iterator[None]:
    """Let python-chi read the rehearsal's calendar, and move it on where it would sleep."""
    import chi.container
    import chi.hardware
    import chi.lease
    import chi.server
    import chi.util

    class Calendar(datetime):
        """A datetime whose present is the rehearsal's."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Calendar":
            return super().now(tz) + place.ahead_of(home)

    clock = _JumpingTime(home)
    with contextlib.ExitStack() as stack:
        for module in (chi.hardware, chi.lease, chi.util):
            stack.enter_context(mock.patch.object(module, "datetime", Calendar))
        for module in (chi.container, chi.lease, chi.server, chi.util):
            stack.enter_context(mock.patch.object(module, "time", clock))
        yield


class _JumpingTime:
    """Python's `time`, in which sleeping moves a rehearsal's calendar and takes next to no time."""

    #: The real seconds of a sleep, in which the rehearsal's own timer gets on.
    PAUSE_S = 0.02

    def __init__(self, home: Path) -> None:
        self._home = home
        self._slept_s = 0.0

    def sleep(self, duration_s: float) -> None:
        place.ask(self._home, "POST", "/clock", {"advance_s": duration_s})
        self._slept_s += duration_s
        time.sleep(self.PAUSE_S)

    def time(self) -> float:
        return time.time() + self._slept_s

    def perf_counter(self) -> float:
        return time.perf_counter() + self._slept_s

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)
