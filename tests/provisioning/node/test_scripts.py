"""The scripts that run on a leased node: each reaches its end with the image's commands, or gives a
reason.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import tomllib

import pytest

from labs.sites import images
from labs.sites.spec import PARTS, load_spec
from labs.workspace import PROJECT_DIR
from provisioning.setup.steps import steps_for
from tests.provisioning.node.conftest import ROCM_LIST, Machine
from tests.provisioning.node.test_recipes import NODE, SCRIPTS
from tests.tools import tool

#: Each kind of machine that the course boots, with its image.
MACHINES = {
    (option.image, option.machine, part): option
    for part in PARTS
    for option in load_spec(part).options
}


@pytest.mark.parametrize(
    ("image", "name", "part", "option"),
    [pytest.param(*key, MACHINES[key], id="-".join(key)) for key in MACHINES],
)
def test_every_command_is_in_the_image_or_installed_before_it_is_used(
    prepared, image, name, part, option
):
    """All scripts in the order of the steps; PATH has the image's commands, and those that apt has
    installed since.
    """
    machine = prepared(image)
    scripts = [f"{step.name}.sh" for step in steps_for(load_spec(part), option)]
    scripts = [script for script in scripts if NODE / "bin" / script in SCRIPTS]
    assert "environment.sh" in scripts
    for script in scripts:
        done = machine.run(script, name, part, "127.0.0.1", "1")
        assert done.returncode == 0, f"{script}: {done.stderr}"
        assert "not found" not in done.stderr, f"{script}: {done.stderr}"
    # Whatever the machine is: what the table names and what is there, and its GPU by the command of
    # its kind.
    done = machine.run("proof.sh", name, part, "python3", "--", "ls", "nothing")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("proof lacks")] == ["proof lacks nothing"]
    gpu = (
        "AMD Instinct MI100"
        if name == "mi100"
        else "Tesla P100-PCIE-16GB, compute capability 6.0, 16384 MiB"
    )
    assert [line for line in lines if line.startswith("proof gpu")] == [f"proof gpu {gpu}"] * (
        name != "edge"
    )
    assert "unset LD_LIBRARY_PATH" in (machine.home / ".profile").read_text()
    if part == "model":
        asked = [
            call.removeprefix("python -m labs providers install ")
            for call in machine.calls
            if "providers" in call
        ]
        assert asked == ["openvino", "migraphx" if name == "mi100" else "tensorrt"]
    # The host of an MI100 has no ROCm to speak of: it comes at the release that the provider's
    # wheel was built with.
    if name == "mi100":
        apt = machine.folder / "etc/apt"
        assert (apt / "sources.list.d/serving-labs-rocm.list").read_text() == ROCM_LIST.replace(
            "6.3.3", "7.2.4"
        )
        assert 'origin "amd.example"' in (apt / "preferences.d/serving-labs-rocm").read_text()
        assert any(call.endswith("install migraphx") for call in machine.calls)


def test_the_table_knows_every_image_and_where_it_was_read():
    """Unknown facts are marked; an image without a source would be a guess."""
    table = tomllib.loads((PROJECT_DIR / "labs/sites/images.toml").read_text())
    images = {image["name"]: image for image in table["image"]}
    for name, image in images.items():
        whole = (
            images["ubuntu"]
            | images["CC-Ubuntu24.04" if name.startswith("CC-") else "ubuntu"]
            | image
        )
        assert {"system", "user", "driver", "toolkit", "disk", "firewall", "profile"} <= set(
            whole
        ), name
        assert all(image["source"]), name
        assert image.get("extends", "ubuntu") in images
    assert {image.rpartition("/")[2].partition(":")[0] for image, _, _ in MACHINES} <= set(images)


@pytest.mark.parametrize(
    ("script", "name", "free", "message"),
    [
        ("environment.sh", "a100", "17", "the packages need 18 GB"),
        ("containers.sh", "p100", "29", "needs about 30 GB"),
    ],
)
def test_a_disk_too_small_is_told_before_anything_is_fetched(
    machine: Machine, script, name, free: str, message: str
):
    """At once and in gigabytes, not by a download that dies half-way."""
    machine.write("free-gb", free)
    done = machine.run(script, name, "system")
    assert done.returncode == 28
    assert f"only {free} GB are free under" in done.stderr
    assert message in done.stderr
    assert not [call for call in machine.calls if re.search("install|pull|build|venv", call)]


# Packages

NO_KEY = {'fetch_nvidia_key "$list"': ': "$list"'}


@pytest.mark.parametrize(("tries", "code"), [(2, 0), (99, 100)])
def test_apt_is_asked_again_while_another_holds_its_lock(machine: Machine, tries: int, code: int):
    """`update` does not wait for locks by itself; after ten minutes a message appears, and other
    failures are not tried again.
    """
    machine.write("locked", "x\n" * tries)
    done = machine.run("docker.sh", "p100", "system", changes=NO_KEY)
    assert done.returncode == code
    calls = [call for call in machine.calls if call.startswith("apt-get")]
    assert all("DPkg::Lock::Timeout=600" in call for call in calls)
    assert sum(call.endswith("update") for call in calls) == (2 + tries if code == 0 else 61)
    assert ("Could not get lock" in done.stderr) == bool(code)
    text = "".join(script.read_text() for script in SCRIPTS)
    assert not re.findall(r"^ *(?:sudo )?apt(?:-get)? ", text, re.MULTILINE)


def test_every_download_can_come_from_a_mirror(machine: Machine, monkeypatch):
    """What `mirrors.toml` names reaches installers by their own variables, and files by the
    scripts.
    """
    names = tomllib.loads((PROJECT_DIR / "labs/sites/mirrors.toml").read_text())
    monkeypatch.setattr(
        images, "_table", lambda _name: {name: f"https://{name}.example" for name in names}
    )
    mirrors = dict(line.split("=", 1) for line in images.mirrored())
    assert mirrors["PIP_INDEX_URL"] == mirrors["UV_DEFAULT_INDEX"] == "https://packages.example"
    sources = machine.folder / "etc/apt/sources.list.d"
    (sources / "ubuntu.sources").write_text("Types: deb\nURIs: http://old/ubuntu/\n")
    for script in ("docker.sh", "environment.sh", "containers.sh"):
        done = machine.run(script, "p100", "system", changes=NO_KEY, **mirrors)
        assert done.returncode == 0, done.stderr
    assert "URIs: https://ubuntu.example\n" in (sources / "ubuntu.sources").read_text()
    assert (
        "https://nvidia_toolkit.example/stable"
        in (sources / "nvidia-container-toolkit.list").read_text()
    )
    assert json.loads(machine.daemon.read_text())["registry-mirrors"] == [
        "https://docker_hub.example"
    ]
    assert machine.settings["PIP_INDEX_URL"] == mirrors["PIP_INDEX_URL"]
    lists = machine.home / "serving-labs/provisioning/node"
    assert "--index-url https://torch.example/cu126" in (lists / "p100/torch.txt").read_text()
    assert "docker pull nvidia_images.example/nvidia/tritonserver:24.10-py3" in machine.calls
    # A script reads every name.
    text = "".join(path.read_text() for path in NODE.rglob("*.sh"))
    assert [name for name in mirrors if name.startswith("MIRROR_") and name not in text] == []


def test_containers_keep_their_gpus_when_systemd_reloads(with_toolkit: Machine):
    """Docker keeps its groups by cgroupfs; what NVIDIA's tool and others wrote stays; no second
    restart.
    """
    with_toolkit.daemon.write_text(
        '{"log-driver": "local", "exec-opts": ["native.cgroupdriver=systemd", "x=y"]}'
    )
    done = with_toolkit.run("docker.sh", "p100", "system")
    assert done.returncode == 0, done.stderr
    settings = json.loads(with_toolkit.daemon.read_text())
    assert settings["exec-opts"] == ["x=y", "native.cgroupdriver=cgroupfs"]
    assert settings["log-driver"] == "local"
    assert settings["runtimes"]["nvidia"]["path"] == "nvidia-container-runtime"
    assert "report cgroups=cgroupfs" in done.stdout
    second = with_toolkit.run("docker.sh", "p100", "system")
    assert second.returncode == 0, second.stderr
    assert json.loads(with_toolkit.daemon.read_text()) == settings
    assert [call for call in with_toolkit.calls if call.startswith("systemctl")] == [
        "systemctl restart docker"
    ]


@pytest.mark.parametrize(
    ("settings", "cgroups", "code", "message"),
    [
        # Its unit's options win over the file: better known now than in mid-lease.
        ("{}", "systemd", 78, "keeps its groups with systemd"),
        # Somebody's file with a typing error is theirs to correct.
        ('{"runtimes": "nvidia-container-runtime",}', None, 1, "is not JSON"),
    ],
)
def test_a_docker_that_cannot_be_set_up_stops_the_step(
    with_toolkit: Machine, settings, cgroups, code, message
):
    """Existing files are not overwritten."""
    with_toolkit.daemon.write_text(settings)
    if cgroups:
        with_toolkit.write("cgroups", cgroups)
    done = with_toolkit.run("docker.sh", "p100", "system")
    assert done.returncode == code
    assert message in done.stderr
    assert cgroups or with_toolkit.daemon.read_text() == settings


@pytest.fixture(scope="module")
def keys():
    """Two keys made for this test: their armored text, and the first one's fingerprint."""
    gpg = tool("gpg")
    # A short path, because the agent's socket is in it.
    home = tempfile.mkdtemp(prefix="k")

    def call(*words: str) -> str:
        command = [gpg, "--homedir", home, "--batch", *words]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=60
        ).stdout

    try:
        for name in ("one@example.org", "two@example.org"):
            call("--passphrase", "", "--quick-generate-key", name, "ed25519", "sign", "never")
        listed = call("--with-colons", "--list-keys", "one@example.org")
        fingerprint = re.search(r"^fpr:+([0-9A-F]{40}):", listed, re.MULTILINE)[1]
        yield (
            call("--armor", "--export", "one@example.org"),
            call("--armor", "--export"),
            fingerprint,
        )
    finally:
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False, timeout=60)
        shutil.rmtree(home)


