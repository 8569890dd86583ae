"""Debian's packages for any processor, fetched by apt without root and without touching this computer's own lists."""

import shutil
import subprocess
from pathlib import Path

#: apt with lists of its own, in which nothing counts as installed: whatever is needed is fetched.
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
        EmulationUnavailableError: Often this is not Debian, nor derived from it, or there is no network.
    """
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise EmulationUnavailableError(
                f"{tool} is missing: this is unpacked from Debian packages"
            )
    for name in ("archives", "lists"):
        (folder / name / "partial").mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    native = subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    ).stdout.strip()
    wanted = {native, *(name.partition(":")[2] for name in packages)} - {""}
    configuration = folder / "apt.conf"
    architectures = " ".join(f'"{one}";' for one in sorted(wanted))
    configuration.write_text(
        _CONFIGURATION.format(native=native, architectures=architectures, folder=folder)
    )
    get = (
        ["download"]
        if alone
        else ["install", "--download-only", "--yes", "--no-install-recommends"]
    )
    for words in (["update", "--error-on=any"], [*get, *packages]):
        command = ["apt-get", "-qq", "-c", str(configuration), *words]
        done = subprocess.run(
            command, cwd=folder / "archives", capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()[:3]
            raise EmulationUnavailableError(
                f"apt-get {words[0]} failed (no network, or no such packages): {said}"
            )
    return sorted((folder / "archives").glob("*.deb"))


def unpack(archives: list[Path], folder: Path) -> None:
    """Unpack .deb files into a folder; no maintainer script runs."""
    for archive in archives:
        subprocess.run(["dpkg", "-x", str(archive), str(folder)], check=True, capture_output=True)
