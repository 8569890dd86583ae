"""A running rehearsal, and the Pythons whose unmodified python-chi talks to it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from provisioning.rehearsal import control, environment, place

FLOWS = Path(__file__).with_name("flows")
OLDER = "1.2.6"
PINS = Path(__file__).parents[3] / "constraints.txt"
_CLIENTS = ("chameleon-blazarclient", "chameleon-zunclient")


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

    def run(self, flow: str, python: Path, user: str, limit_s: float = 300.0) -> dict[str, Any]:
        """Run a flow with a Python and return what it found out."""
        done = subprocess.run(
            [str(python), str(FLOWS / f"{flow}.py")],
            env=self.variables(user),
            capture_output=True,
            text=True,
            timeout=limit_s,
        )
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return json.loads(done.stdout.rsplit("RESULT ", 1)[1])


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """A rehearsal in which waiting takes no time, and port 22 is reached through the hook even for root."""
    home = tmp_path_factory.mktemp("rehearsal")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REHEARSAL_PORT22", "never")
        control.start(home, speed=10_000.0)
    try:
        yield Rehearsal(home)
    finally:
        control.stop(home)


@pytest.fixture(
    scope="session", params=["installed", pytest.param(OLDER, marks=pytest.mark.slow)], ids=["newest", OLDER]
)
def chi_python(request: pytest.FixtureRequest) -> Path:
    """A Python with python-chi: this one, or one of its own for the older version, made once and kept."""
    if request.param == "installed":
        assert version("python-chi") == "1.2.10"
        return Path(sys.executable)
    # Everything else as it was tested: another release of a client must not break this from one day to the next.
    pins = [line for line in PINS.read_text(encoding="utf-8").splitlines() if not line.startswith("python-chi==")]
    digest = hashlib.sha256("\n".join(pins).encode()).hexdigest()[:8]
    home = platformdirs.user_cache_path("model-serving-labs") / "environments" / f"python-chi-{OLDER}-{digest}"
    if not home.exists():
        # Made under another name and renamed: of two runs at once, the slower one finds it made.
        draft = home.with_name(f"{home.name}.{os.getpid()}")
        venv.create(draft, with_pip=True, clear=True)
        (draft / "pins.txt").write_text("\n".join(pins), encoding="utf-8")
        install = [str(draft / "bin" / "python"), "-m", "pip", "install", "--quiet", "-c", str(draft / "pins.txt")]
        subprocess.run([*install, f"python-chi=={OLDER}", *_CLIENTS, "ipykernel"], check=True)
        with contextlib.suppress(OSError):
            draft.rename(home)
    return home / "bin" / "python"
