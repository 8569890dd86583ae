"""Set-up names obstacles before it fetches anything, and knows the build of PyTorch beforehand."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from provisioning import computer, environment
from provisioning.computer import dotted
from tests.test_environment import PROJECT, ROOT, resolve

# Two minutes are spent in waiting for the package index.
pytestmark = pytest.mark.timeout(700)

#: The command that makes an environment.
SET_UP = (
    "labs/__init__.py",
    "labs/display/__init__.py",
    "labs/display/format.py",
    "provisioning/__init__.py",
    "provisioning/python.sh",
    "provisioning/computer.py",
    "provisioning/environment.py",
    "provisioning/heartbeat.py",
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder with a space and an accent in its name, and the files that set-up reads."""
    folder = tmp_path / "serving läbs"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt", *SET_UP):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


def setup(folder: Path, *settings: str, **environ: str) -> str:
    """Return what a set-up that fails says."""
    line = ["make", *settings, "setup"]
    done = subprocess.run(
        line, cwd=folder, env=os.environ | environ, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (("PYTHON=nothing",), "PYTHON=nothing does not start"),
        ((f"PYTHON={sys.executable}", "SETUP_GB=999999999"), "make room"),
    ],
    ids=["no Python", "a full disk"],
)
def test_what_is_missing_is_said_before_anything_is_fetched(
    checkout: Path, settings: tuple[str, ...], says: str
):
    """With where to get it."""
    assert says in setup(checkout, *settings)
    assert not (checkout / ".venv").exists()


def test_an_interrupted_set_up_goes_on_and_an_offline_one_says_so(checkout: Path):
    """An environment that was stopped before it had pip said 'No module named pip' until
    `make clean`.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", checkout / ".venv"], check=True)
    output = setup(
        checkout, f"PYTHON={sys.executable}", PIP_NO_INDEX="1", PIP_DISABLE_PIP_VERSION_CHECK="1"
    )
    assert "Set-up stopped" in output
    assert f"Then `make PYTHON={sys.executable} setup` goes on." in output
    pip = subprocess.run(
        [checkout / ".venv" / "bin" / "python", "-m", "pip", "--version"], check=False
    )
    assert pip.returncode == 0


# Which Python


def names(folder: Path, programs: dict[str, str]) -> str:
    """Return a PATH of the system's own programs but Python and uv, and of these scripts in shell,
    by their names.
    """
    bare, own = folder / "bare", folder / "own"
    bare.mkdir()
    own.mkdir()
    for name in (
        "basename",
        "cat",
        "chmod",
        "dirname",
        "env",
        "head",
        "make",
        "sh",
        "bash",
        "rm",
        "touch",
        "uname",
    ):
        (bare / name).symlink_to(shutil.which(name))
    for name, text in programs.items():
        (own / name).write_text(f"#!/bin/sh\n{text}\n")
        (own / name).chmod(0o755)
    return f"{own}{os.pathsep}{bare}"


#: pyenv's program on the PATH for an installed version that is not selected.
SHIM = "echo 'pyenv: python3.11: command not found' >&2; exit 127"
TOO_OLD = "exit 1  # its grammar does not know set-up's"
RUNS = f'exec {sys.executable} "$@"'
#: A Debian without the package python3-venv.
NO_VENV = f"""exec {sys.executable} -c '
import runpy, sys
sys.modules["ensurepip"] = None
runpy.run_module("provisioning.computer", run_name="__main__")'"""


