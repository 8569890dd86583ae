"""``make setup`` where it cannot go on: one sentence with the way out, and no traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder with a space and an accent in its name, and what set-up reads in it."""
    folder = tmp_path / "serving läbs"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    return folder


def setup(folder: Path, *settings: str, **environ: str) -> str:
    """Return what a set-up that fails says."""
    done = subprocess.run(
        ["make", *settings, "setup"],
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (("PYTHON=",), "sudo apt install python3 python3-venv"),
        ((f"PYTHON={sys.executable}", "SETUP_KB=999999999999"), "make room"),
    ],
    ids=["no Python", "a full disk"],
)
def test_what_is_missing_is_said_before_anything_is_fetched(checkout: Path, settings: tuple[str, ...], says: str):
    """With where to get it."""
    assert says in setup(checkout, *settings)
    assert not (checkout / ".venv").exists()


def test_an_interrupted_set_up_goes_on_and_an_offline_one_says_so(checkout: Path):
    """An environment that was stopped before it had pip said 'No module named pip' until `make clean`."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", checkout / ".venv"], check=True)
    said = setup(checkout, f"PYTHON={sys.executable}", PIP_NO_INDEX="1", PIP_DISABLE_PIP_VERSION_CHECK="1")
    assert "Set-up stopped" in said
    assert "it goes on" in said
    pip = subprocess.run([checkout / ".venv" / "bin" / "python", "-m", "pip", "--version"], check=False)
    assert pip.returncode == 0
