"""A running rehearsal, and the Pythons whose unmodified python-chi talks to it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from provisioning.rehearsal import control, environment, place

from ..pythons import chi_python  # noqa: F401 - a fixture

FLOWS = Path(__file__).with_name("flows")


@dataclass
class Rehearsal:
    """A rehearsal that a test owns.

    Attributes:
        home: Its folder.
    """

    home: Path

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return place.ask(self.home, method, path, body)

    def variables(self, user: str) -> dict[str, str]:
        """Nothing but what `rehearsal up` prints, and what every process has."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        return kept | environment.variables(self.home, user)

    def run(self, flow: str, python: Path, user: str, *arguments: str) -> Any:
        """Run a flow with a Python and return what it found out."""
        done = subprocess.run(
            [str(python), str(FLOWS / f"{flow}.py"), *arguments],
            env=self.variables(user),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return json.loads(done.stdout.rsplit("RESULT ", 1)[1])


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """A rehearsal in which waiting takes no time."""
    home = control.start(tmp_path_factory.mktemp("rehearsal"), speed=10_000.0)
    yield Rehearsal(home)
    control.stop(home)
