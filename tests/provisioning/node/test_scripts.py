"""The scripts that run on a leased node, run here with programs in place of Docker, NVIDIA's tools, apt and uv.

What those programs are told is written down, and they answer as the real ones do as far as the scripts look. Docker
Compose and gpg are the real ones: neither needs a daemon or root for what is asked of it. Folders of the system are
replaced in a copy of the script, since nothing here may write to them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.provisioning.node.test_recipes import NODE, tool

#: Writes its own name and arguments down.
RECORD = '#!/bin/sh\nprintf "%s\\n" "$(basename "$0") $*" >> "$STUB_CALLS"\n'

STUBS = {
    "sudo": 'case "$1" in -*) exit 64;; esac\nexec "$@"\n',
    "nvidia-smi": 'case "$*" in *=driver_version*) echo 560.35.03 ;; *=compute_cap*) cat "$STUB/capability" ;; esac\n',
    "apt-get": 'case "$*" in *nvidia-container-toolkit*) cp "$STUB/later/nvidia-ctk" "$STUB/bin" ;; esac\n',
    "curl": 'while [ $# -gt 1 ]; do if [ "$1" = -o ]; then cp "$STUB/key" "$2"; fi; shift; done\n',
    "systemctl": "",
    "usermod": "",
    # The disk is one of the machine's parts too: a leased node's, not that of whoever runs the tests.
    "df": 'echo Filesystem; echo "/dev/sda1 0 0 $(($(cat "$STUB/free-gb") * 1048576)) 0% /"\n',
}

#: Docker, as far as the scripts ask it. Images are lines of a file; its cgroup driver is what daemon.json says.
DOCKER = """#!{python}
import os, pathlib, re, subprocess, sys
stub, words = pathlib.Path(os.environ["STUB"]), sys.argv[1:]
with open(os.environ["STUB_CALLS"], "a") as calls:
    print("docker", *words, file=calls)
images = stub / "images"
have = images.read_text().split() if images.exists() else []
def keep(name):
    images.write_text("\\n".join([*have, name]))
def compose(*more):
    return subprocess.run(["docker-compose", *more], capture_output=True, text=True, check=True).stdout
match words:
    case ["compose", "version"] | ["compose", "up", *_] | ["compose", "images", *_]:
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
    """A home and the programs in place of the system's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.calls_file = folder / "calls"
        for name in ("bin", "later", "etc/docker", "etc/apt/sources.list.d", "keyrings", "home", "tmp"):
            (folder / name).mkdir(parents=True)
        shutil.copytree(NODE, self.home / "serving-labs" / "provisioning" / "node")
        for name, body in STUBS.items():
            self.program(name, RECORD + body)
        self.program("docker", DOCKER.format(python=sys.executable))
        self.program("nvidia-ctk", NVIDIA_CTK.format(python=sys.executable), "later")
        self.write("capability", "6.0\n6.0\n")
        self.write("free-gb", "100")

    def program(self, name: str, text: str, where: str = "bin") -> None:
        path = self.folder / where / name
        path.write_text(text)
        path.chmod(0o755)

    def write(self, name: str, text: str) -> Path:
        (self.folder / name).write_text(text)
        return self.folder / name

    def run(self, script: str, *arguments: str, changes: dict[str, str] | None = None, **variables: str):
        """Run a script of the copied course with the system's folders replaced, and with some more variables."""
        text = (self.home / "serving-labs/provisioning/node/bin" / script).read_text()
        places = {"/etc/": f"{self.folder}/etc/", "/usr/share/keyrings": f"{self.folder}/keyrings"}
        for old, new in {**places, "/var/lib/docker": str(self.folder), **(changes or {})}.items():
            text = text.replace(old, new)
        copy = self.write("script.sh", text)
        environment = {
            "HOME": str(self.home),
            "PATH": f"{self.folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "TMPDIR": str(self.folder / "tmp"),
            "STUB": str(self.folder),
            "STUB_CALLS": str(self.calls_file),
            **variables,
        }
        command = ["bash", str(copy), *arguments]
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


@pytest.mark.parametrize(
    ("script", "free", "said"),
    [("environment.sh", "31", "the packages need 32 GB"), ("containers.sh", "29", "needs about 30 GB")],
)
def test_a_disk_too_small_is_told_before_anything_is_fetched(machine: Machine, script: str, free: str, said: str):
    """At once and in gigabytes, not by a download that dies half-way."""
    machine.write("free-gb", free)
    done = machine.run(script, "a100", "system")
    assert done.returncode == 28
    assert f"only {free} GB are free under" in done.stderr
    assert said in done.stderr
    assert all(call.startswith("df ") for call in machine.calls)


