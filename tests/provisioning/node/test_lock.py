"""The pins still resolve for their own platforms. Needs uv and a package index."""

from __future__ import annotations

import shutil
import socket
import sys
from pathlib import Path

import pytest

from provisioning.node import lock

pytestmark = pytest.mark.machine


@pytest.fixture(autouse=True)
def uv_on_path(monkeypatch):
    """Find uv beside this Python too."""
    import os

    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if shutil.which("uv") is None:
        pytest.skip("uv is not installed")


@pytest.mark.parametrize("target", lock.TARGETS, ids=lambda target: target.machine)
def test_pins_fit_what_the_project_asks_for(target):
    """Resolving again, with the pinned versions preferred, changes nothing: none is missing, none too many."""
    difference = lock.stale(target)
    offline = "dns error" in difference or "Failed to fetch" in difference or "error sending request" in difference
    if offline:
        pytest.skip(f"no package index: {difference[:100]}")
    assert difference == "", "run `python -m provisioning.node.lock`"


def test_cu126_index_has_torch_for_pascal():
    """Not run where that index cannot be reached: the range in torch.txt is then unproven."""
    try:
        socket.create_connection(("download.pytorch.org", 443), timeout=3).close()
    except OSError:
        pytest.skip("not run here: download.pytorch.org cannot be reached")
    import subprocess

    done = subprocess.run(
        [
            *("uv", "pip", "compile", "--quiet", str(lock.NODE_FOLDER / "p100" / "torch.txt")),
            *("--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_39"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "+cu126" in done.stdout
