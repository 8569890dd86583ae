"""The Pythons with the two supported versions of python-chi: this one, and a separate one for the
older version.
"""

import contextlib
import hashlib
import os
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

import platformdirs
import pytest

from provisioning.node.archive import light_requirements

ROOT = Path(__file__).parents[2]
NEWEST, OLDER = "1.2.10", "1.2.6"


@pytest.fixture(
    scope="session",
    params=["installed", pytest.param(OLDER, marks=pytest.mark.machine)],
    ids=["newest", OLDER],
)
def chi_python(request: pytest.FixtureRequest) -> Path:
    """A Python with python-chi and what Chameleon's Jupyter installs beside it, but without the
    course itself.
    """
    if request.param == "installed":
        assert version("python-chi") == NEWEST
        return Path(sys.executable)
    return older_python()


def older_python() -> Path:
    """Return the Python with the older python-chi, made once and kept."""
    # Everything else as it was tested: another release of a client must not break this from one day
    # to the next.
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in pinned if not line.startswith("python-chi==")]
    listed = light_requirements(ROOT / "pyproject.toml").splitlines()
    wanted = [line for line in listed if not line.startswith(("#", "--", "python-chi"))]
    wanted = [f"python-chi=={OLDER}", "ipykernel", *wanted]
    digest = hashlib.sha256("\n".join(pins + wanted).encode()).hexdigest()[:8]
    home = (
        platformdirs.user_cache_path("model-serving-labs")
        / "environments"
        / f"python-chi-{OLDER}-{digest}"
    )
    if not home.exists():
        # Made under another name and renamed: of two runs at once, the slower one finds it made.
        draft = home.with_name(f"{home.name}.{os.getpid()}")
        venv.create(draft, clear=True)
        (draft / "pins.txt").write_text("\n".join(pins), encoding="utf-8")
        uv = [
            str(Path(sys.executable).with_name("uv")),
            "pip",
            "install",
            "--quiet",
            "-c",
            str(draft / "pins.txt"),
        ]
        uv += ["--python", str(draft / "bin" / "python")]
        # The course comes second, as on Chameleon's Jupyter: two packages bring `zunclient`, and
        # its own must stand.
        for part in (wanted[:1], wanted[1:]):
            subprocess.run([*uv, *part], check=True)
        with contextlib.suppress(OSError):
            draft.rename(home)
    return home / "bin" / "python"
