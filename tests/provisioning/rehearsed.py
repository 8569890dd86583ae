"""A separate rehearsal for a test, and the small course that is copied to its machines.

Every world begins at the same moment, ``BEGIN``: tests do not depend on the hour or on earlier
tests.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from chameleon_rehearsal import testing, variables
from provisioning.lab.rehearsal import software

ROOT = Path(__file__).parents[2]
REHEARSAL = ROOT / "provisioning" / "rehearsal"
#: The moment at which every rehearsed world begins, so that other people's bookings are the same
#: whenever the tests run. The variable names another moment, which must lie ahead of the computer's
#: clock: by that, the clients of Keystone judge whether a token has expired.
BEGIN = datetime.fromisoformat(os.environ.get("REHEARSED_AT", "2050-03-02T12:00:00+00:00"))
#: Tests of the calendar begin at ``BEGIN`` and, in the gate, where worlds differ most.
BEGINS = [BEGIN, *(pytest.param(moment, marks=pytest.mark.slow) for moment in testing.MOMENTS)]
#: For files whose tests take ports that programs on a student's computer have, 8888 for example:
#: one worker runs them all. A rehearsal itself takes free ports.
KNOWN_PORTS = pytest.mark.xdist_group("known ports")


@dataclass
class Rehearsal:
    """A running rehearsal, in which waiting takes no time, and programs that talk to it as a
    student's do.
    """

    home: Path
    flows: Path
    #: What the programs find on their path and copy to machines; None for those that know nothing
    #: of the course.
    course: Path | None = None

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return testing.ask(self.home, method, path, body)

    def start(
        self, flow: str, user: str, *arguments: str, python: Path | str = sys.executable
    ) -> subprocess.Popen[str]:
        """Start a flow in a new process, because python-chi reads its environment once, when it is
        imported.
        """
        # Nothing but what `rehearsal up` prints, and what every process has.
        everywhere = ("PATH", "HOME", "LANG", "TMPDIR")
        environment = {name: os.environ[name] for name in everywhere if name in os.environ}
        environment |= variables(self.home, user)
        if self.course:
            arguments = (user, str(self.course), *arguments)
            environment["PYTHONPATH"] += os.pathsep.join(["", str(ROOT), str(REHEARSAL)])
            environment["LABS_STATE"] = str(self.home / "state" / user)
        command = [str(python), str(self.flows / f"{flow}.py"), *arguments]
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(
        self, flow: str, user: str, *arguments: str, python: Path | str = sys.executable
    ) -> dict[str, Any]:
        """Run a flow, in which all that it asserts must hold; return what it printed as its result,
        if anything.
        """
        process = self.start(flow, user, *arguments, python=python)
        try:
            out, err = process.communicate(timeout=400)
        finally:
            process.kill()
        assert process.returncode == 0, f"{out[-4000:]}\n{err[-4000:]}"
        _, mark, result = out.rpartition("RESULT ")
        return json.loads(result) if mark else {}

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


def rehearsed(home: Path, begin: datetime = BEGIN) -> AbstractContextManager[Path]:
    """Run a rehearsal with the course's software in a folder, from a moment on."""
    return testing.rehearsed(home, begin=begin, software=software())


@contextlib.contextmanager
def rehearsal_beside(test: Path, room: Path, begin: datetime = BEGIN) -> Iterator[Rehearsal]:
    """Run a rehearsal in an empty folder for the flows beside a test; lab's flows bring a
    course.
    """
    flows, course = test.with_name("flows"), None
    if flows.parent.name == "lab":
        course = small_course(room / "course", "a100", "mi100", "p100", "edge")
        # Larger than one upload that a container takes, so that it has to travel in parts.
        (course / "assets" / "model.bin").write_bytes(os.urandom(11 * 2**20))
    with rehearsed(room / "rehearsal", begin) as home:
        yield Rehearsal(home, flows, course)


def small_course(root: Path, *machines: str) -> Path:
    """Make a course of the real scripts for some machines, without data."""
    for name in ("bin", *machines):
        for path in (ROOT / "provisioning" / "node" / name).iterdir():
            target = root / "provisioning" / "node" / name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    (root / "assets").mkdir()
    (root / "assets" / "manifest.json").write_text("{}")
    return root
