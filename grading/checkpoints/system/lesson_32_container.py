"""Serve over HTTP, the container: what a Dockerfile and a Compose file tell."""

from __future__ import annotations

import itertools

from grading.checkpoints import Verdict, artefact_question, failed, failed_as, passed
from labs.records import Records


def inspect_dockerfile(path) -> dict:
    """Return what a Dockerfile tells, instruction by instruction, and what hadolint finds where it is installed."""
    import json
    import re
    import shutil
    import subprocess
    import sys
    from pathlib import Path

    joined = re.sub(r"\\\n", " ", Path(path).read_text(encoding="utf-8"))
    lines = [line.split(None, 1) for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    steps = [(one[0].upper(), one[1].strip() if len(one) > 1 else "") for one in lines]

    def first(name: str, holds: str) -> int | None:
        return next((place for place, (step, rest) in enumerate(steps) if step == name and holds in rest), None)

    commands = [rest for step, rest in steps if step == "CMD"]
    try:
        command = json.loads(commands[-1]) if commands else None
    except ValueError:
        command = None
    users = [rest for step, rest in steps if step == "USER"]
    hadolint = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))
    found = None
    if hadolint:
        ran = subprocess.run(
            [hadolint, "--format", "json", "--failure-threshold", "none", str(path)], capture_output=True
        )
        found = sorted({one["code"] for one in json.loads(ran.stdout or "[]") if one["level"] in ("error", "warning")})
    return {
        "from": next((rest.split()[0] for step, rest in steps if step == "FROM"), ""),
        "requirements": first("COPY", "requirements.txt"),
        "install": first("RUN", "pip install"),
        "app": first("COPY", "app.py"),
        "everything": first("COPY", ". "),
        "user": users[-1] if users else "",
        "command": command if isinstance(command, list) else None,
        "hadolint": found,
    }


_GOOD_DOCKERFILE = {
    "from": "python:3.11-slim",
    "requirements": 2,
    "install": 3,
    "app": 4,
    "everything": None,
    "user": "1000",
    "command": ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8000"],
    "hadolint": [],
}


@artefact_question(
    "s.http.dockerfile",
    points=2,
    title="Write the Dockerfile",
    inspect=inspect_dockerfile,
    hints=(
        "FROM, WORKDIR, COPY of the requirements, RUN of pip, COPY of the app, USER, CMD: in this order.",
        '`FROM python:3.11-slim` … `USER 1000` and `CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--port",'
        ' "8000"]`.',
    ),
    mistakes={
        "no tag": (
            "Name the version of Python in the tag of FROM: without it, or with `latest`, tomorrow's image is another."
        ),
        "not installed": "Nothing installs the requirements: COPY requirements.txt, then RUN pip install -r.",
        "order": "The app is copied before the requirements are installed: each change of it installs them again.",
        "root": "The app runs as root: name another user with USER, before CMD.",
        "shell form": "CMD in its list form, with uvicorn itself as the first word: a shell would not pass SIGTERM on.",
        "deaf": (
            "uvicorn listens to the container's own loopback, where nobody asks: `--host 0.0.0.0` and `--port 8000`."
        ),
    },
    examples={
        "good": _GOOD_DOCKERFILE,
        "no tag": {**_GOOD_DOCKERFILE, "from": "python"},
        "not installed": {**_GOOD_DOCKERFILE, "install": None},
        "order": {**_GOOD_DOCKERFILE, "everything": 1},
        "root": {**_GOOD_DOCKERFILE, "user": "root"},
        "shell form": {**_GOOD_DOCKERFILE, "command": None},
        "deaf": {**_GOOD_DOCKERFILE, "command": ["uvicorn", "app:app", "--port", "8000"]},
    },
)
def dockerfile(facts: dict, records: Records) -> Verdict:
    """Judge base, order, user and command; what hadolint finds comes last."""
    name, _, tag = facts["from"].rpartition(":")
    if not name or not any(letter.isdigit() for letter in tag) or "latest" in tag:
        return failed_as("no tag", facts["from"])
    if facts["install"] is None or (facts["requirements"] is None and facts["everything"] is None):
        return failed_as("not installed")
    early = [place for place in (facts["app"], facts["everything"]) if place is not None]
    if not early:
        return failed("Nothing copies app.py into the image.")
    if min(early) < facts["install"]:
        return failed_as("order")
    if facts["user"].partition(":")[0] in ("", "root", "0"):
        return failed_as("root", facts["user"])
    command = facts["command"]
    if not command or "uvicorn" not in command[0]:
        return failed_as("shell form")
    given = dict(itertools.pairwise(command)) | dict(one.split("=", 1) for one in command if "=" in one)
    if given.get("--host") != "0.0.0.0" or given.get("--port") != "8000":
        return failed_as("deaf", " ".join(command))
    if facts["hadolint"]:
        return failed(f"hadolint warns: {', '.join(facts['hadolint'])}. Its wiki explains each code.")
    return passed("Small steps, kept apart by how often they change; nobody in it is root.")