@pytest.fixture
def with_toolkit(machine: Machine) -> Machine:
    """A machine where NVIDIA's toolkit is installed already."""
    (machine.folder / "bin/nvidia-ctk").symlink_to(machine.folder / "later/nvidia-ctk")
    return machine


# Drivers


def test_containers_keep_their_gpus_when_systemd_reloads(with_toolkit: Machine):
    """Docker keeps its groups by cgroupfs; what NVIDIA's tool and others wrote stays; no second restart."""
    with_toolkit.daemon.write_text('{"log-driver": "local", "exec-opts": ["native.cgroupdriver=systemd", "x=y"]}')
    done = with_toolkit.run("drivers.sh", "p100", "system")
    assert done.returncode == 0, done.stderr
    settings = json.loads(with_toolkit.daemon.read_text())
    assert settings["exec-opts"] == ["x=y", "native.cgroupdriver=cgroupfs"]
    assert settings["log-driver"] == "local"
    assert settings["runtimes"]["nvidia"]["path"] == "nvidia-container-runtime"
    assert "report cgroups=cgroupfs" in done.stdout
    again = with_toolkit.run("drivers.sh", "p100", "system")
    assert again.returncode == 0, again.stderr
    assert json.loads(with_toolkit.daemon.read_text()) == settings
    assert [call for call in with_toolkit.calls if call.startswith("systemctl")] == ["systemctl restart docker"]


@pytest.mark.parametrize(
    ("settings", "cgroups", "code", "said"),
    [
        # Its unit's options win over the file: better known now than in mid-lease.
        ("{}", "systemd", 78, "keeps its groups with systemd"),
        # Somebody's file with a typing error is theirs to correct.
        ('{"runtimes": "nvidia-container-runtime",}', None, 1, "is not JSON"),
    ],
)
def test_a_docker_that_cannot_be_set_up_stops_the_step(with_toolkit: Machine, settings, cgroups, code, said):
    """And what was there is not overwritten."""
    with_toolkit.daemon.write_text(settings)
    if cgroups:
        with_toolkit.write("cgroups", cgroups)
    done = with_toolkit.run("drivers.sh", "p100", "system")
    assert done.returncode == code
    assert said in done.stderr
    assert cgroups or with_toolkit.daemon.read_text() == settings


@pytest.fixture(scope="module")
def keys():
    """Two keys made for this test: their armored text, and the first one's fingerprint."""
    gpg = tool("gpg")
    # A short path: the agent's socket lies in it.
    home = tempfile.mkdtemp(prefix="k")

    def call(*words: str) -> str:
        command = [gpg, "--homedir", home, "--batch", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    try:
        for name in ("one@example.org", "two@example.org"):
            call("--passphrase", "", "--quick-generate-key", name, "ed25519", "sign", "never")
        listed = call("--with-colons", "--list-keys", "one@example.org")
        fingerprint = re.search(r"^fpr:+([0-9A-F]{40}):", listed, re.MULTILINE)[1]
        yield call("--armor", "--export", "one@example.org"), call("--armor", "--export"), fingerprint
    finally:
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False, timeout=60)
        shutil.rmtree(home)


NVIDIA_KEY = "C95B321B61E88C1809C4F759DDCAE044F796ECB0"


def test_a_repository_key_is_trusted_by_its_fingerprint_only(machine: Machine, keys):
    """Another key, or a second one beside the right one, is refused before apt hears of the repository."""
    one, both, fingerprint = keys
    mine = {NVIDIA_KEY: fingerprint}
    refused = [(one, None), (both, mine), ("<html>a proxy's page</html>", mine)]
    for text, changes in refused:
        machine.write("key", text)
        done = machine.run("drivers.sh", "p100", "system", changes=changes)
        assert done.returncode == 77, done.stderr
        assert "not trusted" in done.stderr
        assert not list((machine.folder / "etc/apt/sources.list.d").iterdir())
        assert not list((machine.folder / "keyrings").iterdir())
    machine.write("key", one)
    done = machine.run("drivers.sh", "p100", "system", changes=mine)
    assert done.returncode == 0, done.stderr
    (listed,) = (machine.folder / "etc/apt/sources.list.d").iterdir()
    assert "signed-by=" in listed.read_text()
    assert (machine.folder / "keyrings/nvidia-container-toolkit.gpg").stat().st_size > 0


# Containers


