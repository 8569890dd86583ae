"""A rehearsal of a test's own, and the small course that is copied to its machines."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import psutil

from provisioning.rehearsal import control, environment, place
from provisioning.rehearsal.world.world import Caller, World

ROOT = Path(__file__).parents[2]
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
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        variables = kept | environment.variables(self.home, user)
        if self.course:
            arguments = (user, str(self.course), *arguments)
            variables["PYTHONPATH"] += f"{os.pathsep}{ROOT}"
            variables["LABS_STATE"] = str(self.home / "state" / user)
        command = [str(python), str(self.flows / f"{flow}.py"), *arguments]
        return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, flow: str, user: str, *arguments: str, python: Path | str = sys.executable) -> dict[str, Any]:
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
        rows = [(kind, row) for kind in ("leases", "servers", "containers", "volumes") for row in status[kind]]
        return [f"{kind}: {row}" for kind, row in rows if row["user"] == user and row.get("status") != "TERMINATED"]


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
    """Run a rehearsal in a folder, with waits that take no time, until the end of the block."""
    control.start(home, speed=10_000.0)
    try:
        yield home
    finally:
        control.stop(home)


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
