"""Files for machines: the usual tools check scripts, container recipes and pins."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from provisioning.node import lock
from tests.tools import tool

NODE = Path(__file__).parents[3] / "provisioning" / "node"
FETCH = NODE / "bin" / "fetch.sh"  # which the others source
SCRIPTS = sorted({*NODE.glob("bin/*.sh")} - {FETCH})


def run(*command: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, **options
    )


def test_scripts_pass_shellcheck():
    """Quoting, unset variables, exit codes: every finding, also in the autograder's two scripts,
    set-up's and the sent ones.
    """
    autograder = [
        NODE.parents[1] / "grading" / "gradescope" / name for name in ("setup.sh", "run_autograder")
    ]
    programs = [path for path in Path(__file__).with_name("programs").iterdir() if path.is_file()]
    to_machines = (NODE.parent / "setup" / "shell").iterdir()
    files = [*SCRIPTS, FETCH, NODE.parent / "python.sh", *autograder, *programs, *to_machines]
    done = run(tool("shellcheck"), "-xP", "SCRIPTDIR", "--severity=style", *map(str, files))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_stop_at_the_first_error_and_say_how_they_are_called(script):
    """`set -euo pipefail`, a usage line, and the executable bit."""
    text = script.read_text()
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in text
    assert f"# Usage: {script.name} MACHINE PART" in text
    assert script.stat().st_mode & 0o111


def test_every_script_that_a_step_runs_is_there():
    """Names in the steps and files in the folder agree."""
    callers = [*(NODE.parent / "setup").glob("*.py"), NODE.parent / "lab" / "proof.py"]
    steps = "".join(path.read_text() for path in callers)
    named = set(re.findall(r'(?:scripted|begun)\("(\w+)"|"(?:\w+/)*(\w+)\.sh"', steps))
    assert {f"{step or file}.sh" for step, file in named} == {path.name for path in SCRIPTS}


DOCKERFILES = sorted(NODE.rglob("*Dockerfile"))


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_dockerfile_passes_hadolint_and_copies_what_is_there(dockerfile: Path):
    """Every finding, info included; each source of a COPY exists under the build context of the
    compose file.
    """
    text = dockerfile.read_text()
    sources = [
        word
        for line in re.findall(r"^COPY (.+)$", text, re.MULTILINE)
        for word in line.split()[:-1]
    ]
    assert sources
    assert [source for source in sources if not (NODE / source).exists()] == []
    done = run(tool("hadolint"), str(dockerfile))
    assert done.returncode == 0, done.stdout


def test_what_is_built_is_started_by_the_set_up():
    """A service or a Dockerfile that nothing starts is never tried, so a broken one would go
    unnoticed.
    """
    services = compose()["services"]
    built = [service["build"] for service in services.values()]
    assert [str(path.relative_to(NODE)) for path in DOCKERFILES] == [
        build["dockerfile"] for build in built
    ]
    assert {(NODE / "p100" / build["context"]).resolve() for build in built} == {NODE.resolve()}
    # Every service, since none is named and none waits for a profile.
    assert re.search(
        r"docker compose up --detach --wait$",
        (NODE / "bin" / "containers.sh").read_text(),
        re.MULTILINE,
    )
    assert not [name for name, service in services.items() if "profiles" in service]


def compose() -> dict:
    return yaml.safe_load((NODE / "p100" / "compose.yaml").read_text())


def test_compose_without_its_key_is_told_which_script_writes_it():
    """Its schema is ``tests/test_environment.py``'s matter, and with a key ``test_scripts.py`` runs
    Compose on it.
    """
    keyless = run(
        tool("docker-compose"), "-f", str(NODE / "p100" / "compose.yaml"), "config", "--quiet"
    )
    assert keyless.returncode != 0
    assert "run containers.sh" in keyless.stderr


def test_a_container_that_runs_foreign_code_holds_nothing():
    """A P100 keeps a Triton with published flaws: no root, no way to it, nothing to change, no
    shared memory.
    """
    # One folder, made by the data step and given to Jupyter as the lessons' cache, is seen by every
    # container.
    assert 'data="$HOME/data"' in (NODE / "bin" / "data.sh").read_text()
    assert 'SERVING_LABS_CACHE="$HOME/data"' in (NODE / "bin" / "services.sh").read_text()
    for name, service in compose()["services"].items():
        assert "${LABS_HOME:-.}/data:/data:ro" in service["volumes"], name
        # A port of a container passes the host's firewall: the address in front of it is what
        # protects.
        assert [port for port in service["ports"] if not port.startswith("127.0.0.1:")] == [], name
        assert "ipc" not in service, name
        assert service["shm_size"], name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["read_only"], name
        assert service["user"].split(":")[0] not in ("0", "root"), name
        assert all(volume.endswith(":ro") for volume in service["volumes"]), name
    command = " ".join(compose()["services"]["triton"]["command"])
    for option in ("http-restricted-api", "grpc-restricted-protocol"):
        guarded = re.search(rf"--{option}=([a-z,-]+):labs-key=", command)[1].split(",")
        assert {"model-repository", "shared-memory"} <= set(guarded), option


def pins(machine: str) -> dict[str, tuple[int, ...]]:
    pinned = {}
    for requirement in lock.pins((NODE / machine / "requirements.txt").read_text()):
        name, _, version = requirement.partition(";")[0].strip().partition("==")
        pinned[name.lower()] = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    return pinned


PASCAL = {"onnxruntime-gpu": (1, 26), "nvidia-cudnn-cu12": (9, 11)}
LESSONS = "onnxruntime onnx onnxscript scipy jupyterlab uv"


@pytest.mark.parametrize(
    ("machine", "there", "not_there", "below"),
    [
        # Pascal: no torch of PyPI, and no second ONNX Runtime beside that for the GPU.
        (
            "p100",
            "onnxruntime-gpu nvidia-cudnn-cu12",
            "torch onnxruntime onnxruntime-openvino tensorrt",
            PASCAL,
        ),
        # A CUDA 13 build would need a newer driver than a Chameleon image may have.
        (
            "a100",
            f"nvidia-cudnn-cu12 torch torchvision {LESSONS}",
            "onnxruntime-gpu onnxruntime-openvino",
            {},
        ),
        # torch comes from AMD's index, MIGraphX in an environment of its own.
        ("mi100", LESSONS, "torch torchvision triton onnxruntime-migraphx", {}),
        # 4 to 16 GB of memory, a processor: the model arrives as ONNX.
        ("edge", "onnxruntime numpy pillow ipykernel", "torch nvidia-ml-py openvino", {}),
    ],
)
def test_each_machine_can_be_used_with_what_is_pinned(machine, there, not_there, below):
    """Packages that it needs, that would not run there, and versions that are too new for it."""
    pinned = pins(machine)
    assert set(there.split()) <= set(pinned)
    assert not [name for name in pinned if name in not_there.split() or name.endswith("cu13")]
    assert all(pinned[name] < limit for name, limit in below.items())
    index = {"p100": "whl/cu126", "mi100": "whl/rocm"}.get(machine)
    if index:
        assert (
            f"--index-url https://download.pytorch.org/{index}"
            in (NODE / machine / "torch.txt").read_text()
        )


def test_mi100_has_what_the_a100_has_without_nvidias_libraries():
    """The same lessons and versions. NVML's binding is a file of Python that is asked first; it
    brings no library.
    """
    assert pins("mi100").items() <= pins("a100").items()
    assert [name for name in pins("mi100") if name.startswith(("nvidia", "cuda"))] == [
        "nvidia-ml-py"
    ]


@pytest.mark.parametrize("target", lock.TARGETS, ids=lambda target: target.machine)
def test_everything_is_pinned_with_its_hashes(target):
    """One version each, and the hashes of its files: another file under the same name is
    refused.
    """
    pinned = lock.pins(lock.pinned_file(target).read_text())
    assert len(pinned) > 20 or not target.course
    assert all(
        re.match(r"^[A-Za-z0-9._-]+(\[[a-z,]+\])?==\S+", requirement) for requirement in pinned
    )
    for requirement, hashes in pinned.items():
        assert hashes, requirement
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", each) for each in hashes), requirement


@pytest.mark.machine
@pytest.mark.parametrize("target", lock.TARGETS, ids=lambda target: target.machine)
def test_pins_fit_what_the_project_asks_for(target, tmp_path: Path, monkeypatch):
    """Resolving again, with the pinned versions preferred, keeps each of them: none is missing,
    none too many.
    """
    monkeypatch.setenv("PATH", f"{Path(tool('uv')).parent}{os.pathsep}{os.environ['PATH']}")
    copy = shutil.copy(lock.pinned_file(target), tmp_path / "requirements.txt")
    done = subprocess.run(
        lock.compile_command(target, copy), capture_output=True, text=True, check=False
    )
    if any(
        words in done.stderr for words in ("dns error", "Failed to fetch", "error sending request")
    ):
        pytest.skip(f"no package index: {done.stderr[:100]}")
    assert done.returncode == 0, done.stderr
    assert (
        lock.pins(copy.read_text()).keys() == lock.pins(lock.pinned_file(target).read_text()).keys()
    )


def test_health_checks_name_packages_that_are_installed():
    """Import names and pins agree, so that a check cannot fail by a typing error of ours."""
    source = (NODE / "bin" / "health.py").read_text()
    block = source[source.index("PACKAGES = {") + len("PACKAGES = ") :]
    packages = eval(block[: block.index("\n}\n") + 2])
    distribution = {"PIL": "pillow"}
    for machine, names in packages.items():
        pinned = set(pins(machine)) | (
            {"torch", "torchvision"} if machine in ("p100", "mi100") else set()
        )
        for name in names:
            wanted = distribution.get(name, name)
            assert {wanted, f"{wanted}-gpu"} & pinned, (machine, name)
