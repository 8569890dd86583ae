"""Environments for wheels that cannot live with others, made by uv and kept in the cache.

An environment is complete when its marker is written, which is the last step. An interrupted build
leaves no marker and starts again. Files that uv had downloaded completely come from uv's own cache,
so little is lost.
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
_MISLEADING = {
    "PYTHONHOME",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "UV_TARGET",
    "UV_PREFIX",
    "UV_PYTHON",
    "UV_PROJECT_ENVIRONMENT",
}

_UNIT_BYTES = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


class EnvironmentUnavailableError(RuntimeUnavailableError):
    """An environment cannot be made or used on this machine; the message says what to do."""


@dataclass(frozen=True)
class Environment:
    """An environment for one wheel, made or not.

    Those of ONNX Runtime, OpenVINO GenAI and ExecuTorch are here; Triton's is in
    ``labs.serve.triton``.
    """

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
        """Where it is, or will be; the name changes with requirements and Python's version."""
        from labs.workspace import cache_dir

        machine = (sys.implementation.cache_tag, platform.system(), platform.machine())
        text = json.dumps((self.requirements, *machine))
        key = hashlib.sha256(text.encode()).hexdigest()[:10]
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
        shown = (f"{self.wheel}==", "tensorrt", "torchao")
        packages = " ".join(name for name in self.requirements if name.startswith(shown))
        folder = self.folder.name
        return f"uv venv {folder}\nuv pip install --python {folder} {packages} …"

    def run(
        self, script: str | Path, *arguments: object, variables: Mapping[str, str] | None = None
    ) -> None:
        """Run a script with this environment's Python, in the script's folder, and print its
        output.

        The course's own package can be imported there.

        Raises:
            EnvironmentUnavailableError: The environment is not installed.
            subprocess.CalledProcessError: The script failed; its output is above.
        """
        if not self.is_installed:
            install_command = python(f"labs providers install {self.name}")
            raise EnvironmentUnavailableError(
                f"the environment {self.name} is not there yet: {install_command}"
            )
        script = Path(script).resolve()
        command = [str(self.python), "-u", str(script), *map(str, arguments)]
        own_variables = self._variables() | dict(variables or {})
        if self.library_folders:
            folders = [str(self._site_packages / name) for name in self.library_folders]
            if inherited := own_variables.get("LD_LIBRARY_PATH"):
                folders.append(inherited)
            own_variables["LD_LIBRARY_PATH"] = os.pathsep.join(folders)
        with contextlib.closing(_lines(command, cwd=script.parent, env=own_variables)) as lines:
            for line in lines:
                print(line)

    @property
    def _site_packages(self) -> Path:
        return self.folder / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"

    def _variables(self) -> dict[str, str]:
        paths = [str(PROJECT_DIR)]
        if self.borrows_course:
            paths.append(sysconfig.get_path("purelib"))
        own = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONNOUSERSITE": "1"}
        return _clean_variables() | own


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
        for field, value in row.items():
            if isinstance(value, list):
                row[field] = tuple(value)
        known[name] = Environment(name, **row)
    return known


def environment(name: str) -> Environment:
    """Return an environment by name.

    Raises:
        ValueError: No environment has this name; the message lists the names.
    """
    if name not in environments():
        raise ValueError(f"no environment {name!r}; there are {', '.join(environments())}")
    return environments()[name]


