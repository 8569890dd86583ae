"""Debian's packages for any processor, fetched without root and without touching this computer's own package lists."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path


class EmulationUnavailableError(RuntimeError):
    """This computer cannot imitate the device; the message says what is missing."""


class Apt:
    """apt with a state of its own: this computer's package lists and status stay as they are."""

    def __init__(self, folder: Path, foreign: Sequence[str] = ("arm64",)) -> None:
        """Name its folder, and the architectures beside this computer's own whose packages are fetched."""
        self._state = folder / "apt"
        self._foreign = tuple(foreign)
        self._updated = False

    def fetch(self, packages: Sequence[str], architecture: str) -> list[Path]:
        """Return the .deb files of packages and of all that they need."""
        self._update()
        archives = self._state / architecture / "archives"
        (archives / "partial").mkdir(parents=True, exist_ok=True)
        names = [f"{package}:{architecture}" for package in packages]
        where = ["-o", f"Dir::Cache::archives={archives}"]
        self._call([*where, "install", "--no-install-recommends", "--download-only", "--yes", *names])
        return sorted(archives.glob("*.deb"))

    def download(self, packages: Sequence[str], folder: Path) -> list[Path]:
        """Return the .deb files of packages for this computer, without what they need, in a folder of their own."""
        self._update()
        folder.mkdir(parents=True, exist_ok=True)
        self._call(["download", *packages], folder)
        return sorted(folder.glob("*.deb"))

    def native(self) -> str:
        """Return this computer's architecture by Debian's name.

        Raises:
            EmulationUnavailableError: This is not Debian, nor derived from it.
        """
        for tool in ("apt-get", "dpkg-deb", "dpkg"):
            if shutil.which(tool) is None:
                raise EmulationUnavailableError(
                    f"{tool} is missing: the emulated device is unpacked from Debian packages"
                )
        done = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def _update(self) -> None:
        if self._updated:
            return
        (self._state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (self._state / "status").touch()
        self._call(["update", "--error-on=any"])
        self._updated = True

    def _call(self, words: Sequence[str], folder: Path | None = None) -> None:
        native = self.native()
        settings = {
            "APT::Architecture": native,
            "Dir::State": str(self._state),
            "Dir::State::Lists": str(self._state / "lists"),
            # Nothing counts as installed, so whatever is needed is fetched.
            "Dir::State::status": str(self._state / "status"),
            "Dir::Cache": str(self._state),
            "Debug::NoLocking": "1",
            "APT::Sandbox::User": "root",
        }
        options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
        options += [word for arch in (native, *self._foreign) for word in ("-o", f"APT::Architectures::={arch}")]
        done = subprocess.run(
            ["apt-get", "-qq", *options, *words], cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()[:3]
            raise EmulationUnavailableError(f"apt-get {words[0]} failed (no network, or no arm64 packages): {said}")
