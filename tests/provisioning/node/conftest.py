"""A leased node, played: the commands of its image and no others on PATH, and programs that stand in for some.

Programs stand in for Docker, NVIDIA's tools, apt and uv: what they are told is written down, and they answer as the
real ones do as far as the scripts look. Docker Compose and gpg are the real ones: neither needs a daemon or root for
what is asked of it. Folders of the system are replaced in a copy of the script, since nothing here may write to them.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from provisioning.rehearsal.machines.scratch import offer
from provisioning.sites.images import commands
from tests.provisioning.node.test_recipes import FETCH, NODE
from tests.tools import tool

#: Writes its own name and arguments down. The call of that number is the last one of the script that makes it.
RECORD = """#!/bin/sh
printf "%s\\n" "$(basename "$0") $*" >> "$STUB_CALLS"
[ "$(wc -l < "$STUB_CALLS")" != "${STUB_STOP:-}" ] || kill -9 $PPID
"""

#: What a stand-in does beside writing that down. It is there where the image has its package.
STUBS = {
    "sudo": 'case "$1" in -*) exit 64;; esac\nexec "$@"\n',
    "nvidia-smi": 'case "$*" in *=name*) cat "$STUB/gpus" ;; *) cat "$STUB/capability" ;; esac\n',
    "rocm-smi": 'cat "$STUB/amd"\n',
    "apt-get": """if [ -s "$STUB/locked" ]; then
  sed -i 1d "$STUB/locked"; echo "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 1" >&2; exit 100
fi
if [ -e "$STUB/interrupted" ] && [ "$8" != update ]; then
  echo "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem." >&2; exit 100
