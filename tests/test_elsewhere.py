"""The course where people look for it: GitHub Actions, a devcontainer, an image for a JupyterHub."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]


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


def test_the_image_is_clean_to_hadolint_and_holds_no_answers():
    """Linted with the course's own hadolint; answers and what is hidden are left out of what is sent to the builder."""
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    left_out = set((ROOT / ".dockerignore").read_text(encoding="utf-8").split())
    assert {"grading/answers", "grading/hidden", "notebooks/source", "notebooks/instructor", "tests"} <= left_out