@pytest.mark.parametrize(
    ("programs", "chosen"),
    [
        ({"python3.11": SHIM, "python3.12": SHIM, "python3": RUNS}, sys.executable),
        ({"python3.11": TOO_OLD, "python3.13": RUNS}, sys.executable),
        ({"python3.11": NO_VENV, "python3.14": RUNS}, sys.executable),
        ({"python3": NO_VENV}, sys.executable),
        (
            {"python3": SHIM, "uv": f'case "$2" in find) echo {sys.executable};; esac'},
            sys.executable,
        ),
    ],
    ids=["pyenv's shims", "one too old", "one without venv", "none with venv", "uv's own"],
)
def test_the_first_python_that_runs_and_fits_is_taken(
    checkout: Path, programs: dict[str, str], chosen: str
):
    """A name on the PATH is no Python yet; where none fits, uv installs one."""
    line = ["sh", checkout / "provisioning" / "python.sh", ""]
    path = names(checkout.parent, programs)
    done = subprocess.run(line, env={"PATH": path}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{chosen}\n"), done.stderr
    assert ("uv installs" in done.stderr) == ("uv" in programs)


@pytest.mark.parametrize(
    "uv", [{}, {"uv": "echo 'error: no network' >&2; exit 2"}], ids=["no uv", "uv is offline"]
)
def test_who_has_no_python_is_told_how_to_get_one(checkout: Path, uv: dict[str, str]):
    """By the package manager of each system, and by programs that may be there already."""
    output = setup(checkout, PATH=names(checkout.parent, {"python3": SHIM, **uv}))
    for way in (
        "sudo apt install python3 python3-venv",
        "brew install",
        "pyenv",
        "uv python install",
        "conda env",
    ):
        assert way in output
    assert ("uv could not install it" in output) == bool(uv)
    assert not (checkout / ".venv").exists()


def test_the_same_python_is_named_in_each_line_that_goes_on(checkout: Path, monkeypatch):
    """``make lab`` with a Python goes on with that one; a path with a space is quoted."""
    monkeypatch.delenv("GIVEN_PYTHON", raising=False)
    monkeypatch.delenv("GOALS", raising=False)
    assert environment._command_line() == "make setup"
    monkeypatch.setenv("GIVEN_PYTHON", "/my python")
    monkeypatch.setenv("GOALS", "lab")
    assert environment._command_line() == "make PYTHON='/my python' lab"
    assert environment._command_line("python3.12") == "make PYTHON=python3.12 lab"


# Which computer

#: The packages that `make setup` of a student installs.
STUDENTS = ["provisioning", "rehearsal", "labs", "serving", "grading"]


def machine(system: str, processor: str, version: str, python: str = "3.13.0") -> computer.Computer:
    """Return a machine, with versions as people write them."""
    numbers, of_python = (
        tuple(int(word) for word in text.split(".") if word) for text in (version, python)
    )
    return computer.Computer(system, processor, numbers, of_python)


#: What set-up says of a machine; None where the packages have wheels. The last column is uv's name
#: of it.
MACHINES = [
    (machine("Linux", "x86_64", "2.28"), None, "x86_64-manylinux_2_28"),
    (machine("Linux", "x86_64", "2.36", "3.11.2"), None, "x86_64-manylinux_2_36"),
    (
        machine("Linux", "x86_64", "2.17"),
        "glibc 2.17, and PyTorch needs 2.28",
        "x86_64-manylinux_2_17",
    ),
    (machine("Linux", "aarch64", "2.35"), None, "aarch64-manylinux_2_35"),
    (
        machine("Linux", "aarch64", "2.34"),
        "glibc 2.34, and OpenVINO needs 2.35",
        "aarch64-manylinux_2_34",
    ),
    (machine("Linux", "x86_64", ""), "another C library than glibc", "x86_64-unknown-linux-musl"),
    (machine("Linux", "armv7l", "2.36"), "install the 64-bit system", None),
    (
        machine("Linux", "riscv64", "2.39"),
        "wheels for x86_64 and aarch64 only",
        "riscv64-unknown-linux",
    ),
    (machine("Darwin", "arm64", "14.0"), None, "aarch64-apple-darwin"),
    (machine("Darwin", "arm64", "26.1", "3.14.0"), None, None),
    (
        machine("Darwin", "arm64", "13.6"),
        "macOS 13.6, and ONNX Runtime needs macOS 14",
        "aarch64-apple-darwin",
    ),
    (
        machine("Darwin", "x86_64", "14.0"),
        "Intel processor, and numba has no wheel",
        "x86_64-apple-darwin",
    ),
    (machine("Windows", "AMD64", ""), "run it in WSL", None),
]


@pytest.mark.parametrize(
    ("machine", "says", "platform"), MACHINES, ids=lambda value: str(value)[:60]
)
def test_a_computer_that_the_packages_do_not_support_is_told_what_they_need(
    machine: computer.Computer, says: str | None, platform: str | None
):
    """In a sentence with the fix; a supported computer gets no message."""
    reason = machine.unsupported()
    if says is None:
        assert reason == ""
    else:
        assert says in reason
        assert re.search("install|update|use|run|take", reason)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("machine", "says", "platform"),
    [row for row in MACHINES if row[2]],
    ids=lambda value: str(value)[:60],
)
def test_the_limits_are_those_of_the_pinned_packages_wheels(
    machine: computer.Computer, says: str | None, platform: str, tmp_path: Path
):
    """The resolver finds a wheel of every package exactly where set-up says nothing."""
    version = dotted(machine.python)
    macos = (
        {"MACOSX_DEPLOYMENT_TARGET": dotted(machine.version)} if machine.system == "Darwin" else {}
    )
    done = resolve(version, STUDENTS, tmp_path, "--python-platform", platform, **macos)
    assert (done.returncode == 0) == (says is None), done.stderr


