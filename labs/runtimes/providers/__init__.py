"""Environments for wheels that cannot live with others, made by uv and kept in the course's cache, to run scripts in.

An environment counts once its marker is written, which is the last thing that happens. A build that was cut short
leaves no marker and is started afresh; whatever uv had downloaded whole comes from uv's own cache, so little is lost.
"""

import contextlib
import fcntl
import functools
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tomllib
from collections import deque
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labs.runtimes.opening import RuntimeUnavailableError
from labs.runtimes.progress import OnProgress, silent
from labs.shell import python
from labs.workspace import PROJECT_DIR

#: The pinned table.
TABLE_PATH = Path(__file__).with_name("environments.toml")

#: Written last; an environment without it is half-made.
MARKER = "complete.json"

#: Room that has to stay free on the disk after an installation, in bytes.
SPARE_BYTES = 500_000_000

#: Variables that would send packages, or imports, somewhere else.
_MISLEADING = {"PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV"} | {
    f"UV_{name}" for name in ("TARGET", "PREFIX", "PYTHON", "PROJECT_ENVIRONMENT")
}

_UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


class EnvironmentUnavailableError(RuntimeUnavailableError):
    """An environment cannot be made or used on this machine; the message says why and what to do."""


@dataclass(frozen=True)
class Environment:
    """An environment for one wheel, made or not: ONNX Runtime, OpenVINO GenAI, ExecuTorch here, Triton elsewhere."""

    #: Short name, such as 'openvino'.
    name: str
    wheel: str
    #: Execution providers, or ExecuTorch's backends, that the wheel brings.
    providers: tuple[str, ...]
    #: Pinned requirements, everything included.
    requirements: tuple[str, ...]
    #: Whether its scripts also see the packages of the environment that makes it, torch above all.
    borrows_course: bool = False
    #: Folders in site-packages that the dynamic loader has to search.
    library_folders: tuple[str, ...] = ()
    download_bytes: int = 0
    installed_bytes: int = 0

    @property
    def folder(self) -> Path:
        """Where it is, or will be; the name changes with the requirements and with Python's version."""
        from labs.workspace import cache_dir

        what = (
            self.requirements,
            sys.implementation.cache_tag,
            platform.system(),
            platform.machine(),
        )
        key = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:10]
        return cache_dir() / "environments" / f"{self.name}-{key}"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def is_installed(self) -> bool:
        """Whether it is complete, and the interpreter that it links to is still there."""
        return (self.folder / MARKER).is_file() and self.python.exists()

    @property
    def commands(self) -> str:
        """The two commands that make it, as one would type them in any project."""
        wanted = [
            one
            for one in self.requirements
            if one.startswith((f"{self.wheel}==", "tensorrt", "torchao"))
        ]
        return f"uv venv {self.folder.name}\nuv pip install --python {self.folder.name} {' '.join(wanted)} …"

    def run(
        self, script: str | Path, *arguments: object, variables: Mapping[str, str] | None = None
    ) -> None:
        """Run a script with this environment's Python, in the script's folder, and print what it prints as it comes.

        The course's own package can be imported there.

        Raises:
            EnvironmentUnavailableError: It is not installed.
            subprocess.CalledProcessError: The script failed; what it said stands above.
        """
        if not self.is_installed:
            raise EnvironmentUnavailableError(
                f"the environment {self.name} is not there yet: {python(f'labs providers install {self.name}')}"
            )
        script = Path(script).resolve()
        command = [str(self.python), "-u", str(script), *map(str, arguments)]
        paths = [
            str(PROJECT_DIR),
            *([sysconfig.get_path("purelib")] if self.borrows_course else []),
        ]
        given = _clean_variables() | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONNOUSERSITE": "1"}
        given |= dict(variables or {})
        if self.library_folders:
            site = self.folder / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
            folders = [
                *(str(site / name) for name in self.library_folders),
                given.get("LD_LIBRARY_PATH", ""),
            ]
            given["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, folders))
        with contextlib.closing(_lines(command, cwd=script.parent, env=given)) as lines:
            for line in lines:
                print(line)


@functools.lru_cache(maxsize=1)
def environments() -> dict[str, Environment]:
    """Return all environments by name, in the table's order."""
    table = tomllib.loads(TABLE_PATH.read_text(encoding="utf-8"))
    known: dict[str, Environment] = {}
    for name, row in table["environments"].items():
        # An environment that extends another one comes after it in the table.
        if "extends" in row:
            base = known[row.pop("extends")].requirements
        else:
            alone = row.pop("alone", False) or row.get("borrows_course")
            base = () if alone else tuple(table["common"]["requirements"])
        row["requirements"] = (*base, *row["requirements"])
        fields: dict[str, Any] = {
            key: tuple(one) if isinstance(one, list) else one for key, one in row.items()
        }
        known[name] = Environment(name, **fields)
    return known


def environment(name: str) -> Environment:
    """Return an environment by name.

    Raises:
        ValueError: There is none; the message lists those that there are.
    """
    if name not in environments():
        raise ValueError(f"no environment {name!r}; there are {', '.join(environments())}")
    return environments()[name]


def install(name: str | Environment, on_progress: OnProgress = silent) -> Environment:
    """Return an environment, making it first where that has not happened yet.

    Args:
        name: 'openvino', 'gpu', 'tensorrt', 'migraphx', 'genai', 'aiperf' or 'executorch'.

    Raises:
        EnvironmentUnavailableError: No wheel for this machine, no room, no network, or uv failed; the message says
            which, and what to do.
    """
    wanted = environment(name) if isinstance(name, str) else name
    if wanted.is_installed:
        return wanted
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise EnvironmentUnavailableError(
            f"there is no {wanted.wheel} wheel for {platform.system()} on {platform.machine()}: take an x86-64 Linux "
            "machine for it"
        )
    wanted.folder.parent.mkdir(parents=True, exist_ok=True)
    # A lock that dies with the process, so that two kernels never make the same environment at once.
    with wanted.folder.with_name(f".{wanted.folder.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not wanted.is_installed:  # another kernel may have finished it while this one waited
            _make(wanted, on_progress)
    on_progress(1.0, f"{wanted.name} is ready")
    return wanted


def _make(wanted: Environment, on_progress: OnProgress) -> None:
    shutil.rmtree(wanted.folder, ignore_errors=True)  # what was left half-made
    needed = wanted.download_bytes + wanted.installed_bytes + SPARE_BYTES
    free = shutil.disk_usage(wanted.folder.parent).free
    if free < needed:
        raise EnvironmentUnavailableError(
            f"{wanted.name} needs {needed / 1e9:.1f} GB and {wanted.folder.parent} has {free / 1e9:.1f} GB free: make "
            f"room (`{python('labs providers list')}` shows what is installed), or set SERVING_LABS_CACHE to a folder "
            "on a larger disk"
        )
    on_progress(
        0.0,
        f"making an environment for {wanted.wheel}: {wanted.download_bytes / 1e6:,.0f} MB to download",
    )
    _uv(
        wanted,
        ["venv", "--quiet", "--no-project", "--python", sys.executable, str(wanted.folder)],
        on_progress,
    )
    # Everything is pinned, so nothing needs resolving; TensorRT's package asks NVIDIA for its libraries.
    _uv(
        wanted,
        ["pip", "install", "--no-deps", "--python", str(wanted.python), *wanted.requirements],
        on_progress,
    )
    (wanted.folder / MARKER).touch()


def _uv(wanted: Environment, arguments: list[str], on_progress: OnProgress) -> None:
    """Run uv and report the share of the downloads that have arrived.

    Raises:
        EnvironmentUnavailableError: uv is missing or failed.
    """
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        raise EnvironmentUnavailableError(
            f"uv is not installed here: `{python('pip install uv')}` brings it"
        )
    tail: deque[str] = deque(maxlen=40)
    sizes: dict[str, float] = {}
    arrived_bytes = 0.0
    try:
        with contextlib.closing(
            _lines([uv, "--no-config", *arguments], env=_clean_variables())
        ) as lines:
            for line in lines:
                tail.append(line)
                if begun := re.fullmatch(r"\s*Downloading (\S+) \(([\d.]+)(KiB|MiB|GiB)\)", line):
                    sizes[begun[1]] = float(begun[2]) * _UNITS[begun[3]]
                elif done := re.fullmatch(r"\s*Downloaded (\S+)", line):
                    arrived_bytes += sizes.pop(done[1], 0.0)
                on_progress(min(0.95, arrived_bytes / max(wanted.download_bytes, 1)), line.strip())
    except subprocess.CalledProcessError:
        raise EnvironmentUnavailableError(
            f"uv could not install {wanted.name}. The first use needs the internet; later ones do not. It said:\n"
            + "\n".join(tail)[-1500:]
        ) from None


def _lines(command: list[str], **where: Any) -> Generator[str]:
    """Run a command, yield the lines that it prints, and leave none of it behind.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    # It and its children are stopped together, also when the notebook is interrupted or progress raises.
    how: dict[str, Any] = {
        "text": True,
        "errors": "replace",
        "start_new_session": True,
        "stdin": subprocess.DEVNULL,
    }
    how |= {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **where}
    with subprocess.Popen(command, **how) as process:
        try:
            for line in process.stdout or ():
                yield line.rstrip("\n")
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        if process.wait():
            raise subprocess.CalledProcessError(process.returncode, command)


def _clean_variables() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key not in _MISLEADING}
