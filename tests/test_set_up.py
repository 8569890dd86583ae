"""Set-up: what stops it is said before anything is fetched, and the build of PyTorch that comes is known beforehand."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from provisioning import environment
from tests.test_environment import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder with a space and an accent in its name, and what set-up reads in it."""
    folder = tmp_path / "serving läbs"
    folder.mkdir()
    (folder / "provisioning").mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "provisioning/environment.py"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def setup(folder: Path, *settings: str, **environ: str) -> str:
    """Return what a set-up that fails says."""
    line = ["make", *settings, "setup"]
    done = subprocess.run(line, cwd=folder, env=os.environ | environ, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (("PYTHON=",), "sudo apt install python3 python3-venv"),
        ((f"PYTHON={sys.executable}", "SETUP_GB=999999999"), "make room"),
    ],
    ids=["no Python", "a full disk"],
)
def test_what_is_missing_is_said_before_anything_is_fetched(checkout: Path, settings: tuple[str, ...], says: str):
    """With where to get it."""
    assert says in setup(checkout, *settings)
    assert not (checkout / ".venv").exists()


def test_an_interrupted_set_up_goes_on_and_an_offline_one_says_so(checkout: Path):
    """An environment that was stopped before it had pip said 'No module named pip' until `make clean`."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", checkout / ".venv"], check=True)
    said = setup(checkout, f"PYTHON={sys.executable}", PIP_NO_INDEX="1", PIP_DISABLE_PIP_VERSION_CHECK="1")
    assert "Set-up stopped" in said
    assert "it goes on" in said
    pip = subprocess.run([checkout / ".venv" / "bin" / "python", "-m", "pip", "--version"], check=False)
    assert pip.returncode == 0


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
@pytest.mark.skipif(sys.platform != "linux", reason="PyPI has no build with CUDA for another system")
def test_out_of_reach_of_pytorchs_index_the_build_for_cpus_comes_if_pip_knows_one(
    tmp_path: Path, monkeypatch, empty: Path, offered: tuple[str, ...], gpu: bool, build: environment.Build
):
    """Of both packages, also an older one than CUDA's; it is told by pip's own list, before anything is downloaded."""
    lowest = {name: environment._minor(name) for name in ("torch", "torchvision")}
    for name, minor in lowest.items():
        for version in (f"{minor}.9", *([f"{minor}.8+cpu", f"{minor}.7+cpu", "99.0+cpu"] if name in offered else [])):
            (tmp_path / f"{name}-{version}-py3-none-any.whl").touch()
    for name, value in {"VENV": empty, "LOG": tmp_path / "log", "_PYTHON": empty / "bin" / "python"}.items():
        monkeypatch.setattr(environment, name, value)
    monkeypatch.setattr(environment, "has_nvidia_gpu", lambda: gpu)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    found, install = environment._by_pip()
    assert found is build
    pins = [word for word in map(str, install) if "==" in word]
    assert pins == ([f"{name}=={minor}.8+cpu" for name, minor in lowest.items()] if build is environment.CPU else [])


@pytest.mark.parametrize(
    ("coming", "build"),
    [
        ({}, None),
        ({"torch": "2.13.0+cpu", "numpy": "2.4.6"}, environment.CPU),
        ({"torch": "2.13.0", "nvidia-ml-py": "13.615.71"}, environment.CPU),
        ({"torch": "2.13.0", "cuda-toolkit": "13.0.3", "nvidia-cudnn-cu13": "9.20.0.48"}, environment.CUDA),
        ({"torch": "2.13.0+rocm7.2"}, environment.ROCM),
    ],
)
def test_a_build_is_known_by_what_comes_with_it(coming: dict[str, str], build: environment.Build | None):
    """macOS's build has no local version, and is none with CUDA."""
    assert environment.build_of(coming) is build


@pytest.mark.parametrize("build", [environment.CPU, environment.CUDA, environment.ROCM], ids=lambda one: one.name)
def test_set_up_asks_for_the_room_that_its_build_takes(monkeypatch, build: environment.Build):
    """No more, no less, and names it."""
    usage = shutil.disk_usage(ROOT)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=build.free_gb * 1e9))
    environment._require_room(build)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=build.installed_gb * 1e9))
    with pytest.raises(environment.SetupError, match=re.escape(build.name)):
        environment._require_room(build)
