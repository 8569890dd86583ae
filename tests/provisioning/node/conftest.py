"""A simulated leased node: PATH has only the commands of its image, some of them as stand-ins.

Stand-ins replace Docker, NVIDIA's tools, apt and uv. They record their calls, and answer like the
real ones as far as the scripts look. Docker Compose and gpg are real, because the scripts' calls
need no daemon and no root. A copy of the script has other system folders, since nothing here may
write to the real ones.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chameleon_rehearsal.testing import offer
from labs.sites.images import commands
from tests.provisioning.node.test_recipes import FETCH, NODE
from tests.tools import tool

#: Stand-ins written in shell; the last ones are programs of environments.
PROGRAMS = Path(__file__).with_name("programs")
HELD = ("uv", "pip", "python", "jupyter")

#: Packages of Docker's plugins, with the program that each brings.
PLUGINS = {"docker-compose-v2": "docker-compose", "docker-buildx": "docker-buildx"}


class Machine:
    """A home, and on PATH the commands of an image; stand-ins replace commands that must not run
    here.
    """

    def __init__(self, folder: Path, image: str = "CC-Ubuntu24.04-CUDA") -> None:
        self.folder = folder
        self.image = image
        self.home = folder / "home"
        #: A text in a script, and its replacement.
        self.changes = {"/etc/": f"{folder}/etc/", "/usr/share/keyrings": f"{folder}/keyrings"}
        etc = ("etc/docker", "etc/apt/sources.list.d", "etc/apt/preferences.d", "etc/udev/rules.d")
        for name in (*etc, "keyrings", "bin", "home", "tmp"):
            (folder / name).mkdir(parents=True)
        left_out = shutil.ignore_patterns("*.py", "__pycache__", "*.md")
        shutil.copytree(NODE, self.home / "serving-labs" / "provisioning" / "node", ignore=left_out)
        there = commands(image)
        # Links that nothing changes: one folder of them for all machines of an image.
        self.offered = (
            folder.parents[1] / f"commands of {image.rpartition('/')[2].partition(':')[0]}"
        )
        offer(self.offered, there)
        for path in PROGRAMS.iterdir():
            if path.name in there.difference(HELD):
                shutil.copy(path, folder / "bin")
            elif path.suffix or path.name in HELD:
                shutil.copy(path, folder)
        for name, package in (("docker", "docker.io"), ("nvidia-ctk", "nvidia-container-toolkit")):
            self.program(name, (PROGRAMS / name).read_text(), f"packages/{package}")
        self.program("dockerd", "", "packages/docker.io")
        for package, name in PLUGINS.items():
            self.program(name, "", f"packages/{package}")
        self.write("capability", "6.0\n6.0\n")
        self.write("driver", "560.35.03\n560.35.03\n")
        self.write("gpus", "Tesla P100-PCIE-16GB, 6.0, 560.35.03, 16384 MiB\n")
        self.write("amd", "GPU[0]\t\t: Card Series: \t\tAMD Instinct MI100\n")
        self.write("free-gb", "100")
        self.write("kernel", "")
        self.write("units", "apt-daily.timer\nunattended-upgrades.service\n")
        self.write(
            "dpkg-packages", "installed linux-image-6.8.0-60-generic\ninstalled nvidia-driver-560\n"
        )

    def program(self, name: str, text: str, where: str = "bin") -> None:
        self.write(f"{where}/{name}", text).chmod(0o755)

    def write(self, name: str, text: str) -> Path:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text)
        return self.folder / name

    def run(
        self, script: str, *arguments: str, changes: dict[str, str] | None = None, **variables: str
    ):
        """Run a script of the copied course with the system's folders replaced, and with some more
        variables.
        """
        if script == "containers.sh":
            tool("docker-compose")
        node = self.home / "serving-labs/provisioning/node"
        text = (node / "bin" / script).read_text().replace("/var/lib/docker", str(self.folder))
        (node / "bin/fetch.sh").write_text(
            FETCH.read_text().replace("/etc/", f"{self.folder}/etc/")
        )
        for old, new in {**self.changes, **(changes or {})}.items():
            text = text.replace(old, new)
        copy = self.write("script.sh", text)
        environment = {
            "HOME": str(self.home),
            "PATH": f"{self.folder / 'bin'}:{self.offered}",
            "LABS_IMAGE": self.image,
            "TMPDIR": str(self.folder / "tmp"),
            "BASH_ENV": str(self.folder / "stop.sh"),
        }
        stubs = {
            "STUB": str(self.folder),
            "STUB_PYTHON": sys.executable,
            "STUB_COMPOSE": shutil.which("docker-compose") or "",
            "STUB_STOP": "0",
        }
        environment |= stubs | variables
        command = ["/bin/bash", str(copy), *arguments]
        options = {"capture_output": True, "text": True, "timeout": 120, "start_new_session": True}
        return subprocess.run(command, env=environment, check=False, **options)

    @property
    def calls(self) -> list[str]:
        """The programs' calls so far, a line each."""
        return (
            (self.folder / "calls").read_text().splitlines()
            if (self.folder / "calls").exists()
            else []
        )

    @property
    def daemon(self) -> Path:
        return self.folder / "etc/docker/daemon.json"

    @property
    def settings(self) -> dict[str, str]:
        """What compose reads."""
        lines = (self.home / "serving-labs/provisioning/node/p100/.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)


#: What Chameleon's ROCm image tells apt.
ROCM_LIST = "deb [arch=amd64 signed-by=/k.gpg] https://amd.example/rocm/apt/6.3.3 noble main\n"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine")


@pytest.fixture
def with_toolkit(machine: Machine) -> Machine:
    """A machine where Docker and NVIDIA's toolkit are installed already."""
    for package in ("docker.io", *PLUGINS, "nvidia-container-toolkit"):
        programs = machine.folder / "packages" / package
        shutil.copytree(programs, machine.folder / "bin", dirs_exist_ok=True)
    return machine


@pytest.fixture
def prepared(tmp_path: Path):
    """Return a function of an image: a machine that has all that set-up copies, and takes any key
    for NVIDIA's.
    """
    folder = tmp_path / "machine"

    def machine_of(image: str) -> Machine:
        machine = Machine(folder, image)
        machine.write("home/.serving-labs/jupyter-token", "0123")
        machine.write("home/serving-labs/assets/manifest.json", "{}")
        machine.write("etc/apt/sources.list.d/rocm.list", ROCM_LIST)
        machine.write("etc/kfd", "")
        machine.write("free-gb", "40")
        machine.program("libmigraphx_c.so.3", "", "packages/migraphx")
        machine.changes |= {
            'fetch_nvidia_key "$list"': ': "$list"',
            "! -w /dev/kfd": f"! -e {folder}/etc/kfd-is-open",
            "/dev/kfd": f"{folder}/etc/kfd",
            "/opt/rocm-$rocm/lib": f"{folder}/bin",
        }
        return machine

    yield machine_of
    shutil.rmtree(folder)  # a Jupyter that still serves ends by it
