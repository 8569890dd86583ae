"""The device's processor, imitated: an ARM Python with the edge environment's pinned packages, run by QEMU.

Nothing is installed on this computer and nothing needs root. Debian's packages for arm64 (Python and the libraries that
it needs) are unpacked into a folder, the pinned packages' aarch64 wheels into another, and QEMU runs them as
a Cortex-A76. What it proves: the packages exist for that processor, import, and compute the same labels. What it cannot
say is how long anything takes on a real one, so none of its times enters the ledger (``labs.records.ledger``).

ExecuTorch is not imitated. Its Python bindings link against libtorch; importing torch takes minutes under QEMU, PyPI's
ARM wheels of torch are CUDA builds from 2.11 on, and with 2.10 the bindings of 1.5.1 load and refuse every tensor.

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
from labs.edge.debian import Apt, EmulationUnavailableError
from labs.progress import OnProgress, silent
from labs.workspace import PROJECT_DIR

#: What the device is pinned to.
PINS = PROJECT_DIR / "provisioning" / "node" / "edge" / "requirements.txt"

#: The imitated core, by QEMU's name.
CPU = "cortex-a76"

#: Version of the interpreter on the device.
DEVICE_PYTHON = "3.11"

#: Debian packages that make a running ARM Python, beside what they depend on.
_PACKAGES = ("python3", "libstdc++6", "libgomp1")

#: What the wheels may expect of the system, by uv's name: the platform that the lock file was resolved for.
_PLATFORM = "aarch64-manylinux_2_28"


class PinsUnfitError(RuntimeError):
    """A package that is pinned for the device has no wheel for its processor."""


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
        PinsUnfitError: A pinned package has no wheel for the device.
    """
    from filelock import FileLock

    folder = (cache or cache_dir()) / "emulation"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        apt = Apt(folder)
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


def _emulator(folder: Path, apt: Apt) -> Path:
    """Return QEMU's user mode for 64-bit ARM: the installed one, else the one out of Debian's package."""
    for name in ("qemu-aarch64-static", "qemu-aarch64"):
        if found := shutil.which(name):
            return Path(found)

    def unpack(partial: Path) -> None:
        archives = [path for path in apt.fetch(["qemu-user"], apt.native()) if path.name.startswith("qemu-user")]
        for archive in archives:
            # One of forty emulators in it is wanted.
            wanted = ["tar", "-x", "-C", str(partial), "--wildcards", "./usr/bin/qemu-aarch64*"]
            with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE) as unpacked:
                subprocess.run(wanted, stdin=unpacked.stdout, stderr=subprocess.DEVNULL, check=False)
        for archive in archives:
            archive.unlink()  # 70 MB, of which 17 are needed

    found = sorted(_once(folder / "qemu", unpack).glob("usr/bin/qemu-aarch64*"))
    if not found:
        raise EmulationUnavailableError("Debian's qemu-user package holds no qemu-aarch64")
    return found[0]


def _unpack_python(apt: Apt, partial: Path) -> None:
    """Unpack an ARM Python with what it needs; no maintainer script runs."""
    for name in ("lib", "bin", "sbin"):
        # A package that is not unpacked makes these links; the loader is looked for behind them.
        (partial / "usr" / name).mkdir(parents=True)
        (partial / name).symlink_to(f"usr/{name}")
    for archive in apt.fetch(_PACKAGES, "arm64"):
        subprocess.run(["dpkg-deb", "-x", str(archive), str(partial)], check=True, capture_output=True)


def _install(partial: Path, version: str) -> None:
    """Unpack the aarch64 wheels of every pinned package for the interpreter at hand."""
    done = _uv(version, "--target", str(partial))
    if done.returncode == 0:
        return
    said = done.stderr.strip()[-600:]
    # A pin without a wheel for the device is a fault of the pins, and must not pass for a missing network.
    on_the_device = _uv(DEVICE_PYTHON, "--dry-run", "--target", str(partial))
    if on_the_device.returncode and "No solution found" in on_the_device.stderr:
        raise PinsUnfitError(f"a pinned package has no wheel for the device: {on_the_device.stderr.strip()[-600:]}")
    raise EmulationUnavailableError(f"the pinned wheels could not be had for Python {version}: {said}")


def _uv(version: str, *how: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", *how]
    command += ["--python-platform", _PLATFORM, "--python-version", version, "--requirement", str(PINS)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


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