@pytest.mark.parametrize(
    ("capabilities", "release", "digest"),
    [
        ("6.0 6.0", "24.10", ""),
        ("8.0", "25.07", ""),
        ("9.0", "25.07", ""),
        ("7.0", "24.10", ""),
        ("12.0 6.1", "24.10", f"sha256:{'cd' * 32}"),
    ],
)
def test_triton_is_the_newest_that_every_gpu_can_use(machine: Machine, capabilities: str, release: str, digest: str):
    """25.07 on A100 and H100, what a P100 still can on a P100; by its digest, since a tag can be moved."""
    tool("docker-compose")
    images = machine.home / "serving-labs/provisioning/node/p100/images.txt"
    images.write_text(images.read_text().replace(f"{release}-py3 -", f"{release}-py3 {digest or '-'}"))
    machine.write("capability", capabilities.replace(" ", "\n") + "\n")
    done = machine.run("containers.sh", "p100", "system")
    assert done.returncode == 0, done.stderr
    assert machine.settings["LABS_TRITON_RELEASE"] == release
    by_digest = f"@{digest}" if digest else ""
    assert f"docker pull --quiet nvcr.io/nvidia/tritonserver:{release}-py3{by_digest}" in machine.calls
    # What is built on is what was pulled: by digest, also where images.txt has none yet.
    pulled = digest or f"sha256:{'ab' * 32}"
    assert machine.settings["LABS_TRITON_BASE"].rpartition("@")[2] == pulled
    # Images are what the compose file names, held against what is there: `compose images` sees none of it yet.
    assert {"report images=1", "report containers=triton"} <= {line.strip() for line in done.stdout.splitlines()}
    assert not [call for call in machine.calls if "compose images" in call]


@pytest.mark.parametrize(
    ("file", "content", "code", "said"),
    [
        ("capability", "3.7\n", 69, "compute capability 3.7"),
        ("build-leaves-nothing", "", 70, "serving-labs/triton:24.10 is not there"),
    ],
    ids=["a GPU without any Triton", "a build that left no image"],
)
def test_containers_that_cannot_be_are_told_before_anything_is_started(machine: Machine, file, content, code, said):
    """A sentence, not an empty image name."""
    tool("docker-compose")
    machine.write(file, content)
    done = machine.run("containers.sh", "p100", "system")
    assert done.returncode == code
    assert said in done.stderr
    assert not [call for call in machine.calls if "compose up" in call]


def test_tritons_key_is_made_once_and_is_a_word_of_no_command(machine: Machine):
    """Lessons that hold it go on after a second run; only the owner can read it."""
    tool("docker-compose")
    machine.run("containers.sh", "p100", "system")
    key = machine.settings["LABS_TRITON_KEY"]
    assert re.fullmatch("[0-9a-f]{32}", key)
    assert machine.run("containers.sh", "p100", "system").returncode == 0
    assert machine.settings["LABS_TRITON_KEY"] == key
    assert (machine.home / "serving-labs/provisioning/node/p100/.env").stat().st_mode & 0o077 == 0
    assert key not in "\n".join(machine.calls)


# Packages

#: uv, as far as the script asks it: an environment is a folder with a python.
UV = RECORD + 'if [ "$1" = venv ]; then for last; do :; done; mkdir -p "$last/bin"; cp "$STUB/python" "$last/bin"; fi\n'


@pytest.fixture
def with_uv(machine: Machine) -> Machine:
    machine.program("uv", UV)
    machine.program("python", RECORD, ".")
    return machine


@pytest.mark.parametrize("name", ["a100", "p100", "edge"])
def test_packages_are_installed_by_their_hashes(with_uv: Machine, name: str):
    """All of PyPI's; not torch's own index, which the README names, nor the course itself."""
    done = with_uv.run("environment.sh", name, "any")
    assert done.returncode == 0, done.stderr
    installs = [call for call in with_uv.calls if call.startswith("uv pip install")]
    by_hash = [call for call in installs if f"/{name}/requirements.txt" in call]
    assert len(by_hash) == 1
    assert "--require-hashes" in by_hash[0]
    text = (NODE / "bin" / "environment.sh").read_text()  # uv itself is the first thing that is fetched
    assert re.search(r'uv/bin/pip" install .*--require-hashes -r "\$root/provisioning/node/uv/requirements.txt"', text)
    others = [call for call in installs if call not in by_hash]
    assert all("/p100/torch.txt" in call or "--no-deps --editable" in call for call in others), others


def test_providers_are_no_part_of_the_environment(with_uv: Machine):
    """Gigabytes that Jupyter does not wait for; a script of their own fetches them."""
    assert with_uv.run("environment.sh", "a100", "model").returncode == 0
    assert not [call for call in with_uv.calls if "labs providers" in call]
    done = with_uv.run("providers.sh", "a100", "model")
    assert done.returncode == 0, done.stderr
    assert with_uv.calls[-1] == "python -m labs providers install openvino tensorrt"
    assert with_uv.run("providers.sh", "mi100", "model").returncode == 0
    assert with_uv.calls[-1] == "python -m labs providers install openvino migraphx"
