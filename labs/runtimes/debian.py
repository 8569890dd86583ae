"""Debian's packages for any processor, fetched by apt without root.

This computer's own lists stay as they are.
"""

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

#: apt with separate lists, in which no package counts as installed, so that every dependency is
#: fetched.
_CONFIGURATION = """
APT::Architecture "{native}";
APT::Architectures {{ {architectures} }};
APT::Sandbox::User "root";
Debug::NoLocking "1";
Dir::State "{folder}";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}";
"""


class EmulationUnavailableError(RuntimeError):
    """This computer cannot imitate the device; the message says what is missing."""


def fetch(folder: Path, *packages: str, alone: bool = False) -> list[Path]:
    """Return the .deb files of packages, which a folder keeps together with apt's lists.

    Args:
        packages: Such as 'prometheus' for this computer, or 'python3:arm64'.
        alone: Without what they need.

    Raises:
        EmulationUnavailableError: Often this is not Debian, nor derived from it, or there is no
            network.
    """
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise EmulationUnavailableError(
                f"{tool} is missing: this is unpacked from Debian packages"
            )
    for name in ("archives", "lists"):
        (folder / name / "partial").mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    configuration = folder / "apt.conf"
    configuration.write_text(_configuration(folder, packages))
    get = ["install", "--download-only", "--yes", "--no-install-recommends"]
    if alone:
        get = ["download"]
    for words in (["update", "--error-on=any"], [*get, *packages]):
        command = ["apt-get", "-qq", "-c", str(configuration), *words]
        done = subprocess.run(
            command, cwd=folder / "archives", capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            output = done.stderr.strip() or done.stdout.strip()
            lines = output.splitlines()[:3]
            raise EmulationUnavailableError(
                f"apt-get {words[0]} failed (no network, or no such packages): {lines}"
            )
    return sorted((folder / "archives").glob("*.deb"))


def _configuration(folder: Path, packages: Iterable[str]) -> str:
    """Return apt's configuration for this computer's processor and the packages' processors."""
    ask = ["dpkg", "--print-architecture"]
    done = subprocess.run(ask, capture_output=True, text=True, check=True)
    native = done.stdout.strip()
    named = {name.partition(":")[2] for name in packages}
    wanted = sorted({native, *named} - {""})
    architectures = " ".join(f'"{architecture}";' for architecture in wanted)
    return _CONFIGURATION.format(native=native, architectures=architectures, folder=folder)


def unpack(archives: list[Path], folder: Path) -> None:
    """Unpack .deb files into a folder; no maintainer script runs."""
    for archive in archives:
        command = ["dpkg", "-x", str(archive), str(folder)]
        subprocess.run(command, check=True, capture_output=True)
