"""The pins: that they still resolve for their own platforms needs uv and a package index; the rest needs neither."""

from __future__ import annotations

import os
import re
import shutil
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
def test_pins_fit_what_the_project_asks_for(target, tmp_path: Path):
    """Resolving again, with the pinned versions preferred, keeps each of them: none is missing, none too many."""
    again = shutil.copy(lock.pinned_file(target), tmp_path / "requirements.txt")
    done = subprocess.run(lock.compile_command(target, again), capture_output=True, text=True, check=False)
    skip_offline(done.stderr)
    assert done.returncode == 0, done.stderr
    assert lock.pins(again.read_text()).keys() == lock.pins(lock.pinned_file(target).read_text()).keys()


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
