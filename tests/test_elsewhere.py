"""The course where people look for it: GitHub Actions, a devcontainer, an image for a JupyterHub."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from provisioning.front.lab import LABEXTENSIONS

ROOT = Path(__file__).resolve().parents[1]


def tool(name: str, *arguments: object) -> str:
    """Return what a linter of the course's own environment complains of; nothing where it is content."""
    line = [Path(sys.executable).with_name(name), *arguments]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or done.stdout + done.stderr, f"{name} ended with {done.returncode} and said nothing"
    return done.stdout + done.stderr if done.returncode else ""


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ("github-workflows", ".github/workflows/gate.yml"),
        ("compose-spec", "provisioning/node/p100/compose.yaml"),
    ],
)
def test_what_others_read_is_written_by_their_schema(schema: str, path: str):
    """Each key is one that GitHub, or Compose, knows, with a value that it takes."""
    assert tool("check-jsonschema", "--builtin-schema", f"vendor.{schema}", ROOT / path) == ""


def test_github_runs_the_same_gate():
    """``.ci/run`` itself, not a copy of its lines; and the oldest and the newest Python."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "gate.yml").read_text(encoding="utf-8"))
    jobs = workflow["jobs"]
    assert ".ci/run" in [step.get("run") for step in jobs["gate"]["steps"]]
    assert jobs["pythons"]["strategy"]["matrix"]["python"] == ["3.11", "3.13"]


def test_what_they_run_is_a_target_of_the_makefile():
    """A target that is renamed takes them along."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    said = [container["postCreateCommand"], container["postAttachCommand"], (ROOT / "Dockerfile").read_text()]
    called = {found for text in said for found in re.findall(r"\bmake (?:[A-Z]+=\S+ )*([a-z]+)\b", text)}
    assert called == {"setup", "lab"}
    assert called <= targets


def test_the_devcontainer_forwards_the_port_that_jupyterlab_takes():
    """The port that JupyterLab tries first, one word for each thing, and more room than set-up asks for."""
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert container["forwardPorts"] == [8888]
    assert set(container["portsAttributes"]) == {"8888"}
    assert re.fullmatch(r"\S+/devcontainers/python:3\.1[123]", container["image"])


def test_the_image_is_clean_to_hadolint_and_holds_no_solutions():
    """Linted with the course's own hadolint; solutions and the graders' room are not sent to the builder."""
    assert tool("hadolint", ROOT / "Dockerfile") == ""
    left_out = set((ROOT / ".dockerignore").read_text(encoding="utf-8").split())
    assert {"grading", "notebooks/source", "notebooks/instructor", "tests"} <= left_out


def test_the_image_starts_the_front_page(tmp_path: Path):
    """The settings that the image writes for JupyterLab are JSON and name the page's two halves, which are there."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (run,) = re.findall(r"^RUN mkdir -p /etc/jupyter.+?[^\\]$", text, re.MULTILINE | re.DOTALL)
    moved = run.removeprefix("RUN ").replace("/etc/jupyter", str(tmp_path / "jupyter"))
    subprocess.run(["sh", "-c", moved], check=True)
    settings = json.loads((tmp_path / "jupyter" / "jupyter_server_config.json").read_text(encoding="utf-8"))
    assert settings["ServerApp"]["jpserver_extensions"] == {"provisioning.front.server": True}
    (folder,) = settings["LabApp"]["extra_labextensions_path"]
    assert ROOT / Path(folder).relative_to(settings["ServerApp"]["root_dir"]) == LABEXTENSIONS


def test_a_new_image_brings_new_lessons_and_overwrites_none(tmp_path: Path):
    """What the container runs at its start, on a volume that holds a student's work, and on an empty one."""
    (command,) = re.findall(r"^CMD (.+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    shell, flag, script = json.loads(command)
    script = script.replace("/opt/", f"{tmp_path}/opt/").replace("/home/", f"{tmp_path}/home/")
    script = script.replace("jupyterhub-singleuser", "true")
    shipped, home = tmp_path / "opt" / "notebooks", tmp_path / "home" / "student"
    (shipped / "1_model").mkdir(parents=True)
    home.mkdir(parents=True)
    (shipped / "1_model" / "10.ipynb").write_text("as it came")
    for new in ("10.ipynb", "11.ipynb"):
        (shipped / "1_model" / new).write_text("as it came")
        subprocess.run([shell, flag, script], check=True)
        (home / "notebooks" / "1_model" / "10.ipynb").write_text("with answers")
    assert (home / "notebooks" / "1_model" / "11.ipynb").read_text() == "as it came"
    subprocess.run([shell, flag, script], check=True)
    assert (home / "notebooks" / "1_model" / "10.ipynb").read_text() == "with answers"
