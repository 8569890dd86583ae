"""What is put on a machine: scripts, container recipes and pins are checked by the tools of their trade."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

NODE = Path(__file__).parents[3] / "provisioning" / "node"
SCRIPTS = sorted(NODE.glob("bin/*.sh"))
MACHINES = ("a100", "p100", "edge")


def tool(name: str) -> str:
    """Return a tool's path: beside this Python, or on PATH; skip with the reason otherwise."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.skip(f"not looked at: {name} is not installed (Debian, Ubuntu: sudo apt install {name})")
    return found


def run(*command: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


def test_scripts_pass_shellcheck():
    """Quoting, unset variables, exit codes: every finding of every level."""
    done = run(tool("shellcheck"), "--severity=style", *map(str, SCRIPTS))
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
    steps = "".join(path.read_text() for path in (NODE.parent / "setup").glob("*.py"))
    named = set(re.findall(r'"(\w+\.sh)"', steps))
    assert named == {path.name for path in SCRIPTS}


@pytest.mark.parametrize("name", ["Dockerfile", "Triton.Dockerfile"])
def test_dockerfile_passes_hadolint(name: str):
    """Every finding, info included."""
    done = run(tool("hadolint"), str(NODE / "p100" / name))
    assert done.returncode == 0, done.stdout


def test_dockerfile_copies_what_is_there():
    """Each source of a COPY exists under the build context, the course's root."""
    text = (NODE / "p100" / "Dockerfile").read_text()
    sources = [word for line in re.findall(r"^COPY (.+)$", text, re.MULTILINE) for word in line.split()[:-1]]
    assert sources
    for source in sources:
        assert (NODE.parents[1] / source).exists(), source


def compose() -> dict:
    return yaml.safe_load((NODE / "p100" / "compose.yaml").read_text())


def test_compose_file_is_accepted_by_docker_compose(tmp_path, monkeypatch):
    """Docker Compose holds it against its own schema, which refuses a misspelt key, and needs no daemon for that."""
    program, ours = tool("docker-compose"), NODE / "p100" / "compose.yaml"
    keyless = run(program, "-f", str(ours), "config", "--quiet")
    assert keyless.returncode != 0
    assert "run images.sh" in keyless.stderr
    monkeypatch.setenv("LABS_TRITON_KEY", "0123")
    done = run(program, "-f", str(ours), "--profile", "app", "config", "--quiet")
    assert done.returncode == 0, done.stderr
    (tmp_path / "compose.yaml").write_text(ours.read_text().replace("    ports:", "    prots:"))
    refused = run(program, "-f", str(tmp_path / "compose.yaml"), "config", "--quiet")
    assert refused.returncode != 0
    assert "prots" in refused.stderr


def test_services_are_bound_to_loopback_unless_opened():
    """A port of a container passes the host's firewall: the address in front of it is what protects."""
    for name, service in compose()["services"].items():
        # Triton knows no users: opening the machine does not open it (F1).
        address = "127.0.0.1:" if name == "triton" else "${LABS_BIND:-127.0.0.1}:"
        assert [port for port in service["ports"] if not port.startswith(address)] == [], name


def test_every_container_reads_the_data_volume_that_the_lessons_fill():
    """One folder, made by the data step, given to Jupyter as the lessons' cache, and seen by the containers."""
    assert 'data="$HOME/data"' in (NODE / "bin" / "data.sh").read_text()
    assert 'SERVING_LABS_CACHE="$HOME/data"' in (NODE / "bin" / "services.sh").read_text()
    for service in compose()["services"].values():
        assert "${LABS_HOME:-.}/data:/data:ro" in service["volumes"]


def test_images_are_pinned_and_fit_pascal():
    """No moving tag; Triton below 25.03, which asks for compute capability 7.5."""
    build = compose()["services"]["triton"]["build"]
    (image,) = re.findall(r"^FROM (\S+)", (NODE / "p100" / build["dockerfile"]).read_text(), re.MULTILINE)
    year, month = re.fullmatch(r"nvcr\.io/nvidia/tritonserver:(\d\d)\.(\d\d)-py3", image).groups()
    assert (int(year), int(month)) <= (24, 12)
    (base,) = re.findall(r"^FROM (\S+)", (NODE / "p100" / "Dockerfile").read_text(), re.MULTILINE)
    assert re.search(r":\d+\.\d+\.\d+", base)


def pins(machine: str) -> dict[str, tuple[int, ...]]:
    """Return name and version of each pinned package."""
    found = {}
    for line in (NODE / machine / "requirements.txt").read_text().splitlines():
        name, _, version = line.partition(";")[0].strip().partition("==")
        found[name.lower()] = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    return found


def test_p100_can_be_used_with_what_is_pinned():
    """Pascal: ONNX Runtime GPU below 1.26, cuDNN below 9.11, no torch of PyPI, no second ONNX Runtime beside it."""
    found = pins("p100")
    assert found["onnxruntime-gpu"] < (1, 26)
    assert found["nvidia-cudnn-cu12"] < (9, 11)
    assert not {"torch", "onnxruntime", "onnxruntime-openvino", "tensorrt"} & set(found)
    torch = (NODE / "p100" / "torch.txt").read_text()
    assert "--index-url https://download.pytorch.org/whl/cu126" in torch


def test_a100_runs_with_any_driver_of_cuda_12():
    """A CUDA 13 build would need a newer driver than a Chameleon image may have."""
    found = pins("a100")
    assert "nvidia-cudnn-cu12" in found
    assert not [name for name in found if name.endswith("cu13")]
    assert {"onnxruntime", "torch", "torchvision", "jupyterlab"} <= set(found)
    assert not {"onnxruntime-gpu", "onnxruntime-openvino"} & set(found)


def test_the_device_gets_no_torch():
    """4 to 16 GB of memory, a processor: the model arrives as ONNX."""
    found = pins("edge")
    assert {"onnxruntime", "numpy", "pillow", "ipykernel"} <= set(found)
    assert not [name for name in found if name.startswith(("torch", "nvidia", "openvino"))]


@pytest.mark.parametrize("machine", MACHINES)
def test_everything_is_pinned(machine):
    """One version each."""
    lines = (NODE / machine / "requirements.txt").read_text().splitlines()
    assert len(lines) > 20
    assert all(re.match(r"^[A-Za-z0-9._-]+(\[[a-z,]+\])?==\S+", line) for line in lines)


def test_health_checks_name_packages_that_are_installed():
    """Import names and pins agree, so that a check cannot fail by a typing error of ours."""
    source = (NODE / "bin" / "health.py").read_text()
    block = source[source.index("PACKAGES = {") + len("PACKAGES = ") :]
    packages = eval(block[: block.index("\n}\n") + 2])
    distribution = {"PIL": "pillow"}
    for machine, names in packages.items():
        found = set(pins(machine)) | ({"torch", "torchvision"} if machine == "p100" else set())
        for name in names:
            wanted = distribution.get(name, name)
            assert {wanted, f"{wanted}-gpu"} & found, (machine, name)


def test_the_course_can_be_installed_as_it_is_copied():
    """The scripts install the copied tree; its pyproject must be among what is copied."""
    from provisioning.archive import materials_files

    root = NODE.parents[1]
    files = materials_files(root, assets=False)
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    for name in ("pyproject.toml", project["readme"], *project["license-files"]):
        assert name in files