NVIDIA_KEY = "C95B321B61E88C1809C4F759DDCAE044F796ECB0"


def test_a_repository_key_is_trusted_by_its_fingerprint_only(machine: Machine, keys):
    """Another key, or a second one beside the right one, is refused before apt hears of the
    repository.
    """
    key, both, fingerprint = keys
    mine = {NVIDIA_KEY: fingerprint}
    refused = [(key, None), (both, mine), ("<html>a proxy's page</html>", mine)]
    for text, changes in refused:
        machine.write("key", text)
        done = machine.run("docker.sh", "p100", "system", changes=changes)
        assert done.returncode == 77, done.stderr
        assert "not trusted" in done.stderr
        assert not list((machine.folder / "etc/apt/sources.list.d").iterdir())
        assert not list((machine.folder / "keyrings").iterdir())
    machine.write("key", key)
    done = machine.run("docker.sh", "p100", "system", changes=mine)
    assert done.returncode == 0, done.stderr
    (listed,) = (machine.folder / "etc/apt/sources.list.d").iterdir()
    assert "signed-by=" in listed.read_text()
    assert (machine.folder / "keyrings/nvidia-container-toolkit.gpg").stat().st_size > 0


# Containers


@pytest.mark.parametrize(
    ("capabilities", "driver", "release", "digest"),
    [
        ("6.0 6.0", "560.35.03", "24.10", ""),
        ("6.0 6.0", "580.126.09", "24.10", ""),
        ("8.0", "575.57.08", "25.07", ""),
        # The driver of Chameleon's image is too old for it, and in none of the older branches.
        ("8.0", "560.35.03", "24.10", ""),
        ("8.0", "535.230.02", "25.07", ""),
        ("9.0", "590.44.01", "25.07", ""),
        ("7.0", "580.126.09", "24.10", ""),
        ("12.0 6.1", "580.126.09", "24.10", f"sha256:{'cd' * 32}"),
    ],
)
def test_triton_is_the_newest_that_every_gpu_and_the_driver_can_use(
    with_toolkit: Machine, capabilities: str, driver: str, release: str, digest: str
):
    """25.07 on A100 and H100 with a driver for it, the last version that a P100 supports on a P100;
    by its digest, since a tag can be moved. Its known flaws are shown.
    """
    images = with_toolkit.home / "serving-labs/provisioning/node/p100/images.txt"
    images.write_text(
        images.read_text().replace(f"{release}-py3 -", f"{release}-py3 {digest or '-'}")
    )
    with_toolkit.write("driver", f"{driver}\n")
    with_toolkit.write("capability", capabilities.replace(" ", "\n") + "\n")
    done = with_toolkit.run("containers.sh", "p100", "system")
    assert done.returncode == 0, done.stderr
    assert f"Triton {release}-py3 has known flaws: CVE-" in done.stdout
    assert with_toolkit.settings["LABS_TRITON_RELEASE"] == release
    by_digest = f"@{digest}" if digest else ""
    assert f"docker pull nvcr.io/nvidia/tritonserver:{release}-py3{by_digest}" in with_toolkit.calls
    # The build uses the pulled image: by digest, also if images.txt has none yet.
    pulled = digest or f"sha256:{'ab' * 32}"
    assert with_toolkit.settings["LABS_TRITON_BASE"].rpartition("@")[2] == pulled
    # Images are what the compose file names, held against what is there: `compose images` sees none
    # of it yet.
    assert {"report images=1", "report containers=triton"} <= {
        line.strip() for line in done.stdout.splitlines()
    }


