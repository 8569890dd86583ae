"""The pins: that they still resolve for their own platforms needs uv and a package index; the rest needs neither."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from provisioning.node import lock


@pytest.fixture
def uv_on_path(monkeypatch):
    """Find uv beside this Python too."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if shutil.which("uv") is None:
        pytest.skip("uv is not installed")


@pytest.mark.machine
@pytest.mark.usefixtures("uv_on_path")
@pytest.mark.parametrize("target", lock.TARGETS, ids=lambda target: target.machine)
def test_pins_fit_what_the_project_asks_for(target):
    """Resolving again, with the pinned versions preferred, changes nothing: none is missing, none too many."""
    difference = lock.stale(target)
    skip_offline(difference)
    assert difference == "", "run `python -m provisioning.node.lock`"


def skip_offline(said: str) -> None:
    """Skip where there is no package index."""
    if "dns error" in said or "Failed to fetch" in said or "error sending request" in said:
        pytest.skip(f"no package index: {said[:100]}")


@pytest.mark.machine
@pytest.mark.usefixtures("uv_on_path")
def test_another_file_under_a_pinned_name_is_not_installed(tmp_path: Path):
    """What was resolved is what arrives; a package whose hash differs, or that has none, is refused."""
    text = lock.pinned_file(next(target for target in lock.TARGETS if target.machine == "edge")).read_text()
    good = re.search(r"^idna==.*?(?=^\S)", text, re.MULTILINE | re.DOTALL)[0]
    wrong = re.sub("sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", good)

    def install(listed: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "listed.txt").write_text(listed)
        command = ["uv", "pip", "install", "--no-cache", "--target", str(tmp_path / "there"), "--require-hashes"]
        command += ["--python", sys.executable, "-r", str(tmp_path / "listed.txt")]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)

    for listed, says in ((wrong, "Hash mismatch"), (good.split()[0] + "\n", "require-hashes")):
        done = install(listed)
        skip_offline(done.stderr)
        assert done.returncode != 0
        assert says in done.stderr
    assert not (tmp_path / "there" / "idna").exists()
    assert install(good).returncode == 0
    assert (tmp_path / "there" / "idna").exists()


def test_hashes_belong_to_their_pin():
    """As uv writes them: a backslash goes on, a marker belongs to the pin, a comment to nothing."""
    text = "# said\na==1.0 \\\n    --hash=sha256:11 \\\n    --hash=sha256:22\nb[x]==2 ; python_version < '4'\n"
    assert lock.pins(text) == {"a==1.0": {"sha256:11", "sha256:22"}, "b[x]==2 ; python_version < '4'": set()}


@pytest.mark.machine
@pytest.mark.usefixtures("uv_on_path")
def test_cu126_index_has_torch_for_pascal():
    """Not run where that index cannot be reached: the range in torch.txt is then unproven."""
    try:
        socket.create_connection(("download.pytorch.org", 443), timeout=3).close()
    except OSError:
        pytest.skip("not run here: download.pytorch.org cannot be reached")
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
