"""Install the real ``tritonserver`` and ``perf_analyzer`` from NVIDIA's wheels.

They are not in the course's environment, since the server's Python stub is built for numpy below 2:
under numpy 2 it reads every array with a stride of 0, without an error. So the first use installs
the wheel into the course's cache, with a numpy 1.26. The other dependencies of its Python layer
(not used here) are left out. The models that the server runs get that numpy first, and Pillow,
torch and ONNX Runtime from the course's environment (``write_around``).
"""

import os
import platform
import shutil
import sys
import sysconfig
from pathlib import Path

from labs.runtimes.opening import RuntimeUnavailableError
from labs.runtimes.progress import OnProgress, silent
from labs.runtimes.providers import Environment, install
from labs.serve.triton.catalogue import CODE_DIR
from labs.shell import setup

#: Triton 2.51 is the server of NVIDIA's 24.10 container, the newest that supports the P100
#: throughout.
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


#: The newest Python that the server's wheel has a stub for, which embeds it. Source:
#: python_backend_stubs of 0.7.0.
NEWEST_PYTHON = (3, 13)


class TritonUnavailableError(RuntimeUnavailableError):
    """Triton's own programs cannot run on this machine; the message gives the reason and the
    fix.
    """


def tritonserver(on_progress: OnProgress = silent) -> Path:
    """Return the site-packages that the server is in, installing it on first use (74 MB).

    Raises:
        TritonUnavailableError: Not x86-64 Linux, or its C library is too old.
        EnvironmentUnavailableError: No network or no room; the message says which.
    """
    return _packages(SERVER, on_progress)


def perf_analyzer() -> Path:
    """Return the path of the ``perf_analyzer`` program, installing it on first use (7 MB).

    Raises:
        TritonUnavailableError: Not x86-64 Linux, or its C library is too old.
        EnvironmentUnavailableError: No network or no room; the message says which.
    """
    return _packages(PERF_ANALYZER, silent) / "perf_analyzer" / "bin" / "perf_analyzer"


def put_on_path() -> None:
    """Let ``perf_analyzer`` be typed as it is, by a link beside the running Python."""
    link = Path(sys.executable).parent / "perf_analyzer"
    program = perf_analyzer()
    if not link.exists() and os.access(link.parent, os.W_OK):
        link.unlink(missing_ok=True)
        link.symlink_to(program)
    folders = [str(link.parent), os.environ.get("PATH", "")]
    os.environ["PATH"] = os.pathsep.join(folders)


def require_platform(program: Environment) -> None:
    """Return quietly where a program of the wheels can run.

    Raises:
        TritonUnavailableError: It cannot; the message says what to do instead.
    """
    system, machine = platform.system(), platform.machine()
    if (system, machine) != ("Linux", "x86_64"):
        raise TritonUnavailableError(
            f"NVIDIA builds {program.name} for x86-64 Linux, and this is {system} on {machine}: "
            "take such a machine, or part 3's node, which runs it in NVIDIA's container "
            "(provisioning/node/p100/compose.yaml)"
        )
    python = sys.version_info[:2]
    if program is SERVER and python > NEWEST_PYTHON:
        newest = _dotted(NEWEST_PYTHON)
        command = setup(f"PYTHON=python{newest} clean setup")
        raise TritonUnavailableError(
            f"Triton's wheel runs Python models in Python {newest} or older, and this is Python "
            f"{_dotted(python)}: run `{command}`, or take part 3's node"
        )
    library, version = platform.libc_ver()
    oldest = OLDEST_GLIBC[program.name]
    glibc: tuple[int, ...] = (0, 0)
    if library == "glibc" and version:
        glibc = tuple(int(part) for part in version.split(".")[:2])
    if glibc < oldest:
        named = library or "another C library"
        raise TritonUnavailableError(
            f"{program.name} needs glibc {_dotted(oldest)} and this system has {named} {version}: "
            "take Ubuntu 24.04 or Debian 13 or newer, or NVIDIA's containers"
        )


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _packages(program: Environment, on_progress: OnProgress) -> Path:
    require_platform(program)
    return _site_packages(install(program, on_progress).folder)


