"""A rehearsal of a test's own, and the small course that is copied to its machines.

Every world begins at the same moment, ``BEGIN``: no test depends on the hour, and none on what ran before it.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncssh
import psutil
import pytest

from provisioning.rehearsal import control, environment, place
from provisioning.rehearsal.startup import sockets
from provisioning.rehearsal.world.world import Caller, World
from provisioning.testbed.surroundings import CALENDAR_NAME, Clock

ROOT = Path(__file__).parents[2]
#: The moment at which every rehearsed world begins, so that other people's bookings are the same whenever the tests
#: run. The variable names another moment, which must lie ahead of the computer's clock: by that, the clients of
#: Keystone judge whether a token has expired.
BEGIN = datetime.fromisoformat(os.environ.get("REHEARSED_AT", "2050-03-02T12:00:00+00:00"))
#: Moments at which worlds differ most. Bookings end ten minutes before an hour and begin with it; the day, the month
#: and the year end; the clocks change in New York, twice.
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
#: Where the server of ``answers_ssh`` is.
ADDRESS = "127.77.1.10"


@dataclass
class Rehearsal:
    """A running rehearsal, in which waiting takes no time, and programs that talk to it as a student's do."""

    home: Path
    flows: Path
    #: What the programs find on their path and copy to machines; None for those that know nothing of the course.
    course: Path | None = None

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return place.ask(self.home, method, path, body)

    def start(
        self, flow: str, user: str, *arguments: str, python: Path | str = sys.executable
    ) -> subprocess.Popen[str]:
        """Start a flow in a process of its own: python-chi reads its environment once, when it is imported."""
        # Nothing but what `rehearsal up` prints, and what every process has.
        kept = {
            name: os.environ[name]
            for name in ("PATH", "HOME", "LANG", "TMPDIR")
            if name in os.environ
        }
        variables = kept | environment.variables(self.home, user)
        if self.course:
            arguments = (user, str(self.course), *arguments)
            variables["PYTHONPATH"] += f"{os.pathsep}{ROOT}"
            variables["LABS_STATE"] = str(self.home / "state" / user)
        command = [str(python), str(self.flows / f"{flow}.py"), *arguments]
        return subprocess.Popen(
            command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(
        self, flow: str, user: str, *arguments: str, python: Path | str = sys.executable
    ) -> dict[str, Any]:
        """Run a flow, in which all that it asserts must hold; return what it printed as its result, if anything."""
        process = self.start(flow, user, *arguments, python=python)
        try:
            out, err = process.communicate(timeout=400)
        finally:
            process.kill()
        assert process.returncode == 0, f"{out[-4000:]}\n{err[-4000:]}"
        _, said, result = out.rpartition("RESULT ")
        return json.loads(result) if said else {}

    def left(self, user: str) -> list[str]:
        """Return what the student still holds, as the testbed itself knows it."""
        status = self.ask("GET", "/status")
        rows = [
            (kind, row)
            for kind in ("leases", "servers", "containers", "volumes")
            for row in status[kind]
        ]
        return [
            f"{kind}: {row}"
            for kind, row in rows
            if row["user"] == user and row.get("status") != "TERMINATED"
        ]


def answers_ssh(world: World, key: asyncssh.SSHKey) -> dict[str, Any]:
    """Put a server into a world that answers SSH at ``ADDRESS``, for that key."""
    server = {
        "id": "5e7", "site": "tacc", "name": "node", "project": "p", "project_id": "p", "reservation_id": "r",
        "starting": "BUILD", "settled_at_s": 0.0, "ssh_at_s": 0.0, "fate": "ACTIVE",
        "public_key": key.export_public_key().decode(),
    }  # fmt: skip
    port = world.add_port(world.store.put("server", server))
    address = world.allocate_floating_ip("tacc", Caller("mary", "m", "p", "p"))
    world.store.put("floatingip", address | {"port_id": port["id"]})
    return server


@contextlib.contextmanager
def rehearsed(home: Path) -> Iterator[Path]:
    """Run a rehearsal in a folder from ``BEGIN`` on, with waits that take no time, until the end of the block."""
    place.prepare(home)
    ahead = BEGIN - Clock().now()
    place.replace(home / CALENDAR_NAME, json.dumps({"ahead_s": ahead.total_seconds()}))
    control.start(home, speed=10_000.0)
    try:
        yield home
    finally:
        control.stop(home)


@contextlib.contextmanager
def rehearsal_beside(test: Path, room: Path) -> Iterator[Rehearsal]:
    """Run a rehearsal in an empty folder for the flows that lie beside a test; those of lab bring a course along."""
    flows, course = test.with_name("flows"), None
    if flows.parent.name == "lab":
        course = small_course(room / "course", "a100", "mi100", "p100", "edge")
        # Larger than one upload that a container takes, so that it has to travel in parts.
        (course / "assets" / "model.bin").write_bytes(os.urandom(11 * 2**20))
    with rehearsed(room / "rehearsal") as home:
        yield Rehearsal(home, flows, course)


@contextlib.contextmanager
def turned_towards(home: Path, user: str) -> Iterator[None]:
    """Turn this process towards a rehearsal until the end of the block, as a new process of the user's would be.

    An earlier test may have imported python-chi, which keeps the addresses and the session that it had then.
    """
    with warnings.catch_warnings():
        # python-chi and its clients warn of their own use of traitlets and more when they are first imported.
        warnings.simplefilter("ignore")
        import chi.context
        import chi.hardware

    with pytest.MonkeyPatch.context() as patch:
        variables = environment.variables(home, user)
        for name, value in variables.items():
            patch.setenv(name, value)
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, getattr(socket.socket, name))
        patch.setattr(socket, "getaddrinfo", socket.getaddrinfo)
        patch.setattr(socket.socket, "rehearsal", False, raising=False)
        sockets.install()
        for module in (chi.context, chi.hardware):
            patch.setattr(module, "RESOURCE_API_URL", variables["CHI_RESOURCE_API_URL"])
            patch.setattr(module, "EDGE_RESOURCE_API_URL", variables["EDGE_RESOURCE_API_URL"])
        chi.context.reset()
        try:
            yield
        finally:
            patch.undo()
            chi.context.reset()


def runs(pid: int) -> bool:
    """Return whether a process runs; one that ended and was not waited for yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def small_course(root: Path, *machines: str) -> Path:
    """Make a course of the real scripts for some machines, and no data."""
    for name in ("bin", *machines):
        for path in (ROOT / "provisioning" / "node" / name).iterdir():
            target = root / "provisioning" / "node" / name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    (root / "assets").mkdir()
    (root / "assets" / "manifest.json").write_text("{}")
    return root
