"""Where the real ``tritonserver`` and ``perf_analyzer`` come from: NVIDIA's wheels, each in a folder of its own.

They do not live in the course's environment, since the server's Python stub is built for numpy below 2: under numpy 2
it reads every array with a stride of 0, without an error. So the wheel is installed into the course's cache on first
use, with a numpy 1.26 beside it and without the rest of what its own Python layer (not used here) depends on. The
models that the server runs get that numpy first, and Pillow, torch and ONNX Runtime from the course's environment
(``prepared``).
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

from labs.runtimes.opening import RuntimeUnavailableError
from labs.runtimes.progress import OnProgress, silent
from labs.runtimes.providers import Environment, install
from labs.serve.triton.catalogue import CODE_DIR
from labs.workspace import cache_dir

#: Triton 2.51 is the server of NVIDIA's 24.10 container, the newest that supports the P100 throughout.
SERVER = Environment(
    "tritonserver",
    "nvidia-pytriton",
    providers=(),
    requirements=("nvidia-pytriton==0.7.0", "numpy==1.26.4"),
    download_bytes=73_700_000,
    installed_bytes=225_000_000,
)

PERF_ANALYZER = Environment(
    "perf-analyzer",
    "perf-analyzer",
    providers=(),
    requirements=("perf-analyzer==2.60.0",),
    download_bytes=7_200_000,
    installed_bytes=20_500_000,
)

#: Oldest C library that each program runs with. Source: the wheels' platform tags.
OLDEST_GLIBC = {SERVER.name: (2, 35), PERF_ANALYZER.name: (2, 38)}

#: Triton takes a folder that holds a model.py as a backend of the folder's name.
_ONNX_RUNTIME = CODE_DIR / "onnxruntime_backend.py"

#: The stub reads no environment variable of Python's, and would write bytecode beside each model.py, in anybody's
#: repository. A line of a .pth file is run when Python starts: packages alone keep their bytecode.
_NO_BYTECODE_IN_MODELS = (
    "import importlib.machinery as m; m.SourceFileLoader.set_data = lambda self, path, data, "
    "write=m.SourceFileLoader.set_data, **how: write(self, path, data, **how) if 'site-packages' in path else None\n"
)


class TritonUnavailableError(RuntimeUnavailableError):
    """Triton's own programs cannot run on this machine; the message says why and what to do."""


