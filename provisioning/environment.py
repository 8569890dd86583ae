"""``make setup``: the course's environment in ``.venv``, with the build of PyTorch that this
computer can use.

``provisioning/python.sh`` chooses the Python that runs this before anything is installed:
``python3 -m provisioning.environment labs,serving``.

Nothing in ``.venv`` names the folder that it is in, so the folder can be copied, moved and renamed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from provisioning.computer import Computer, dotted, makes_environments
from provisioning.heartbeat import heartbeat

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
LOG = VENV / "setup.log"
#: The folder that set-up last ran in, which the Makefile compares with its own, and a digest of
#: what it installed.
STAMP = VENV / ".installed"
_PYTHON = VENV / "bin" / "python"
_CONSTRAINTS = ("--constraint", "constraints.txt")
_TORCH = ("torch", "torchvision")


class Build(NamedTuple):
    """One of PyTorch's builds, and the size of a student's whole environment with it, in GB."""

    name: str
    installed_gb: float
    #: Free space to begin with, in a checkout: on top come the tools, what is downloaded first, and
    #: pip's cache of it.
    free_gb: float


CPU = Build("the build for CPUs", 2.5, 5)
CUDA = Build("the build for NVIDIA GPUs, with CUDA's libraries", 6.6, 14)
# As much as provisioning/node/bin/environment.sh asks for on an MI100.
ROCM = Build("the build for AMD GPUs, with ROCm", 20, 30)
_TOOLS_GB = 0.6  # size of tests, site and cluster beside it, in a checkout


class SetupError(Exception):
    """Set-up cannot continue; the message gives the reason and the fix."""


def has_nvidia_gpu() -> bool:
    """Return whether a driver for NVIDIA's GPUs is here."""
    return bool(shutil.which("nvidia-smi")) or Path("/proc/driver/nvidia/version").exists()


def is_cuda(package: str) -> bool:
    """Return whether a package is one of CUDA's libraries; NVML's binding is a file of Python."""
    return package.startswith(("nvidia-", "cuda-")) and package != "nvidia-ml-py"


def set_up(extras: str) -> None:
    """Make the environment, or update the existing one.

    Raises:
        SetupError: Something is missing here, or could not be fetched.
    """
    _require_machine()
    # A new file: a copy of the folder may share this one by a hard link.
    LOG.unlink(missing_ok=True)
    works = _run(_PYTHON, "-m", "pip", "--version")
    if works and _stamped_digest() == _digest(extras):
        _relocate()
        _stamp(extras)
        print(f".venv has all packages and now belongs to {ROOT}. Nothing was downloaded.")
        return
    _require_python()
    _require_room(CPU)
    if works:
        print("Bringing .venv up to date.", flush=True)
    else:
        print(
            f"Setting up .venv with Python {_version()}; it takes a few minutes the first time.",
            flush=True,
        )
        # This may be the environment's own Python; the new one is made by the Python below it.
        _require(_run(Path(sys.executable).resolve(), "-m", "venv", "--clear", VENV))
    _require(
        _run(_PYTHON, "-m", "pip", "install", "--upgrade", *_CONSTRAINTS, "pip", "uv", logged=True)
    )
    course = ("--editable", f".[{extras}]")
    build, install = _by_uv(course) or _by_pip()
    if build:
        tools_gb = _TOOLS_GB if "dev" in extras.split(",") else 0
        _require_room(build)
        total_gb = build.installed_gb + tools_gb
        print(f"PyTorch comes as {build.name}: about {total_gb:.1f} GB in all.", flush=True)
    if build is CUDA and not has_nvidia_gpu():
        less_gb = CUDA.installed_gb - CPU.installed_gb
        print(
            f"There is no NVIDIA GPU here, but the build for CPUs, {less_gb:.1f} GB smaller, "
            "cannot be had:\n"
            "download.pytorch.org is out of reach, and pip knows no other source. Ctrl-C stops "
            "this; with a folder of\n"
            "that build's wheels:\n"
            f"  PIP_FIND_LINKS=/path/to/wheels {_command_line()}"
        )
    print(
        f"Installing; details are in {LOG.relative_to(ROOT)}. After an interruption, the same "
        "command goes on.",
        flush=True,
    )
    free_bytes = shutil.disk_usage(ROOT).free

    def written() -> str:
        written_gb = max(0, free_bytes - shutil.disk_usage(ROOT).free) / 1e9
        return f"{written_gb:.1f} GB written so far"

    with heartbeat(written):
        installed = _run(*install, *_CONSTRAINTS, *course, logged=True)
    _require(installed)
    _relocate()
    _stamp(extras)
    print(_next_step())


def _next_step() -> str:
    """Return what set-up says at its end; a goal behind it says by itself what it does."""
    if os.environ.get("GOALS", "setup") in ("", "setup"):
        return "The environment is ready. Next: `make lab` opens the course in JupyterLab."
    return "The environment is ready."