fi
for word; do if [ -d "$STUB/packages/$word" ]; then cp "$STUB/packages/$word"/* "$STUB/bin"; fi; done
""",
    # A word on its standard input is read, or whoever writes it may end with SIGPIPE.
    "curl": """case "$*" in *"--config -"*) cat > /dev/null ;; esac
while [ $# -gt 1 ]; do if [ "$1" = -o ]; then cp "$STUB/key" "$2"; fi; shift; done
""",
    "dpkg": 'case "$*" in *"--configure -a") rm -f "$STUB/interrupted" ;; esac\n',
    "systemctl": "",
    "udevadm": "",
    "usermod": "",
    "sleep": "",
    "dmesg": 'cat "$STUB/kernel"\n',
    # The disk is one of the machine's parts too: a leased node's, not that of whoever runs the tests.
    "df": 'echo Filesystem; echo "/dev/sda1 0 0 $(($(cat "$STUB/free-gb") * 1048576)) 0% /"\n',
    # An environment is a folder with a python; that of uv has uv.
    "python3": """if [ "$2" != venv ]; then exec {python} "$@"; fi
mkdir -p "$3/bin"; cp "$STUB/uv" "$STUB/pip" "$3/bin"
""",
}
UV = """if [ "$1" = venv ]; then
  for last; do :; done
  if [ -e "$last" ]; then echo "A directory already exists at: $last" >&2; exit 2; fi
  mkdir -p "$last/bin"; cp "$STUB/python" "$last/bin"
fi
"""

#: Docker, as far as the scripts ask it. Images are lines of a file; its cgroup driver is what daemon.json says.
DOCKER = """#!{python}
import os, pathlib, re, subprocess, sys
stub, words = pathlib.Path(os.environ["STUB"]), sys.argv[1:]
with open(os.environ["STUB_CALLS"], "a") as calls:
    print("docker", *words, file=calls)
with open(os.environ["STUB_CALLS"]) as calls:
    if len(calls.readlines()) == int(os.environ.get("STUB_STOP", 0)):
        os.kill(os.getppid(), 9)
images = stub / "images"
have = images.read_text().split() if images.exists() else []
def keep(name):
    images.write_text("\\n".join([*have, name]))
def compose(*more):
    return subprocess.run(["{compose}", *more], capture_output=True, text=True, check=True).stdout
match words:
    case ["compose", "version"] | ["compose", "up", *_]:
        pass
    case ["info", *_]:
        said = re.search(r"cgroupdriver=(\\w+)", (stub / "etc/docker/daemon.json").read_text())[1]
        print((stub / "cgroups").read_text() if (stub / "cgroups").exists() else said)
    case ["version", *_]:
        print("27.5.1")
    case ["pull", "--quiet", name]:
        keep(name)
    case ["image", "inspect", "--format", _, name]:
        digest = name.partition("@")[2] or "sha256:" + "ab" * 32
        print(name.partition("@")[0].rpartition(":")[0] + "@" + digest)
    case ["image", "inspect", name]:
        sys.exit(name not in have)
    case ["compose", "build", *_]:
        if not (stub / "build-leaves-nothing").exists():
            keep(compose("config", "--images").strip())
    case ["compose", "config", "--images"]:
        print(compose("config", "--images"), end="")
    case ["compose", "ps", *_]:
        print("triton")
    case _:
        sys.exit(f"the stand-in for Docker does not know {{words}}")
"""

#: NVIDIA's tool adds its runtime to Docker's settings and leaves the rest.
NVIDIA_CTK = """#!{python}
import json, os, pathlib
path = pathlib.Path(os.environ["STUB"]) / "etc/docker/daemon.json"
settings = json.loads(path.read_text()) if path.exists() else {{}}
settings["runtimes"] = {{"nvidia": {{"args": [], "path": "nvidia-container-runtime"}}}}
path.write_text(json.dumps(settings))
"""


class Machine:
    """A home, and on PATH the commands of an image, with programs in place of those that must not run here."""

    def __init__(self, folder: Path, image: str = "CC-Ubuntu24.04-CUDA") -> None:
        self.folder = folder
        self.image = image
        self.home = folder / "home"
        self.calls_file = folder / "calls"
        for name in ("etc/docker", "etc/apt/sources.list.d", "etc/apt/preferences.d", "keyrings", "home", "tmp"):
            (folder / name).mkdir(parents=True)
        shutil.copytree(NODE, self.home / "serving-labs" / "provisioning" / "node")
        there = commands(image)
        offer(folder / "bin", there)
        for name, body in STUBS.items():
            if name in there:
                self.program(name, RECORD + body.replace("{python}", sys.executable))
        compose = shutil.which("docker-compose") or ""
        self.program("docker", DOCKER.format(python=sys.executable, compose=compose), "packages/docker.io")
        self.program("nvidia-ctk", NVIDIA_CTK.format(python=sys.executable), "packages/nvidia-container-toolkit")
        self.program("uv", RECORD + UV, ".")
        self.program("pip", RECORD, ".")
        # `python -c` of services.sh asks whether a port is taken.
        self.program("python", RECORD + '[ "$1" != -c ]\n', ".")
        self.write("capability", "6.0\n6.0\n")
        self.write("gpus", "Tesla P100-PCIE-16GB, 6.0, 560.35.03, 16384 MiB\n")
        self.write("amd", "GPU[0]\t\t: Card Series: \t\tAMD Instinct MI100\n")
        self.write("free-gb", "100")
        self.write("kernel", "")

    def program(self, name: str, text: str, where: str = "bin") -> None:
        path = self.folder / where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # it may be a link to this computer's own
        path.write_text(text)
        path.chmod(0o755)

    def install(self, *packages: str) -> None:
        """Let packages be there already."""
        for package in packages:
            shutil.copytree(self.folder / "packages" / package, self.folder / "bin", dirs_exist_ok=True)

    def write(self, name: str, text: str) -> Path:
        (self.folder / name).write_text(text)
        return self.folder / name

    def run(self, script: str, *arguments: str, changes: dict[str, str] | None = None, **variables: str):
        """Run a script of the copied course with the system's folders replaced, and with some more variables."""
        if script == "containers.sh":
            tool("docker-compose")
        node = self.home / "serving-labs/provisioning/node"
        text = (node / "bin" / script).read_text().replace("/var/lib/docker", str(self.folder))
        (node / "bin/fetch.sh").write_text(FETCH.read_text().replace("/etc/", f"{self.folder}/etc/"))
        places = {"/etc/": f"{self.folder}/etc/", "/usr/share/keyrings": f"{self.folder}/keyrings"}
        for old, new in {**places, **(changes or {})}.items():
            text = text.replace(old, new)
        copy = self.write("script.sh", text)
        environment = {
            "HOME": str(self.home),
            "PATH": str(self.folder / "bin"),
            "LABS_IMAGE": self.image,
            "TMPDIR": str(self.folder / "tmp"),
            "STUB": str(self.folder),
            "STUB_CALLS": str(self.calls_file),
            **variables,
        }
        command = ["/bin/bash", str(copy), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    @property
    def calls(self) -> list[str]:
        """What the programs were told so far, a line each."""
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []

    @property
    def daemon(self) -> Path:
        return self.folder / "etc/docker/daemon.json"

    @property
    def settings(self) -> dict[str, str]:
        """What compose reads."""
        lines = (self.home / "serving-labs/provisioning/node/p100/.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def with_toolkit(machine: Machine) -> Machine:
    """A machine where Docker and NVIDIA's toolkit are installed already."""
    machine.install("docker.io", "nvidia-container-toolkit")
    return machine
