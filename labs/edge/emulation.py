"""The device's processor, imitated: an ARM Python with the device's pinned packages, in QEMU.

Nothing is installed on this computer and nothing needs root. Debian's packages for arm64 (Python
and the libraries that it needs) are unpacked into a folder, the pinned packages' aarch64 wheels
into another, and QEMU runs them as a Cortex-A76. It proves that the packages exist for that
processor, import, and compute the same labels. It cannot tell how long anything takes on a real
processor, so its times do not enter the ledger (``labs.records.ledger``).

ExecuTorch is not imitated. Its Python bindings link against libtorch; importing torch takes minutes
under QEMU, PyPI's ARM wheels of torch are CUDA builds from 2.11 on, and with 2.10 the bindings of
1.5.1 load and refuse every tensor.

The interpreter is Debian's own Python 3, whatever this release carries; the packages are those
versions that the device's lock file pins, built for that Python.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from labs.runtimes.debian import EmulationUnavailableError, fetch, unpack
from labs.runtimes.progress import OnProgress, silent
from labs.workspace import PROJECT_DIR, cache_dir

#: The device's pins.
PINS = PROJECT_DIR / "provisioning" / "node" / "edge" / "requirements.txt"

#: The imitated core, by QEMU's name.
CPU = "cortex-a76"

#: Version of the interpreter on the device.
DEVICE_PYTHON = "3.11"

#: Debian packages of a running ARM Python, without their dependencies.
_PACKAGES = ("python3", "libstdc++6", "libgomp1")

#: The wheels' platform, by uv's name: the one that the lock file was resolved for.
_PLATFORM = "aarch64-manylinux_2_28"


class PinsUnfitError(RuntimeError):
    """A package that is pinned for the device has no wheel for its processor."""


@dataclass(frozen=True)
class Emulated:
    """An ARM Python that runs here, slowly."""

    qemu: Path
    #: Folder with the ARM system's files.
    root: Path
    #: Folder with the pinned packages.
    packages: Path

    @property
    def python(self) -> Path:
        """The ARM interpreter's program."""
        programs = sorted((self.root / "usr/bin").glob("python3.*"))
        return next(path for path in programs if path.name.removeprefix("python3.").isdigit())


def prepare(cache: Path | None = None, *, on_progress: OnProgress = silent) -> Emulated:
    """Return the imitated device, fetched on the first call (100 MB, 500 MB unpacked) and cached.

    Raises:
        EmulationUnavailableError: Often this is not Debian, or there is no network.
        PinsUnfitError: A pinned package has no wheel for the device.
    """
    from filelock import FileLock

    folder = (cache or cache_dir()) / "emulation"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        on_progress(0.0, "the emulator")
        qemu = _emulator(folder)
        on_progress(0.2, "an ARM Python")
        root = _once(folder / "root", lambda partial: _unpack_python(folder, partial))
        on_progress(0.5, "the device's pinned packages")
        version = Emulated(qemu, root, folder).python.name.removeprefix("python")
        stamp = hashlib.sha256(PINS.read_bytes()).hexdigest()[:12]
        packages_folder = folder / f"packages-{version}-{stamp}"
        packages = _once(packages_folder, lambda partial: _install(partial, version))
        on_progress(1.0, "ready")
    return Emulated(qemu, root, packages)


def _emulator(folder: Path) -> Path:
    """Return QEMU's user mode for 64-bit ARM: the installed one, or Debian's."""
    for name in ("qemu-aarch64-static", "qemu-aarch64"):
        if path := shutil.which(name):
            return Path(path)

    def make(partial: Path) -> None:
        (archive,) = fetch(partial / "apt", "qemu-user", alone=True)
        # One of forty emulators in it is wanted.
        read = ["dpkg-deb", "--fsys-tarfile", str(archive)]
        unpack_wanted = ["tar", "-x", "-C", str(partial), "--wildcards", "./usr/bin/qemu-aarch64*"]
        with subprocess.Popen(read, stdout=subprocess.PIPE) as reader:
            subprocess.run(
                unpack_wanted, stdin=reader.stdout, stderr=subprocess.DEVNULL, check=False
            )
        shutil.rmtree(partial / "apt")

    unpacked = sorted(_once(folder / "qemu", make).glob("usr/bin/qemu-aarch64*"))
    if not unpacked:
        raise EmulationUnavailableError("Debian's qemu-user package holds no qemu-aarch64")
    return unpacked[0]


def _unpack_python(folder: Path, partial: Path) -> None:
    for name in ("lib", "bin", "sbin"):
        # A package that is not unpacked makes these links; the loader is looked for behind them.
        (partial / "usr" / name).mkdir(parents=True)
        (partial / name).symlink_to(f"usr/{name}")
    packages = [f"{name}:arm64" for name in _PACKAGES]
    unpack(fetch(folder / "apt", *packages), partial)


def _install(partial: Path, version: str) -> None:
    """Unpack the aarch64 wheels of every pinned package for the available interpreter."""
    done = _uv(version, "--target", str(partial))
    if done.returncode == 0:
        return
    # A pin without a wheel for the device is a fault of the pins, and must not pass for a missing
    # network.
    on_the_device = _uv(DEVICE_PYTHON, "--dry-run", "--target", str(partial))
    if on_the_device.returncode and "No solution found" in on_the_device.stderr:
        complaint = on_the_device.stderr.strip()[-600:]
        raise PinsUnfitError(f"a pinned package has no wheel for the device: {complaint}")
    complaint = done.stderr.strip()[-600:]
    raise EmulationUnavailableError(
        f"the pinned wheels could not be had for Python {version}: {complaint}"
    )


def _uv(version: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", *options]
    command += ["--only-binary", ":all:", "--requirement", str(PINS)]
    command += ["--python-platform", _PLATFORM, "--python-version", version]
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


def prove(
    job: Mapping[str, object], emulated: Emulated | None = None, *, timeout_s: float = 600.0
) -> dict:
    """Return the findings of ``labs.edge.proof`` in a new process, here or on the imitated device.

    Raises:
        RuntimeError: It failed; the message ends with its output.
    """
    command = [sys.executable]
    variables = dict(os.environ)
    if emulated:
        command = [str(emulated.qemu), "-L", str(emulated.root), "-cpu", CPU]
        command.append(str(emulated.python))
        variables = _variables_of(emulated)
    done = subprocess.run(
        [*command, "-m", "labs.edge.proof"],
        input=json.dumps(job),
        env=variables,
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode != 0:
        output = done.stderr.strip()[-3000:]
        raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{output}")
    return json.loads(done.stdout.splitlines()[-1])


def _variables_of(emulated: Emulated) -> dict[str, str]:
    own = emulated.packages.parent
    variables = {"PATH": os.environ.get("PATH", ""), "HOME": str(own), "OMP_NUM_THREADS": "1"}
    # Byte code is kept outside the checkout: it is another Python's.
    variables["PYTHONPYCACHEPREFIX"] = str(own / "pycache")
    variables["PYTHONPATH"] = f"{emulated.packages}{os.pathsep}{PROJECT_DIR}"
    return variables