@pytest.mark.parametrize(
    ("system", "python", "fits"),
    [
        ("Linux", (3, 11, 1), False),
        ("Linux", (3, 11, 2), True),
        ("Linux", (3, 14, 9), True),
        ("Linux", (3, 15, 0), False),
        ("Darwin", (3, 11, 9), False),
        ("Darwin", (3, 12, 0), True),
    ],
)
def test_a_python_outside_the_range_is_told_the_range(
    system: str, python: tuple[int, int, int], fits: bool
):
    """The range is pyproject.toml's; on macOS it begins one version later."""
    reason = computer.Computer(system, "arm64", (14,), python).wrong_python()
    assert (reason == "") == fits
    assert fits or re.search(
        r"is Python [\d.]+, and the pinned packages need 3\.1[12][.2]* to 3\.14$", reason
    )
    if system == "Linux":
        assert SpecifierSet(PROJECT["requires-python"]).contains(dotted(python)) == fits


@pytest.mark.slow
def test_on_macos_the_oldest_python_lacks_a_wheel(tmp_path: Path):
    """Which is why the range begins later there."""
    for version, resolves in (("3.11.9", False), ("3.12", True)):
        line = ("--python-platform", "aarch64-apple-darwin")
        done = resolve(version, STUDENTS, tmp_path, *line, MACOSX_DEPLOYMENT_TARGET="14.0")
        assert (done.returncode == 0) == resolves, done.stderr


# Which build of PyTorch comes


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an environment with pip and nothing else."""
    folder = tmp_path_factory.mktemp("empty") / ".venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder


@pytest.mark.parametrize(
    ("offered", "gpu", "build"),
    [
        (("torch", "torchvision"), False, environment.CPU),
        (("torch",), False, environment.CUDA),
        (("torch", "torchvision"), True, environment.CUDA),
    ],
)
@pytest.mark.skipif(
    sys.platform != "linux", reason="PyPI has no build with CUDA for another system"
)
def test_out_of_reach_of_pytorchs_index_the_build_for_cpus_comes_if_pip_knows_one(
    tmp_path: Path,
    monkeypatch,
    empty: Path,
    offered: tuple[str, ...],
    gpu: bool,
    build: environment.Build,
):
    """Of both packages, also one older than CUDA's; pip's own list gives it before any download."""
    lowest = {name: environment._minor(name) for name in ("torch", "torchvision")}
    for name, minor in lowest.items():
        for version in (
            f"{minor}.9",
            *([f"{minor}.8+cpu", f"{minor}.7+cpu", "99.0+cpu"] if name in offered else []),
        ):
            (tmp_path / f"{name}-{version}-py3-none-any.whl").touch()
    for name, value in {
        "VENV": empty,
        "LOG": tmp_path / "log",
        "_PYTHON": empty / "bin" / "python",
    }.items():
        monkeypatch.setattr(environment, name, value)
    monkeypatch.setattr(environment, "has_nvidia_gpu", lambda: gpu)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    builds, install = environment._by_pip()
    assert builds is build
    pins = [word for word in map(str, install) if "==" in word]
    assert pins == (
        [f"{name}=={minor}.8+cpu" for name, minor in lowest.items()]
        if build is environment.CPU
        else []
    )


@pytest.mark.parametrize(
    ("coming", "build"),
    [
        ({}, None),
        ({"torch": "2.13.0+cpu", "numpy": "2.4.6"}, environment.CPU),
        ({"torch": "2.13.0", "nvidia-ml-py": "13.615.71"}, environment.CPU),
        (
            {"torch": "2.13.0", "cuda-toolkit": "13.0.3", "nvidia-cudnn-cu13": "9.20.0.48"},
            environment.CUDA,
        ),
        ({"torch": "2.13.0+rocm7.2"}, environment.ROCM),
    ],
)
def test_a_build_is_known_by_what_comes_with_it(
    coming: dict[str, str], build: environment.Build | None
):
    """macOS's build has no local version, and is none with CUDA."""
    assert environment.build_of(coming) is build


@pytest.mark.parametrize(
    "build", [environment.CPU, environment.CUDA, environment.ROCM], ids=lambda build: build.name
)
def test_set_up_asks_for_the_room_that_its_build_takes(monkeypatch, build: environment.Build):
    """No more, no less, and names it."""
    usage = shutil.disk_usage(ROOT)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=build.free_gb * 1e9))
    environment._require_room(build)
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _: usage._replace(free=build.installed_gb * 1e9)
    )
    with pytest.raises(environment.SetupError, match=re.escape(build.name)):
        environment._require_room(build)
