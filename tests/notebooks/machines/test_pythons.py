"""The rooms that need no torch, under the oldest and the newest Python that is promised.

The suite itself runs under one Python. That every pin has a wheel for the others is asked of the
resolver (``tests/test_environment.py``); a GitHub workflow sets up all of it under both.
"""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.notebooks.machines.conftest import uv

ROOT = Path(__file__).resolve().parents[3]

pytestmark = [pytest.mark.machine, pytest.mark.timeout(900)]

#: The front door, hand-in, records and a class: commands that all users run on their own Python.
ROOMS = (
    "labs/checkpoints",
    "labs/course",
    "labs/records",
    "provisioning/front",
    "provisioning/classroom",
)
EXTRAS = ("provisioning", "rehearsal", "grading")
#: What the tests need beside it: the suite's own plugins, hypothesis, scipy, which some are
#: compared with, and httpx, with which lessons ask a service.
TOOLS = ("httpx", "hypothesis", "pytest", "pytest-timeout", "pytest-xdist", "scipy")

#: From 3.11.2, which Debian 12 has, to the last one before the first that is refused.
OLDEST, BEYOND = re.fullmatch(
    r">=([\d.]+),<([\d.]+)",
    tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"],
).groups()
NEWEST = f"3.{int(BEYOND.removeprefix('3.')) - 1}"


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_the_light_rooms_work_under_the_oldest_and_the_newest_python(version: str, tmp_path: Path):
    """Their tests pass in an environment of the pinned versions, made as a student's would be."""
    home = tmp_path / "venv"
    try:
        uv("venv", "--quiet", "--no-python-downloads", "--python", version, str(home))
    except AssertionError as error:
        pytest.skip(f"there is no Python {version} on this machine: {str(error).splitlines()[0]}")
    # Built from a copy: building writes beside the sources.
    source, python = tmp_path / "source", home / "bin" / "python"
    for name in ("labs", "provisioning", "grading"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "constraints.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    asked = [f".[{','.join(EXTRAS)}]", *TOOLS, "--constraint", "constraints.txt"]
    uv("pip", "install", "--quiet", "--python", str(python), *asked, folder=source)
    # This run's own workers and their Python are none of the other's business.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "PYTHON"))
    }
    line = [
        python,
        "-m",
        "pytest",
        "-q",
        "-n0",
        "-p",
        "no:cacheprovider",
        # What draws many worlds or exports a network is slow because of how often, not of what.
        "-m",
        "not slow",
        "--basetemp",
        tmp_path / "tests",
    ]
    # The doctor looks for the heavy packages too.
    line += [
        "--deselect",
        "tests/provisioning/front/test_command.py::test_a_course_in_order_has_no_way_out_to_say",
    ]
    done = subprocess.run(
        [*line, *(f"tests/{room}" for room in ROOMS)],
        cwd=ROOT,
        # Compiled once, and beside none of the sources.
        env=environment | {"PYTHONPYCACHEPREFIX": str(tmp_path / "compiled")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