@pytest.mark.parametrize(
    ("file", "content", "code", "message"),
    [
        ("capability", "3.7\n", 69, "compute capability 3.7"),
        ("driver", "450.80.02\n", 69, "driver 450.80.02"),
        ("build-leaves-nothing", "", 70, "serving-labs/triton:24.10 is not there"),
    ],
    ids=["a GPU without any Triton", "a driver without any Triton", "a build that left no image"],
)
def test_containers_that_cannot_be_are_told_before_anything_is_started(
    with_toolkit: Machine, file, content, code, message
):
    """A sentence, not an empty image name."""
    with_toolkit.write(file, content)
    done = with_toolkit.run("containers.sh", "p100", "system")
    assert done.returncode == code
    assert message in done.stderr
    assert not [call for call in with_toolkit.calls if "compose up" in call]


def test_tritons_key_is_made_once_and_is_a_word_of_no_command(with_toolkit: Machine):
    """Lessons that hold it go on after a second run; only the owner can read it."""
    with_toolkit.run("containers.sh", "p100", "system")
    key = with_toolkit.settings["LABS_TRITON_KEY"]
    assert re.fullmatch("[0-9a-f]{32}", key)
    assert with_toolkit.run("containers.sh", "p100", "system").returncode == 0
    assert with_toolkit.settings["LABS_TRITON_KEY"] == key
    assert (
        with_toolkit.home / "serving-labs/provisioning/node/p100/.env"
    ).stat().st_mode & 0o077 == 0
    assert key not in "\n".join(with_toolkit.calls)