@dataclass(frozen=True)
class Installation:
    """The server's files, installed."""

    #: The ``pytriton/tritonserver`` folder of the wheel.
    folder: Path
    #: Folder of the shared libraries that came with it.
    libraries: Path

    @property
    def packages(self) -> Path:
        """The site-packages that it was installed into: the wheel, and the numpy that its stub is built for."""
        return self.libraries.parent

    @property
    def server(self) -> Path:
        """The server's program."""
        return self.folder / "bin" / "tritonserver"

    @property
    def python_backend(self) -> tuple[Path, ...]:
        """Files of the Python backend, with the stub that fits the running Python."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        stub = self.folder / "python_backend_stubs" / version / "triton_python_backend_stub"
        own = (path for path in (self.folder / "backends" / "python").iterdir() if path.is_file())
        return (*sorted(own), stub)


def tritonserver(on_progress: OnProgress = silent) -> Installation:
    """Return the installed server, installing it on first use (74 MB).

    Args:
        on_progress: Told the fraction done and what is happening.

    Raises:
        TritonUnavailableError: Not x86-64 Linux, or its C library is too old.
        EnvironmentUnavailableError: No network or no room; the message says which.
    """
    require_platform(SERVER)
    packages = _packages(install(SERVER, on_progress))
    return Installation(packages / "pytriton" / "tritonserver", packages / "nvidia_pytriton.libs")


def perf_analyzer(on_progress: OnProgress = silent) -> Path:
    """Return the path of the ``perf_analyzer`` program, installing it on first use (7 MB).

    Args:
        on_progress: Told the fraction done and what is happening.

    Raises:
        TritonUnavailableError: Not x86-64 Linux, or its C library is too old.
        EnvironmentUnavailableError: No network or no room; the message says which.
    """
    require_platform(PERF_ANALYZER)
    return _packages(install(PERF_ANALYZER, on_progress)) / "perf_analyzer" / "bin" / "perf_analyzer"


def put_on_path() -> Path:
    """Let ``perf_analyzer`` be typed as it is, in this notebook's ``!`` lines and in a terminal; return the program.

    A link goes beside the running Python, where a terminal of the course's environment looks.
    """
    program = perf_analyzer()
    link = Path(sys.executable).parent / "perf_analyzer"
    if not link.exists() and os.access(link.parent, os.W_OK):
        link.unlink(missing_ok=True)
        link.symlink_to(program)
    if str(link.parent) not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = f"{link.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return program


def require_platform(
    spec: Environment,
    *,
    system: str = platform.system(),
    machine: str = platform.machine(),
    libc: tuple[str, str] | None = None,
) -> None:
    """Return quietly where a program of the wheels can run.

    Raises:
        TritonUnavailableError: It cannot; the message says what to do instead.
    """
    if (system, machine) != ("Linux", "x86_64"):
        raise TritonUnavailableError(
            f"NVIDIA builds {spec.name} for x86-64 Linux, and this is {system} on {machine}: take such a "
            "machine, or part 3's node, which runs it in NVIDIA's container (provisioning/node/p100/compose.yaml)"
        )
    name, version = libc or platform.libc_ver()
    oldest = OLDEST_GLIBC[spec.name]
    found = tuple(int(part) for part in version.split(".")[:2]) if name == "glibc" and version else (0, 0)
    if found < oldest:
        raise TritonUnavailableError(
            f"{spec.name} needs glibc {'.'.join(map(str, oldest))} and this system has {name or 'another C library'} "
            f"{version}: take Ubuntu 24.04 or Debian 13 or newer, or NVIDIA's containers"
        )


def python_library_folder() -> Path:
    """Return the folder that holds the running Python as a shared library, which Triton's stub loads.

    Raises:
        TritonUnavailableError: This Python was built without one.
    """
    name = f"libpython{sys.version_info.major}.{sys.version_info.minor}.so.1.0"
    config = sysconfig.get_config_var
    candidates = [config("LIBDIR"), f"{sys.base_prefix}/lib", f"/usr/lib/{config('MULTIARCH')}", "/usr/lib64"]
    for folder in candidates:
        if folder and (Path(folder) / name).is_file():
            return Path(folder)
    raise TritonUnavailableError(
        f"Triton's Python backend embeds Python and needs {name}, which this Python ({sys.base_prefix}) does not have. "
        f"On Debian and Ubuntu: 'apt install {name.partition('.so')[0]}'. With pyenv, build it with "
        "PYTHON_CONFIGURE_OPTS=--enable-shared; conda's and uv's own builds have it."
    )


def _packages(environment: Environment) -> Path:
    return environment.folder / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"


def prepared(installation: Installation) -> Path:
    """Return a folder with ``backends/`` and ``interpreter/`` for this installation and the running Python."""
    named = f"{installation.folder} {sys.prefix} {sys.version} {_NO_BYTECODE_IN_MODELS}"
    what = named.encode() + _ONNX_RUNTIME.read_bytes()
    folder = cache_dir() / "triton" / hashlib.sha256(what).hexdigest()[:12]
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".", dir=folder.parent))
    _write_backends(partial / "backends", installation)
    _write_interpreter(partial / "interpreter", installation)
    try:
        partial.rename(folder)
    except OSError:  # another notebook was faster
        shutil.rmtree(partial)
    return folder


def process_environment(installation: Installation) -> dict[str, str]:
    """Return the environment variables under which the server and its Python models run."""
    misleading = {"PYTHONHOME", "PYTHONPATH", "LD_PRELOAD", "VIRTUAL_ENV"}
    kept = {name: value for name, value in os.environ.items() if name not in misleading}
    libraries = [str(installation.libraries), str(python_library_folder()), kept.get("LD_LIBRARY_PATH", "")]
    return kept | {
        "LD_LIBRARY_PATH": ":".join(filter(None, libraries)),
        # The stub embeds the Python whose python3 comes first on the PATH.
        "PATH": f"{prepared(installation) / 'interpreter' / 'bin'}:{kept.get('PATH', '')}",
        # A thread count of the notebook's must not reach the models: their configuration says how many.
        "OMP_NUM_THREADS": "1",
    }


def _write_backends(folder: Path, installation: Installation) -> None:
    """Write the wheel's Python backend with our Python's stub, and ONNX Runtime in Python.

    Copies, since Triton refuses links that lead out of the folder.
    """
    files = {f"python/{source.name}": source for source in installation.python_backend}
    files["onnxruntime/model.py"] = _ONNX_RUNTIME
    for place, source in files.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, folder / place)
        (folder / place).chmod(0o755)


def _write_interpreter(folder: Path, installation: Installation) -> None:
    """Write the smallest virtual environment: the running Python, with two folders of packages in this order.

    The stub ignores PYTHONPATH; a virtual environment's .pth file is what it does read. numpy comes from beside the
    server, everything else from the course's environment.
    """
    site = folder / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    site.mkdir(parents=True)
    places = [installation.packages, *dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))]
    lines = _NO_BYTECODE_IN_MODELS + "".join(f"{place}\n" for place in places)
    (site / "course.pth").write_text(lines, encoding="utf-8")
    base = Path(getattr(sys, "_base_executable", None) or sys.executable)
    (folder / "bin").mkdir()
    for name in ("python", "python3"):
        (folder / "bin" / name).symlink_to(base)
    (folder / "pyvenv.cfg").write_text(
        f"home = {base.parent}\ninclude-system-site-packages = false\n", encoding="utf-8"
    )