def install(name: str | Environment, on_progress: OnProgress = silent) -> Environment:
    """Return an environment; make it first if it does not exist.

    Args:
        name: 'openvino', 'gpu', 'tensorrt', 'migraphx', 'genai', 'aiperf' or 'executorch'.

    Raises:
        EnvironmentUnavailableError: No wheel for this machine, no room, no network, or uv failed;
            the message gives the reason and the fix.
    """
    wanted = environment(name) if isinstance(name, str) else name
    if wanted.is_installed:
        return wanted
    system, machine = platform.system(), platform.machine()
    if (system, machine) != ("Linux", "x86_64"):
        raise EnvironmentUnavailableError(
            f"there is no {wanted.wheel} wheel for {system} on {machine}: "
            "take an x86-64 Linux machine for it"
        )
    wanted.folder.parent.mkdir(parents=True, exist_ok=True)
    # A lock that dies with the process, so that two kernels never make the same environment at
    # once.
    lock_path = wanted.folder.with_name(f".{wanted.folder.name}.lock")
    with lock_path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not wanted.is_installed:  # another kernel may have finished it while this one waited
            _make(wanted, on_progress)
    on_progress(1.0, f"{wanted.name} is ready")
    return wanted


def _make(wanted: Environment, on_progress: OnProgress) -> None:
    shutil.rmtree(wanted.folder, ignore_errors=True)  # what was left half-made
    parent = wanted.folder.parent
    needed_bytes = wanted.download_bytes + wanted.installed_bytes + SPARE_BYTES
    free_bytes = shutil.disk_usage(parent).free
    if free_bytes < needed_bytes:
        list_command = python("labs providers list")
        needed_gb, free_gb = f"{needed_bytes / 1e9:.1f} GB", f"{free_bytes / 1e9:.1f} GB"
        raise EnvironmentUnavailableError(
            f"{wanted.name} needs {needed_gb} and {parent} has "
            f"{free_gb} free: make room (`{list_command}` shows what "
            "is installed), or set SERVING_LABS_CACHE to a folder on a larger disk"
        )
    download_mb = f"{wanted.download_bytes / 1e6:,.0f} MB"
    on_progress(0.0, f"making an environment for {wanted.wheel}: {download_mb} to download")
    make = ["venv", "--quiet", "--no-project", "--python", sys.executable, str(wanted.folder)]
    _uv(wanted, make, on_progress)
    # Everything is pinned, so nothing needs resolving; TensorRT's package asks NVIDIA for its
    # libraries.
    fill = ["pip", "install", "--no-deps", "--python", str(wanted.python), *wanted.requirements]
    _uv(wanted, fill, on_progress)
    (wanted.folder / MARKER).touch()


def _uv(wanted: Environment, arguments: list[str], on_progress: OnProgress) -> None:
    """Run uv and report the share of the downloads that have arrived.

    Raises:
        EnvironmentUnavailableError: uv is missing or failed.
    """
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        command = python("pip install uv")
        raise EnvironmentUnavailableError(f"uv is missing. Run `{command}` to install it.")
    tail: deque[str] = deque(maxlen=40)
    sizes: dict[str, float] = {}
    arrived_bytes = 0.0
    output = _lines([uv, "--no-config", *arguments], env=_clean_variables())
    try:
        with contextlib.closing(output) as lines:
            for line in lines:
                tail.append(line)
                if begun := re.fullmatch(r"\s*Downloading (\S+) \(([\d.]+)(KiB|MiB|GiB)\)", line):
                    package, size, unit = begun.groups()
                    sizes[package] = float(size) * _UNIT_BYTES[unit]
                elif done := re.fullmatch(r"\s*Downloaded (\S+)", line):
                    arrived_bytes += sizes.pop(done[1], 0.0)
                share = arrived_bytes / max(wanted.download_bytes, 1)
                on_progress(min(0.95, share), line.strip())
    except subprocess.CalledProcessError:
        last_lines = "\n".join(tail)[-1500:]
        raise EnvironmentUnavailableError(
            f"uv could not install {wanted.name}. The first use needs the internet; later ones "
            f"do not. It said:\n{last_lines}"
        ) from None


def _lines(
    command: list[str], *, env: Mapping[str, str], cwd: Path | None = None
) -> Generator[str]:
    """Run a command, yield its output line by line, and end all of its processes.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    with subprocess.Popen(
        command,
        env=env,
        cwd=cwd,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        # It and its children are stopped together, also when the notebook is interrupted or
        # progress raises.
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
