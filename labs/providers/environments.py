"""One virtual environment for each ONNX Runtime wheel, made on first use and kept in the course's cache.

An environment counts once its marker is written, which is the last thing that happens. A build that was cut short
leaves no marker and is started afresh; what pip had already downloaded comes from pip's own cache, so little is lost.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from labs.progress import OnProgress, silent
from labs.providers.install import EnvironmentBuildError, pip_install
from labs.providers.wheels import EnvironmentSpec, environment_specs, spec_for

#: Written last; an environment without it is half-made.
MARKER = "complete.json"

#: Room that has to stay free on the disk after an installation, in bytes.
SPARE_BYTES = 500_000_000


@dataclass(frozen=True)
class Environment:
    """An installed environment."""

    #: What was installed.
    spec: EnvironmentSpec
    #: Its folder.
    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def library_paths(self) -> tuple[Path, ...]:
        """Folders that the dynamic loader has to search."""
        version = sysconfig.get_python_version()
        site = self.folder / "lib" / f"python{version}" / "site-packages"
        return tuple(site / name for name in self.spec.library_folders)

    @property
    def build_report(self) -> dict:
        """What the marker says: requirements, seconds it took to install, bytes on disk."""
        return json.loads((self.folder / MARKER).read_text(encoding="utf-8"))


def environments_dir() -> Path:
    """Return the folder that holds all environments: ``environments/`` in the course's cache."""
    from labs.assets.places import cache_dir  # imported late: the workers' environments have no platformdirs

    return cache_dir() / "environments"


def folder_of(spec: EnvironmentSpec) -> Path:
    """Return where this environment is, or will be; its name changes with its requirements."""
    return environments_dir() / f"{spec.name}-{spec.key}"


def is_installed(spec: EnvironmentSpec) -> bool:
    """Return whether the environment is complete and its interpreter is still there."""
    environment = Environment(spec, folder_of(spec))
    # The interpreter is a link to the one that made it, which an upgrade of the system may have taken away.
    return (environment.folder / MARKER).is_file() and environment.python.exists()


def ensure(spec: EnvironmentSpec, on_progress: OnProgress = silent) -> Environment:
    """Return the environment, installing it first where that has not happened yet.

    Args:
        spec: What is wanted.
        on_progress: Told the fraction done and what is happening.

    Raises:
        EnvironmentBuildError: No room, no network, or pip failed; the message says which and what to do.
    """
    environment = Environment(spec, folder_of(spec))
    if is_installed(spec):
        return environment
    environments_dir().mkdir(parents=True, exist_ok=True)
    waiting = lambda: on_progress(0.0, f"another notebook is installing {spec.name}; waiting for it")  # noqa: E731
    with _locked(environment.folder.with_name(f".{environment.folder.name}.lock"), waiting):
        if not is_installed(spec):  # another kernel may have finished it while this one waited
            _build(environment, on_progress)
    on_progress(1.0, f"{spec.name} is ready")
    return environment


def ensure_provider(provider: str, on_progress: OnProgress = silent) -> Environment:
    """Return the environment that runs ``provider`` on this machine, installing it first if need be."""
    return ensure(spec_for(provider), on_progress)


def remove(name: str) -> int:
    """Delete all environments of this name, old pins included, and return how many bytes that freed.

    Raises:
        ValueError: Nothing of this name is installed or known.
    """
    # Ten hexadecimal digits and no more: 'onnxruntime-gpu' must not take 'onnxruntime-gpu-cuda' along.
    folders = list(environments_dir().glob(f"{name}-" + "[0-9a-f]" * 10))
    if not folders and name not in environment_specs():
        raise ValueError(f"no environment {name!r}; there are {', '.join(environment_specs())}")
    freed = 0
    for folder in folders:
        freed += _size_bytes(folder)
        shutil.rmtree(folder)
    return freed


def _build(environment: Environment, on_progress: OnProgress) -> None:
    spec, folder = environment.spec, environment.folder
    if folder.exists():
        on_progress(0.0, f"{spec.name} was left half-made; starting it afresh")
        shutil.rmtree(folder)
    _require_room(spec)
    begin_s = time.monotonic()
    on_progress(0.0, f"making an environment for {spec.name}")
    # Without its own pip: this interpreter's pip installs into it, which saves seconds and megabytes.
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(folder)], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        raise EnvironmentBuildError(
            f"cannot make a virtual environment at {folder}: {(made.stderr or made.stdout).strip()[-500:]}\n"
            "On Debian and Ubuntu, 'apt install python3-venv' brings the missing part."
        )
    listed = folder / "requirements.txt"
    listed.write_text("\n".join(spec.requirements) + "\n", encoding="utf-8")
    options = () if spec.with_dependencies else ("--no-deps",)
    pip_install(environment.python, listed, spec.download_bytes, on_progress, name=spec.name, options=options)
    report = {
        "name": spec.name,
        "requirements": list(spec.requirements),
        "install_s": round(time.monotonic() - begin_s, 1),
        "size_bytes": _size_bytes(folder),
    }
    partial = folder / (MARKER + ".partial")
    partial.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    partial.rename(folder / MARKER)


def _require_room(spec: EnvironmentSpec) -> None:
    """Raise when the disk cannot take the downloads, what is made of them, and a little more."""
    needed = spec.download_bytes + spec.installed_bytes + SPARE_BYTES
    free = shutil.disk_usage(environments_dir()).free
    if free < needed:
        raise EnvironmentBuildError(
            f"{spec.name} needs {needed / 1e9:.1f} GB and {environments_dir()} has {free / 1e9:.1f} GB free: make room "
            "('python -m labs providers list' shows what is installed), or set SERVING_LABS_CACHE to a folder on a "
            "larger disk"
        )


def _size_bytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


@contextlib.contextmanager
def _locked(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold a lock that dies with the process, so that two kernels never build the same environment at once."""
    import fcntl

    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)