def _site_packages(environment: Path) -> Path:
    return environment / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"


def python_library_folder() -> Path:
    """Return the folder of the running Python's shared library, which Triton's stub loads.

    Raises:
        TritonUnavailableError: This Python was built without one.
    """
    name = f"libpython{sysconfig.get_python_version()}.so.1.0"
    config = sysconfig.get_config_var
    debian = f"/usr/lib/{config('MULTIARCH')}"
    for folder in (config("LIBDIR"), f"{sys.base_prefix}/lib", debian, "/usr/lib64"):
        if folder and (Path(folder) / name).is_file():
            return Path(folder)
    package = name.partition(".so")[0]
    raise TritonUnavailableError(
        f"Triton's Python backend embeds Python and needs {name}, which this Python "
        f"({sys.base_prefix}) does not have. On Debian and Ubuntu: 'apt install "
        f"{package}'. With pyenv, build it with "
        "PYTHON_CONFIGURE_OPTS=--enable-shared; conda's and uv's own builds have it."
    )


def process_environment(packages: Path, folder: Path) -> dict[str, str]:
    """Return the environment variables under which the server and its Python models run."""
    misleading = {"PYTHONHOME", "PYTHONPATH", "LD_PRELOAD", "VIRTUAL_ENV"}
    variables = dict(os.environ)
    for name in misleading:
        variables.pop(name, None)
    libraries = [str(packages / "nvidia_pytriton.libs"), str(python_library_folder())]
    if inherited := variables.get("LD_LIBRARY_PATH"):
        libraries.append(inherited)
    variables["LD_LIBRARY_PATH"] = ":".join(libraries)
    # The stub embeds the Python whose python3 comes first on the PATH.
    interpreter = folder / "interpreter" / "bin"
    variables["PATH"] = f"{interpreter}:{variables.get('PATH', '')}"
    # A thread count of the notebook's must not reach the models: their configuration says how many.
    variables["OMP_NUM_THREADS"] = "1"
    return variables


def write_around(packages: Path, folder: Path) -> None:
    """Write ``backends/`` and ``interpreter/``, which a server needs for the running Python.

    The backends are the wheel's Python backend with the stub that fits, and ONNX Runtime in Python.
    They are copies, since Triton refuses links that lead out of the folder. The interpreter is the
    smallest virtual environment: the stub ignores PYTHONPATH, and does read a .pth file. numpy
    comes from beside the server, everything else from the course's environment.
    """
    _write_backends(packages / "pytriton" / "tritonserver", folder / "backends")
    _write_interpreter(packages, folder / "interpreter")


def _write_backends(wheel: Path, folder: Path) -> None:
    backend = wheel / "backends" / "python"
    stubs = wheel / "python_backend_stubs" / sysconfig.get_python_version()
    sources = [path for path in backend.iterdir() if path.is_file()]
    sources.append(stubs / "triton_python_backend_stub")
    files = {f"python/{source.name}": source for source in sources}
    files["onnxruntime/model.py"] = CODE_DIR / "onnxruntime_backend.py"
    for place, source in files.items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
        target.chmod(0o755)


def _write_interpreter(packages: Path, folder: Path) -> None:
    site = _site_packages(folder)
    site.mkdir(parents=True)
    # One folder only, where both names mean the same.
    course = dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    # To Triton, a file that is new makes the model new.
    lines = [str(packages), *course, "import sys; sys.dont_write_bytecode = True"]
    (site / "course.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
    base = Path(getattr(sys, "_base_executable", None) or sys.executable)
    (folder / "bin").mkdir()
    for name in ("python", "python3"):
        (folder / "bin" / name).symlink_to(base)
    (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\n", encoding="utf-8")
