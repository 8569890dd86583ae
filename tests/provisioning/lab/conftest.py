"""A rehearsal that unmodified python-chi talks to, and a small course to copy to its machines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from provisioning.rehearsal import control, environment, place

FLOWS = Path(__file__).with_name("flows")
ROOT = Path(__file__).parents[3]


@dataclass
class Rehearsal:
    """A rehearsal that a test owns."""

    home: Path
    course: Path

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return place.ask(self.home, method, path, body)

    def start(
        self, flow: str, user: str, *arguments: str, python: Path | str = sys.executable
    ) -> subprocess.Popen[str]:
        """Start a flow in a process of its own: python-chi reads its environment once, when it is imported."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        variables = kept | environment.variables(self.home, user)
        variables["PYTHONPATH"] += f"{os.pathsep}{ROOT}"
        return subprocess.Popen(
            [str(python), str(FLOWS / f"{flow}.py"), user, str(self.course), *arguments],
            env=variables | {"LABS_STATE": str(self.home / "state" / user)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self, flow: str, user: str, *arguments: str, limit_s: float = 400.0, python: Path | str = sys.executable
    ) -> dict[str, Any]:
        """Run a flow and return what it found out."""
        return result_of(self.start(flow, user, *arguments, python=python), limit_s)

    def left(self, user: str) -> list[str]:
        """Return what the student still holds, as the testbed itself knows it."""
        status = self.ask("GET", "/status")
        return [
            f"{kind}: {row}"
            for kind in ("leases", "servers", "containers", "volumes")
            for row in status[kind]
            if row["user"] == user and row.get("status") != "TERMINATED"
        ]


def result_of(process: subprocess.Popen[str], limit_s: float) -> dict[str, Any]:
    """Return what a flow printed as its result."""
    try:
        out, err = process.communicate(timeout=limit_s)
    finally:
        process.kill()
    assert process.returncode == 0, f"{out[-4000:]}\n{err[-4000:]}"
    return json.loads(out.rsplit("RESULT ", 1)[1])


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """A rehearsal in which waiting takes no time."""
    home = tmp_path_factory.mktemp("rehearsal")
    course = tmp_path_factory.mktemp("course")
    for name in ("bin", "a100", "mi100", "p100", "edge"):
        for path in (ROOT / "provisioning" / "node" / name).iterdir():
            target = course / "provisioning" / "node" / name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    (course / "assets").mkdir()
    (course / "assets" / "manifest.json").write_text("{}")
    # Larger than one upload that a container takes, so that it has to travel in parts.
    (course / "assets" / "model.bin").write_bytes(os.urandom(11 * 2**20))
    control.start(home, speed=10_000.0)
    try:
        yield Rehearsal(home, course)
    finally:
        control.stop(home)