def _command_line(python: str = "") -> str:
    """Return the line that the reader typed to come here, with the Python that was given, or with
    another one.
    """
    python = python or os.environ.get("GIVEN_PYTHON", "")
    given = (f"PYTHON={shlex.quote(python)}",) if python else ()
    return " ".join(("make", *given, os.environ.get("GOALS") or "setup"))


def _digest(extras: str) -> str:
    """Return a digest of everything that decides which packages are installed."""
    texts = [(ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")]
    return hashlib.sha256(b"\0".join([extras.encode(), *texts])).hexdigest()


def _stamped_digest() -> str:
    """Return the digest that the last complete set-up has left; empty without one."""
    lines = STAMP.read_text(encoding="utf-8").splitlines() if STAMP.exists() else []
    return lines[1] if len(lines) == 2 else ""


def _stamp(extras: str) -> None:
    _replace(STAMP, f"{ROOT}\n{_digest(extras)}\n".encode())


def _replace(path: Path, content: bytes) -> None:
    """Write a file as a new one, with the old one's mode: a copy of the folder may share the old by
    a hard link.
    """
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as new:
        new.write(content)
    Path(new.name).chmod(path.stat().st_mode if path.exists() else 0o644)
    Path(new.name).replace(path)


# Nothing in .venv names the folder

#: The head that uv gives a program of a relocatable environment. A shell reads the second line,
#: which starts the Python beside the program. Python reads the second and the third as one string.
_HEAD = b"""#!/bin/sh
'''exec' "$(dirname -- "$(realpath -- "$0")")"/'python' "$0" "$@"
' '''
"""
#: Heads that pip and uv write, which name a Python: its path, or the longer form if that is long or
#: needs quotes.
_HEADS = re.compile(
    rb"#!/[^\n]*/bin/python[\d.]*\n|#!/bin/sh\n'''exec' [^\n]*python[^\n]*\n' '''\n"
)


def _relocate() -> None:
    """Let the environment's programs, its activation and the course itself be found from the folder
    that it is in.
    """
    for path in (VENV / "pyvenv.cfg", *(VENV / "bin").glob("activate*")):
        _replace(path, path.read_bytes())  # uv writes into the files that it finds
    uv = (
        VENV / "bin" / "uv",
        "venv",
        "--offline",
        "--relocatable",
        "--allow-existing",
        "--python",
        _PYTHON,
        VENV,
    )
    _require(_run(*uv, logged=True))
    # A script of csh cannot know where it is, so this one names the folder; uv leaves it alone.
    csh = VENV / "bin" / "activate.csh"
    if csh.exists():
        line = f'setenv VIRTUAL_ENV "{VENV}"'
        text = csh.read_text()
        text = re.sub("^setenv VIRTUAL_ENV .*$", lambda _: line, text, flags=re.MULTILINE)
        _replace(csh, text.encode())
    for program in (VENV / "bin").iterdir():
        if program.is_symlink() or not program.is_file():
            continue
        content = program.read_bytes()
        head = _HEADS.match(content)
        if head:
            _replace(program, _HEAD + content[head.end() :])
    _link_course()
    _link_hook()


def _link_course() -> None:
    """Let the environment import the course and its rehearsal from the folder that it is in.

    pip and uv write the folder's absolute path. Python also accepts a path from the packages'
    folder. If ``.venv`` is a link to another disk, only the absolute path leads to the course.
    """
    (packages,) = (VENV / "lib").glob("python3.*/site-packages")
    inside = VENV.resolve().parent == ROOT
    course = os.path.relpath(ROOT, packages) if inside else str(ROOT)
    folders = (course, os.path.join(course, "provisioning", "rehearsal"))  # noqa: PTH118 - `..` stays
    links = list(packages.glob("__editable__.model_serving_labs-*.pth"))
    _require(len(links) == 1)
    _replace(links[0], "".join(f"{folder}\n" for folder in folders).encode())
    for finder in packages.glob("__editable___model_serving_labs_*_finder.py"):
        finder.unlink()  # the link's former target, with absolute paths


def _link_hook() -> None:
    """Let pre-commit's hook, if there is one, start this folder's Python; the hook names it by its
    absolute path.
    """
    hook = ROOT / ".git" / "hooks" / "pre-commit"
    if not hook.is_file():
        return
    text = hook.read_text(encoding="utf-8")
    line = f"INSTALL_PYTHON={shlex.quote(str(_PYTHON))}"
    ours = re.sub("^INSTALL_PYTHON=.*$", lambda _: line, text, flags=re.MULTILINE)
    if ours != text:
        _replace(hook, ours.encode())


# Which build of PyTorch comes


def build_of(coming: dict[str, str]) -> Build | None:
    """Return which build is among the packages to install, with their versions; None if PyTorch
    stays as it is.
    """
    if "torch" not in coming:
        return None
    if "+rocm" in coming["torch"]:
        return ROCM
    return CUDA if any(map(is_cuda, coming)) else CPU


def _by_uv(course: Sequence[str]) -> tuple[Build | None, Sequence[str | Path]] | None:
    """Return which build comes from PyTorch's own index, and the command; None if uv cannot reach
    that.

    uv chooses the build by the GPU that it finds. It is asked for the whole course: with PyTorch
    there already, that alone would not show that the index is out of reach.
    """
    line = (VENV / "bin" / "uv", "pip", "install", "--python", _PYTHON, "--torch-backend", "auto")
    done = _output(*line, "--dry-run", *_CONSTRAINTS, *course)
    if done.returncode:
        return None
    coming = re.findall(r"^ \+ (\S+)==(\S+)$", done.stdout + done.stderr, re.MULTILINE)
    return build_of(dict(coming)), line


def _by_pip() -> tuple[Build | None, Sequence[str | Path]]:
    """Return the same from pip's configured index: the build for CPUs if the index has one and
    there is no GPU.

    Some indexes have no separate metadata; with these, pip itself would know the build only after
    the download. PyPI's wheels for Linux are those with CUDA.
    """
    line = (_PYTHON, "-m", "pip", "install", "--progress-bar", "off")
    installed = _output(_PYTHON, "-m", "pip", "show", "torch").stdout
    if f"\nVersion: {_minor('torch')}." in installed:
        return None, line
    if not has_nvidia_gpu():
        versions = [_version_for_cpus(name) for name in _TORCH]
        if all(versions):
            pairs = zip(_TORCH, versions, strict=True)
            return CPU, (*line, *[f"{name}=={version}" for name, version in pairs])
    return CUDA if sys.platform == "linux" else CPU, line


def _minor(package: str) -> str:
    """Return the one minor version of a package that constraints.txt admits."""
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    (minor,) = re.findall(rf"^{package}>=(\d+\.\d+)", constraints, re.MULTILINE)
    return minor


def _version_for_cpus(package: str) -> str:
    """Return the newest version within the constraints that pip knows as built for CPUs; '' without
    one.
    """
    known = _output(_PYTHON, "-m", "pip", "index", "versions", package).stdout
    match = re.search(rf"\b{_minor(package)}\.\d+\+cpu\b", known)
    return match[0] if match else ""


def _require_machine() -> None:
    if not os.access(ROOT, os.W_OK):
        raise SetupError(
            f"{ROOT} cannot be written: copy the course to a folder of your own and run make there."
        )
    reason = Computer.here().unsupported()
    if reason:
        raise SetupError(reason)


def _require_python() -> None:
    reason = Computer.here().wrong_python()
    if reason:
        raise SetupError(f"{sys.executable} {reason}: {_command_line('python3.12')}")
    if not makes_environments():
        package = "python{}.{}-venv".format(*sys.version_info)
        raise SetupError(
            f"{sys.executable} cannot make environments: sudo apt install {package}. Then: "
            f"{_command_line()}"
        )


def _version() -> str:
    return dotted(sys.version_info[:3])


def _require_room(build: Build) -> None:
    needed_gb = float(os.environ.get("SETUP_GB", build.free_gb))
    free_gb = shutil.disk_usage(ROOT).free / 1e9
    if free_gb < needed_gb:
        raise SetupError(
            f"{free_gb:.1f} GB are free here, and set-up wants {needed_gb:g} GB, with "
            f"{build.name} of PyTorch: make room, or copy the course to a larger disk."
        )


def _require(worked: bool) -> None:
    if worked:
        return
    log = LOG.read_text(encoding="utf-8", errors="replace") if LOG.exists() else ""
    last_lines = "\n".join(log.splitlines()[-12:])
    raise SetupError(
        f"{last_lines}\n"
        f"Set-up stopped; the lines above say at what, and {LOG.relative_to(ROOT)} says more. "
        f"Offline: connect. A full disk: make room. Then `{_command_line()}` goes on."
    )


def _run(*command: str | Path, logged: bool = False) -> bool:
    """Return whether a command worked; its output goes to the log."""
    path = LOG if logged else Path(os.devnull)
    with path.open("a", encoding="utf-8") as output:
        return _start(command, stdout=output, stderr=subprocess.STDOUT).returncode == 0


def _output(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Return a command's output, which goes to the log if it fails."""
    done = _start(command, capture_output=True, text=True)
    if done.returncode:
        with LOG.open("a", encoding="utf-8") as log:
            log.write(done.stdout + done.stderr)
    return done


def _start(command: Iterable[str | Path], **streams: Any) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    try:
        return subprocess.run(
            [str(word) for word in command], cwd=ROOT, env=environment, check=False, **streams
        )
    except FileNotFoundError as error:
        return subprocess.CompletedProcess([], 127, "", str(error))


if __name__ == "__main__":
    try:
        set_up(sys.argv[1])
    except SetupError as error:
        print(error)
        sys.exit(1)
    except KeyboardInterrupt:
        print(f"Stopped. `{_command_line()}` goes on.")
        sys.exit(130)