# Packages


@pytest.mark.parametrize("name", ["a100", "p100", "edge"])
def test_packages_are_installed_by_their_hashes(machine: Machine, name: str):
    """All of PyPI's; not torch's own index, which the README names, nor the course itself."""
    done = machine.run("environment.sh", name, "any")
    assert done.returncode == 0, done.stderr
    installs = [call for call in machine.calls if call.startswith("uv pip install")]
    by_hash = [call for call in installs if f"/{name}/requirements.txt" in call]
    assert len(by_hash) == 1
    assert "--require-hashes" in by_hash[0]
    (first,) = [call for call in machine.calls if call.startswith("pip install")]  # uv itself
    assert "--require-hashes" in first
    assert first.endswith("/provisioning/node/uv/requirements.txt")
    assert not [
        call for call in machine.calls if "labs providers" in call
    ]  # gigabytes that Jupyter does not wait for
    others = [call for call in installs if call not in by_hash]
    assert all("/p100/torch.txt" in call or "--no-deps --editable" in call for call in others), (
        others
    )


# Jupyter

#: Stands in for Jupyter: refuses the first port that it is given, as if another one had just taken
#: it; serves the next.
JUPYTER = """#!{python}
import http.server, pathlib, sys
tries = pathlib.Path("{folder}") / "tries"
port, before = sys.argv[4].rpartition("=")[2], tries.read_text() if tries.exists() else ""
tries.write_text(f"{{before}}{{port}} ")
if {broken} or not before:
    sys.exit("a package is missing" if {broken} else f"The port {{port}} is already in use.")
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(port)), Answer).serve_forever()
"""


@pytest.mark.parametrize("broken", [False, True])
def test_a_port_that_was_just_taken_gives_way_to_the_next_and_another_failure_is_told(
    machine: Machine, broken: bool
):
    """Two machines of one rehearsal share a loopback; the list of processes shows no token."""
    own = machine.home / ".serving-labs"
    venv = f"{own}/venv/bin"
    machine.program(
        "jupyter", JUPYTER.format(python=sys.executable, folder=machine.folder, broken=broken), venv
    )
    machine.program("python", f'#!/bin/sh\nexec {sys.executable} "$@"\n', venv)
    for name in ("curl", "seq", "nohup"):
        machine.program(name, f'#!/bin/sh\n. "$STUB/record.sh"\nexec {tool(name)} "$@"\n')
    (own / "jupyter-token").write_text("secret")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    done = machine.run(
        "services.sh", "a100", "model", "127.0.0.1", str(port), REHEARSAL_MACHINE="test"
    )
    first, *others = (machine.folder / "tries").read_text().split()
    if broken:
        assert (done.returncode, others) == (70, [])
        assert "a package is missing" in done.stderr
        return
    os.kill(int((own / "jupyter.pid").read_text()), signal.SIGTERM)
    assert done.returncode == 0, done.stderr
    assert int(others[0]) > int(first)
    assert f"report jupyter_port={others[0]}" in done.stdout
    calls = "\n".join(machine.calls)
    assert "/api/status" in calls
    assert "ServerApp.port=" in calls
    assert "secret" not in calls
