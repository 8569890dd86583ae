"""Where the emulated device cannot be had, the reason is said, and nothing half-made is left."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from labs.edge import debian
from labs.edge.debian import EmulationUnavailableError
from labs.edge.emulation import prepare


def test_another_system_is_told_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS and Fedora have no apt-get: a sentence, not a FileNotFoundError."""
    monkeypatch.setattr(debian.shutil, "which", lambda name: None)
    with pytest.raises(EmulationUnavailableError, match="apt-get is missing"):
        prepare(tmp_path)
    assert not (tmp_path / "emulation" / "qemu").exists()


def test_without_a_network_apt_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own words are in the reason, so that a test that skips can be understood."""
    monkeypatch.setattr(debian.shutil, "which", lambda name: f"/usr/bin/{name}" if "qemu" not in name else None)

    def run(command: list[str], **how: object) -> subprocess.CompletedProcess[str]:
        if command[0] == "dpkg":
            return subprocess.CompletedProcess(command, 0, "amd64\n", "")
        return subprocess.CompletedProcess(command, 100, "", "E: Temporary failure resolving a host\n")

    monkeypatch.setattr(debian.subprocess, "run", run)
    with pytest.raises(EmulationUnavailableError, match=r"update failed .*Temporary failure"):
        prepare(tmp_path)
