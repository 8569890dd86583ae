"""``make setup``: the course's environment in ``.venv``, with the build of PyTorch that this computer can use.

Run by the computer's own Python before anything is installed: ``python3 provisioning/environment.py labs,serving``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
LOG = VENV / "setup.log"
_PYTHON = VENV / "bin" / "python"
_CONSTRAINTS = ("--constraint", "constraints.txt")
_TORCH = ("torch", "torchvision")


class Build(NamedTuple):
    """One of PyTorch's builds, and what a student's whole environment takes with it, in GB."""

    name: str
    installed_gb: float
    #: Free space to begin with, in a checkout: on top come the tools, what is downloaded first, and pip's cache of it.
    free_gb: float


CPU = Build("the build for CPUs", 2.5, 5)
CUDA = Build("the build for NVIDIA GPUs, with CUDA's libraries", 6.6, 14)
# As much as provisioning/node/bin/environment.sh asks for on an MI100.
ROCM = Build("the build for AMD GPUs, with ROCm", 20, 30)
_TOOLS_GB = 0.6  # what tests, site and cluster take beside it, in a checkout


class SetupError(Exception):
    """Set-up cannot go on; the message says why and what to do."""


def has_nvidia_gpu() -> bool:
    """Return whether a driver for NVIDIA's GPUs is here."""
    return bool(shutil.which("nvidia-smi")) or Path("/proc/driver/nvidia/version").exists()


def is_cuda(package: str) -> bool:
    """Return whether a package is one of CUDA's libraries; NVML's binding is a file of Python."""
    return package.startswith(("nvidia-", "cuda-")) and package != "nvidia-ml-py"


def set_up(extras: str) -> None:
    """Make the environment, or bring the one that is there up to date.

    Raises:
        SetupError: Something is missing here, or could not be fetched.
    """
    _require_python()
    _require_room(CPU)
    print(f"Setting up .venv with Python {_version()}; it takes a few minutes the first time.", flush=True)
    if not _run(_PYTHON, "-m", "pip", "--version"):
        _require(_run(sys.executable, "-m", "venv", "--clear", str(VENV)))
    _require(_run(_PYTHON, "-m", "pip", "install", "--upgrade", *_CONSTRAINTS, "pip", "uv", logged=True))
    course = ("--editable", f".[{extras}]")
    build, install = _by_uv(course) or _by_pip()
    if build:
        tools_gb = _TOOLS_GB if "dev" in extras.split(",") else 0
        _require_room(build)
        print(f"PyTorch comes as {build.name}: about {build.installed_gb + tools_gb:.1f} GB in all.", flush=True)
    if build is CUDA and not has_nvidia_gpu():
        less_gb = CUDA.installed_gb - CPU.installed_gb
        print(
            f"There is no NVIDIA GPU here, but the build for CPUs, {less_gb:.1f} GB smaller, cannot be had:\n"
            "download.pytorch.org is out of reach, and pip knows no other source. Ctrl-C stops this; with a folder of\n"
            "that build's wheels:\n"
            "  PIP_FIND_LINKS=/path/to/wheels make setup"
        )
    print(f"Installing; {LOG.relative_to(ROOT)} says how far it is. Interrupted, the same command goes on.", flush=True)
    _require(_run(*install, *_CONSTRAINTS, *course, logged=True))
    print("Done.")


def build_of(coming: dict[str, str]) -> Build | None:
    """Return which build is among packages that are to come, with their versions; None if PyTorch stays as it is."""
    if "torch" not in coming:
        return None
    return ROCM if "+rocm" in coming["torch"] else CUDA if any(map(is_cuda, coming)) else CPU


def _by_uv(course: Sequence[str]) -> tuple[Build | None, Sequence[str | Path]] | None:
    """Return which build comes from PyTorch's own index, and the command; None if uv cannot reach that.

    uv chooses the build by the GPU that it finds. It is asked for the whole course: with PyTorch there already, that
    alone would not show that the index is out of reach.
    """
    line = (VENV / "bin" / "uv", "pip", "install", "--python", _PYTHON, "--torch-backend", "auto")
    done = _output(*line, "--dry-run", *_CONSTRAINTS, *course)
    if done.returncode:
        return None
    return build_of(dict(re.findall(r"^ \+ (\S+)==(\S+)$", done.stdout + done.stderr, re.MULTILINE))), line