def inspect_compose(path) -> dict:
    """Return what a Compose file says about its service."""
    from pathlib import Path

    import yaml

    services = (yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}).get("services") or {}
    one = services.get("classifier") or {}
    environment = one.get("environment") or {}
    if isinstance(environment, list):
        environment = dict(entry.split("=", 1) for entry in environment if "=" in entry)
    limits = ((one.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    check = (one.get("healthcheck") or {}).get("test") or ""
    return {
        "services": sorted(services),
        "build": bool(one.get("build")),
        "ports": [_port(entry) for entry in one.get("ports") or ()],
        "model": str(environment.get("MODEL", "")),
        "mounts": [_mount(entry) for entry in one.get("volumes") or ()],
        "health": check if isinstance(check, str) else " ".join(map(str, check)),
        "restart": str(one.get("restart", "no")),
        "memory": str(one.get("mem_limit") or limits.get("memory") or ""),
    }


def _port(entry) -> str:
    if isinstance(entry, dict):
        return f"{entry.get('host_ip', '')}:{entry.get('published', '')}:{entry.get('target', '')}"
    return str(entry)


def _mount(entry) -> dict:
    if isinstance(entry, dict):
        return {"target": str(entry.get("target", "")), "read_only": bool(entry.get("read_only"))}
    parts = str(entry).split(":")
    return {"target": parts[1] if len(parts) > 1 else "", "read_only": "ro" in parts[2:]}


_GOOD_COMPOSE = {
    "services": ["classifier"],
    "build": True,
    "ports": ["127.0.0.1:8000:8000"],
    "model": "/models/food11.onnx",
    "mounts": [{"target": "/models/food11.onnx", "read_only": True}],
    "health": "CMD python -c import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz')",
    "restart": "unless-stopped",
    "memory": "512m",
}


@artefact_question(
    "s.http.compose",
    points=2,
    title="Write the Compose service",
    inspect=inspect_compose,
    hints=(
        "`services:`, below it `classifier:`, below that build, ports, environment, volumes, healthcheck, "
        "restart, mem_limit.",
        '`ports: ["127.0.0.1:8000:8000"]`, `volumes: [./food11.onnx:/models/food11.onnx:ro]`, `MODEL: '
        "/models/food11.onnx`, "
        'and `test: ["CMD", "python", "-c", "…urlopen(\'http://127.0.0.1:8000/healthz\')"]`.',
    ),
    mistakes={
        "no service": "There is no service `classifier` that is built from this folder.",
        "open port": (
            "The port is not published on 127.0.0.1:8000 only: Docker opens it to the network, past many firewalls."
        ),
        "no model": "`MODEL` does not name a file that one of the volumes mounts.",
        "writable": "The model is mounted so that the service could change it: add `:ro`.",
        "no health check": "No health check asks `/healthz`: a service that hangs would count as running.",
        "curl": "The image has no curl: let Python ask.",
        "not again": "It is not started again after a crash: `restart: unless-stopped`.",
        "no limit": "Its memory has no limit: one service could take the whole machine's.",
    },
    examples={
        "good": _GOOD_COMPOSE,
        "no service": {**_GOOD_COMPOSE, "build": False},
        "open port": {**_GOOD_COMPOSE, "ports": ["8000:8000"]},
        "no model": {**_GOOD_COMPOSE, "model": "food11.onnx"},
        "writable": {**_GOOD_COMPOSE, "mounts": [{"target": "/models/food11.onnx", "read_only": False}]},
        "no health check": {**_GOOD_COMPOSE, "health": ""},
        "curl": {**_GOOD_COMPOSE, "health": "CMD curl -f http://127.0.0.1:8000/healthz"},
        "not again": {**_GOOD_COMPOSE, "restart": "no"},
        "no limit": {**_GOOD_COMPOSE, "memory": ""},
    },
)
def compose(facts: dict, records: Records) -> Verdict:
    """Judge whom it listens to, what it may write, who watches it and what ends it."""
    if "classifier" not in facts["services"] or not facts["build"]:
        return failed_as("no service")
    if facts["ports"] != ["127.0.0.1:8000:8000"]:
        return failed_as("open port", ", ".join(facts["ports"]))
    holding = [one for one in facts["mounts"] if one["target"] and _holds(one["target"], facts["model"])]
    if not holding:
        return failed_as("no model", facts["model"])
    if not all(one["read_only"] for one in holding):
        return failed_as("writable")
    if "/healthz" not in facts["health"]:
        return failed_as("no health check")
    if "curl" in facts["health"] or "wget" in facts["health"]:
        return failed_as("curl")
    if facts["restart"] not in ("unless-stopped", "always") and not facts["restart"].startswith("on-failure"):
        return failed_as("not again", facts["restart"])
    if not facts["memory"]:
        return failed_as("no limit")
    return passed("It listens to this machine only, writes nowhere, is watched, and comes back.")


def _holds(target: str, file: str) -> bool:
    return file == target or file.startswith(target.rstrip("/") + "/")
