"""Where the emulated device cannot be had, the reason is said, and nothing half-made is left."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from labs.edge.emulation import prepare
from labs.runtimes import debian
from labs.runtimes.debian import EmulationUnavailableError


@pytest.mark.parametrize(
    ("there", "reason"),
    [((), "apt-get is missing"), (("apt-get", "dpkg"), r"update failed .*Temporary failure")],
    ids=["another system", "no network"],
)
def test_the_reason_is_said_and_nothing_half_made_counts(there, reason, tmp_path: Path, monkeypatch) -> None:
    """A sentence, and not a FileNotFoundError; apt's own words are in it, so that a skip can be understood."""
    monkeypatch.setattr(debian.shutil, "which", lambda name: f"/usr/bin/{name}" if name in there else None)

    def run(command: list[str], **how: object) -> subprocess.CompletedProcess[str]:
        if command[0] == "dpkg":
            return subprocess.CompletedProcess(command, 0, "amd64\n", "")
        return subprocess.CompletedProcess(command, 100, "", "E: Temporary failure resolving a host\n")

    monkeypatch.setattr(debian.subprocess, "run", run)
    with pytest.raises(EmulationUnavailableError, match=reason):
        prepare(tmp_path)
    assert not (tmp_path / "emulation" / "qemu").exists()