def _by_pip() -> tuple[Build | None, Sequence[str | Path]]:
    """Return the same from wherever pip is told to look: the build for CPUs if there is one and no GPU.

    pip itself would tell only after it has downloaded, from an index that keeps no metadata apart; PyPI's wheels for
    Linux are those with CUDA.
    """
    line = (_PYTHON, "-m", "pip", "install", "--progress-bar", "off")
    if f"\nVersion: {_minor('torch')}." in _output(_PYTHON, "-m", "pip", "show", "torch").stdout:
        return None, line
    versions = [] if has_nvidia_gpu() else [_version_for_cpus(name) for name in _TORCH]
    if versions and all(versions):
        return CPU, (*line, *(f"{name}=={version}" for name, version in zip(_TORCH, versions, strict=True)))
    return CUDA if sys.platform == "linux" else CPU, line


def _minor(package: str) -> str:
    """Return the one minor version of a package that constraints.txt admits."""
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    (minor,) = re.findall(rf"^{package}>=(\d+\.\d+)", constraints, re.MULTILINE)
    return minor


def _version_for_cpus(package: str) -> str:
    """Return the newest version within the constraints that pip knows as built for CPUs; '' without one."""
    known = _output(_PYTHON, "-m", "pip", "index", "versions", package).stdout
    match = re.search(rf"\b{_minor(package)}\.\d+\+cpu\b", known)
    return match[0] if match else ""


def _require_python() -> None:
    if not os.access(ROOT, os.W_OK):
        raise SetupError(f"{ROOT} cannot be written: copy the course to a folder of your own and run make there.")
    if not (3, 11, 2) <= sys.version_info[:3] < (3, 14):
        raise SetupError(
            f"{sys.executable} is Python {_version()}, and the pinned packages need 3.11.2 to 3.13: "
            "make PYTHON=python3.12 setup"
        )
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        package = "python{}.{}-venv".format(*sys.version_info)
        raise SetupError(f"{sys.executable} cannot make environments: sudo apt install {package}") from None


def _version() -> str:
    return ".".join(map(str, sys.version_info[:3]))


def _require_room(build: Build) -> None:
    needed_gb = float(os.environ.get("SETUP_GB", build.free_gb))
    free_gb = shutil.disk_usage(ROOT).free / 1e9
    if free_gb < needed_gb:
        raise SetupError(
            f"{free_gb:.1f} GB are free here, and set-up wants {needed_gb:g} GB, with {build.name} of PyTorch: "
            "make room, or copy the course to a larger disk."
        )


def _require(worked: bool) -> None:
    if worked:
        return
    lines = LOG.read_text(encoding="utf-8", errors="replace").splitlines() if LOG.exists() else []
    raise SetupError(
        "\n".join(lines[-12:])
        + f"\nSet-up stopped; the lines above say at what, and {LOG.relative_to(ROOT)} says more. "
        "Offline: connect. A full disk: make room. Then run make again: it goes on."
    )


def _run(*command: str | Path, logged: bool = False) -> bool:
    """Return whether a command worked; what it says goes to the log."""
    with LOG.open("a", encoding="utf-8") if logged else Path(os.devnull).open("w") as said:
        return _start(command, stdout=said, stderr=subprocess.STDOUT).returncode == 0


def _output(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Return what a command says, which goes to the log if it fails."""
    done = _start(command, capture_output=True, text=True)
    if done.returncode:
        with LOG.open("a", encoding="utf-8") as log:
            log.write(done.stdout + done.stderr)
    return done


def _start(command: Iterable[str | Path], **streams: Any) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    try:
        return subprocess.run([str(word) for word in command], cwd=ROOT, env=environment, check=False, **streams)
    except FileNotFoundError as error:
        return subprocess.CompletedProcess([], 127, "", str(error))


if __name__ == "__main__":
    try:
        set_up(sys.argv[1])
    except SetupError as error:
        print(error)
        sys.exit(1)
    except KeyboardInterrupt:
        print("Stopped. The same command goes on.")
        sys.exit(130)
