"""The device's processor, imitated: an ARM Python with the edge environment's pinned packages, run by QEMU.

Nothing is installed on this computer and nothing needs root. Debian's packages for arm64 (Python and the libraries that
it needs) are unpacked into a folder, the pinned packages' aarch64 wheels into another, and QEMU runs them as
a Cortex-A76. What it proves: the packages exist for that processor, import, and compute the same labels. What it cannot
say is how long anything takes on a real one, so none of its times enters the ledger (``labs.results.ledger``).

The interpreter is Debian's own Python 3, whatever this release carries; the packages are those versions that the
device's lock file pins, built for that Python.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labs.assets.places import cache_dir
from labs.progress import OnProgress, silent
from labs.workspace import PROJECT_DIR

#: What the device is pinned to.
PINS = PROJECT_DIR / "provisioning" / "node" / "edge" / "requirements.txt"

#: The imitated core, by QEMU's name.
CPU = "cortex-a76"

#: Debian packages that make a running ARM Python, beside what they depend on.
_PACKAGES = ("python3", "libstdc++6", "libgomp1")

#: What the wheels may expect of the system, by uv's name: the platform that the lock file was resolved for.
_PLATFORM = "aarch64-manylinux_2_28"


class EmulationUnavailableError(RuntimeError):
    """This computer cannot imitate the device; the message says what is missing."""


@dataclass(frozen=True)
class Emulated:
    """An ARM Python that runs here, slowly."""

    #: The emulator.
    qemu: Path
    #: Folder with the ARM system's files.
    root: Path
    #: Folder with the pinned packages.
    packages: Path

    @property
    def python(self) -> Path:
        """The ARM interpreter's program."""
        return next(path for path in sorted((self.root / "usr/bin").glob("python3.*")) if path.name[8:].isdigit())

    def run(
        self,
        arguments: Sequence[str],
        *,
        stdin: str = "",
        environment: Mapping[str, str] | None = None,
        timeout_s: float = 600.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run the ARM interpreter with these arguments and return how it ended, whatever its exit code.

        Args:
            arguments: For Python, such as ``["-m", "labs.edge.proof"]``; the course is on its path.
            stdin: What it reads.
            environment: More environment variables.
            timeout_s: Seconds after which it is ended.
        """
        path = os.pathsep.join(map(str, (self.packages, PROJECT_DIR)))
        # Byte code is kept outside the checkout: it is another Python's.
        settings = {"PYTHONPATH": path, "PYTHONPYCACHEPREFIX": str(self.packages.parent / "pycache")}
        settings |= {"PATH": os.environ.get("PATH", ""), "HOME": str(self.packages.parent), "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            [str(self.qemu), "-L", str(self.root), "-cpu", CPU, str(self.python), *arguments],
            input=stdin,
            env={**settings, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )


def prepare(cache: Path | None = None, *, on_progress: OnProgress = silent) -> Emulated:
    """Return the imitated device, fetched on the first call (about 100 MB, 500 MB unpacked) and kept in the cache.

    Args:
        cache: Folder to keep it in; the course's own cache when None.
        on_progress: Told what is being fetched.

    Raises:
        EmulationUnavailableError: Often this is not Debian, or there is no network.
    """
    from filelock import FileLock

    folder = (cache or cache_dir()) / "emulation"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        apt = _Apt(folder)
        on_progress(0.0, "the emulator")
        qemu = _emulator(folder, apt)
        on_progress(0.2, "an ARM Python")
        root = _once(folder / "root", lambda partial: _unpack_python(apt, partial))
        on_progress(0.5, "the device's pinned packages")
        emulated = Emulated(qemu, root, folder / "none")
        stamp = hashlib.sha256(PINS.read_bytes()).hexdigest()[:12]
        version = emulated.python.name.removeprefix("python")
        packages = _once(folder / f"packages-{version}-{stamp}", lambda partial: _install(partial, version))
        on_progress(1.0, "ready")
    return Emulated(qemu, root, packages)


class _Apt:
    """apt with a state of its own: this computer's package lists and status stay as they are."""

    def __init__(self, folder: Path) -> None:
        self._state = folder / "apt"
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

    def _update(self) -> None:
        if self._updated:
            return
        for tool in ("apt-get", "dpkg-deb", "dpkg"):
            if shutil.which(tool) is None:
                raise EmulationUnavailableError(
                    f"{tool} is missing: the emulated device is unpacked from Debian packages"
                )
        (self._state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (self._state / "status").touch()
        self._call(["update", "--error-on=any"])
        self._updated = True

    def _call(self, words: Sequence[str]) -> None:
        native = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout
        settings = {
            "APT::Architecture": native.strip(),
            "Dir::State": str(self._state),
            "Dir::State::Lists": str(self._state / "lists"),
            # Nothing counts as installed, so whatever is needed is fetched.
            "Dir::State::status": str(self._state / "status"),
            "Dir::Cache": str(self._state),
            "Debug::NoLocking": "1",
            "APT::Sandbox::User": "root",
        }
        options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
        options += [word for arch in (native.strip(), "arm64") for word in ("-o", f"APT::Architectures::={arch}")]
        done = subprocess.run(["apt-get", "-qq", *options, *words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()[:3]
            raise EmulationUnavailableError(f"apt-get {words[0]} failed (no network, or no arm64 packages): {said}")


def _emulator(folder: Path, apt: _Apt) -> Path:
    """Return QEMU's user mode for 64-bit ARM: the installed one, else the one out of Debian's package."""
    for name in ("qemu-aarch64-static", "qemu-aarch64"):
        if found := shutil.which(name):
            return Path(found)

    def unpack(partial: Path) -> None:
        native = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout
        archives = [path for path in apt.fetch(["qemu-user"], native.strip()) if path.name.startswith("qemu-user")]
        for archive in archives:
            # One of forty emulators in it is wanted.
            unpacked = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE)
            wanted = ["tar", "-x", "-C", str(partial), "--wildcards", "./usr/bin/qemu-aarch64*"]
            subprocess.run(wanted, stdin=unpacked.stdout, stderr=subprocess.DEVNULL, check=False)
            unpacked.wait()
        for archive in archives:
            archive.unlink()  # 70 MB, of which 17 are needed

    found = sorted(_once(folder / "qemu", unpack).glob("usr/bin/qemu-aarch64*"))
    if not found:
        raise EmulationUnavailableError("Debian's qemu-user package holds no qemu-aarch64")
    return found[0]


def _unpack_python(apt: _Apt, partial: Path) -> None:
    """Unpack an ARM Python with what it needs; no maintainer script runs."""
    for name in ("lib", "bin", "sbin"):
        # A package that is not unpacked makes these links; the loader is looked for behind them.
        (partial / "usr" / name).mkdir(parents=True)
        (partial / name).symlink_to(f"usr/{name}")
    for archive in apt.fetch(_PACKAGES, "arm64"):
        subprocess.run(["dpkg-deb", "-x", str(archive), str(partial)], check=True, capture_output=True)


def _install(partial: Path, version: str) -> None:
    """Unpack the aarch64 wheels of every pinned package; a pin without such a wheel fails here."""
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--target", str(partial), "--python-platform", _PLATFORM, "--python-version", version]
    done = subprocess.run([*command, "--requirement", str(PINS)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise EmulationUnavailableError(f"the pinned wheels could not be had: {done.stderr.strip()[-600:]}")


def _once(folder: Path, make) -> Path:
    """Return a folder that ``make`` fills, made whole or not at all."""
    if not folder.exists():
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        make(partial)
        partial.rename(folder)
    return folder


def prove(emulated: Emulated, job: Mapping[str, object], *, timeout_s: float = 600.0) -> dict:
    """Return what ``labs.edge.proof`` found out on the imitated device.

    Args:
        emulated: Where.
        job: What ``labs.edge.proof`` reads.
        timeout_s: Seconds after which it is ended.

    Raises:
        RuntimeError: It failed; the message ends with what it printed.
    """
    done = emulated.run(["-m", "labs.edge.proof"], stdin=json.dumps(job), timeout_s=timeout_s)
    if done.returncode != 0:
        raise RuntimeError(f"the emulated device ended with {done.returncode}:\n{done.stderr.strip()[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])
