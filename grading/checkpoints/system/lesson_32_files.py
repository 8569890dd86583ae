"""Serve over HTTP, the files: an app that is started and asked, what its container is told, and a client."""

from __future__ import annotations

import itertools

from grading.checkpoints import Verdict, artefact_question, failed, failed_as, passed
from labs.records import Records


def inspect_app(path) -> dict:
    """Return what an app answers that uvicorn serves on a free port of loopback, in a process of its own."""
    import os
    import subprocess
    import sys
    import tempfile
    from pathlib import Path

    from labs.loopback import listen
    from labs.serve.models import fp32_model

    path = Path(path)
    with listen() as listening, tempfile.TemporaryFile() as log:
        command = [sys.executable, "-m", "uvicorn", f"{path.stem}:app", "--fd", str(listening.fileno())]
        app = subprocess.Popen(
            command,
            cwd=path.parent,
            env={**os.environ, "MODEL": str(fp32_model())},
            pass_fds=[listening.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            return _asked(app, f"http://127.0.0.1:{listening.getsockname()[1]}", log)
        finally:
            app.kill()
            app.wait()


def _asked(app, url: str, log) -> dict:
    import time

    import httpx

    from labs.serve.contract import TINY_PNG_BASE64, picture_text
    from labs.serve.photos import photo

    bodies = {
        "photo": {"image": picture_text(photo(0))},
        "png": {"image": TINY_PNG_BASE64},
        "no field": {"picture": TINY_PNG_BASE64},
        "not base64": {"image": "lunch.jpg"},
        "not an image": {"image": picture_text(b"hello")},
        "cut": {"image": picture_text(photo(0)[:9000])},
        "too large": {"image": picture_text(bytes(10_000_002))},
    }
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        for _ in range(300):
            if app.poll() is not None:
                break
            try:
                health = client.get("/healthz").status_code
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        if app.poll() is not None:
            log.seek(0)
            lines = log.read().decode(errors="replace").strip().splitlines()
            return {"started": False, "log": lines[-1][-200:] if lines else ""}
        replies = {name: client.post("/predict", json=body) for name, body in bodies.items()}
        described = client.get("/openapi.json")
    return {
        "started": True,
        "health": health,
        "status": {name: reply.status_code for name, reply in replies.items()},
        **_compared(replies["photo"], photo(0)),
        **_described(described.json() if described.status_code == 200 else {}),
    }


def _compared(reply, content: bytes) -> dict:
    """Return the fields of a reply, and how far its probability is from the model's own."""
    import onnxruntime as ort

    from labs.labels import CLASS_NAMES
    from labs.preprocess import load_image, softmax, to_input
    from labs.serve.models import fp32_model

    session = ort.InferenceSession(fp32_model(), providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {session.get_inputs()[0].name: to_input(load_image(content))[None]})
    probabilities = dict(zip(CLASS_NAMES, softmax(logits[0]).tolist(), strict=True))
    try:
        given = reply.json()
        apart = abs(probabilities[given["prediction"]] - given["probability"])
        right = given["prediction"] == max(probabilities, key=probabilities.get)
        return {"fields": sorted(given), "right": right, "apart": round(apart, 6)}
    except (ValueError, KeyError, TypeError):
        return {"fields": [], "right": False, "apart": 1.0}


def _described(openapi: dict) -> dict:
    """Return the fields that an app's description promises: of a request's body, and of a reply."""
    operation = openapi.get("paths", {}).get("/predict", {}).get("post", {})

    def fields(holder: dict) -> list[str]:
        schema = holder.get("content", {}).get("application/json", {}).get("schema", {})
        name = schema.get("$ref", "").rpartition("/")[2]
        schema = openapi.get("components", {}).get("schemas", {}).get(name, schema)
        return sorted(schema.get("properties", {}))

    return {
        "takes": fields(operation.get("requestBody", {})),
        "returns": fields(operation.get("responses", {}).get("200", {})),
    }


_GOOD_STATUS = {
    "photo": 200,
    "png": 200,
    "no field": 422,
    "not base64": 422,
    "not an image": 422,
    "cut": 422,
    "too large": 413,
}
_GOOD_APP = {
    "started": True,
    "health": 200,
    "status": _GOOD_STATUS,
    "fields": ["prediction", "probability"],
    "right": True,
    "apart": 1e-6,
    "takes": ["image"],
    "returns": ["prediction", "probability"],
}


@artefact_question(
    "s.http.app",
    points=4,
    title="Write a FastAPI route with its schema and its error answers",
    inspect=inspect_app,
    hints=(
        "Two pydantic models, `app = FastAPI(title=…)`, a `GET /healthz`, and a `POST /predict` that raises "
        "`HTTPException(status, text)` for what is wrong.",
        "`def predict(request: PredictRequest)` below `@app.post('/predict', response_model=PredictReply)`: "
        "decode in a "
        "`try`, compare `len(content)`, open and `load()` the image in another `try`, then `classify(image)`.",
    ),
    mistakes={
        "does not start": (
            "uvicorn cannot start it. Run `uvicorn app:app` in its folder, with MODEL set, and read the last line."
        ),
        "no health check": "`GET /healthz` does not answer 200: nobody who watches the service can tell that it lives.",
        "no answer": "A photo gets no 200 with `prediction` and `probability`.",
        "wrong answer": (
            "It answers, and with another class or probability than the model's: is `classify` given the image?"
        ),
        "success": "Something wrong was sent, and the status says success (below 400): no machine notices.",
        "server's fault": (
            "What the client did wrong is answered with 5xx, as if the service were broken: catch it, answer 4xx."
        ),
        "no schema": (
            "`/openapi.json` does not say what a request holds and what a reply holds: use one pydantic model each."
        ),
        "too large": "More than 10,000,000 bytes are not answered with 413.",
    },
    examples={
        "good": _GOOD_APP,
        "does not start": {"started": False, "log": "ModuleNotFoundError: No module named 'fastapy'"},
        "no health check": {**_GOOD_APP, "health": 404},
        "no answer": {**_GOOD_APP, "status": {**_GOOD_STATUS, "photo": 422}},
        "wrong answer": {**_GOOD_APP, "right": False},
        "success": {**_GOOD_APP, "status": {**_GOOD_STATUS, "not an image": 200}},
        "server's fault": {**_GOOD_APP, "status": {**_GOOD_STATUS, "cut": 500}},
        "no schema": {**_GOOD_APP, "returns": []},
        "too large": {**_GOOD_APP, "status": {**_GOOD_STATUS, "too large": 422}},
    },
)
def app(facts: dict, records: Records) -> Verdict:
    """Judge how it answered good images, wrong ones, and what it says about itself."""
    if not facts["started"]:
        return failed_as("does not start", facts["log"])
    if facts["health"] != 200:
        return failed_as("no health check", str(facts["health"]))
    status = facts["status"]
    said = ", ".join(f"{name}: {code}" for name, code in status.items())
    if status["photo"] != 200 or status["png"] != 200 or facts["fields"] != ["prediction", "probability"]:
        return failed_as("no answer", said)
    if not facts["right"] or facts["apart"] > 0.01:
        return failed_as("wrong answer")
    wrong = [code for name, code in status.items() if name not in ("photo", "png")]
    if any(code < 400 for code in wrong):
        return failed_as("success", said)
    if any(code >= 500 for code in wrong):
        return failed_as("server's fault", said)
    if facts["takes"] != ["image"] or facts["returns"] != ["prediction", "probability"]:
        return failed_as("no schema")
    if status["too large"] != 413:
        return failed_as("too large", said)
    return passed("A contract that a machine can read, keep, and check.", said)


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


#: Asks a client's ``ask`` about a server that answers from a list, in a process of its own.
_TRY_CLIENT = """
import base64, http.server, json, sys, threading, time

sys.path.insert(0, sys.argv[1])
from client import ask

script, seen = [], []


class Scripted(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        seen.append((self.path, body))
        status, headers = script.pop(0) if script else (500, {})
        said = json.dumps({"prediction": "Soup", "probability": 0.5, "status": status}).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(said)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
threading.Thread(target=server.serve_forever, daemon=True).start()
busy, facts = (503, {"Retry-After": "1"}), {}
for name, answers, tries in (
    ("good", [(200, {})], 3),
    ("busy", [busy, (200, {})], 3),
    ("wrong", [(422, {}), (200, {})], 3),
    ("full", [busy, busy, (200, {})], 2),
):
    script[:], seen[:] = list(answers), []
    begin_s = time.monotonic()
    try:
        reply = ask(f"http://127.0.0.1:{server.server_port}", b"bytes of an image", tries=tries)
        right = isinstance(reply, dict) and reply.get("prediction") == "Soup" and reply["status"] == 200
        outcome = "answer" if right else "other"
    except Exception as error:
        outcome = type(error).__name__
    facts[name] = {"outcome": outcome, "requests": len(seen), "took_s": round(time.monotonic() - begin_s, 3)}
    if name == "good" and seen:
        try:
            image = base64.b64decode(json.loads(seen[0][1])["image"], validate=True)
        except Exception:
            image = b""
        facts["sent"] = {"path": seen[0][0], "right": image == b"bytes of an image"}
print(json.dumps(facts))
"""


def inspect_client(path) -> dict:
    """Return what a client did with a server that answers well, is busy, refuses, and stays busy."""
    import json
    import os
    import subprocess
    import sys
    from pathlib import Path

    command = [sys.executable, "-c", _TRY_CLIENT, str(Path(path).parent)]
    # A proxy of the surroundings would answer for the scripted server.
    surroundings = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, env=surroundings)
    if ran.returncode:
        return {"ran": False, "log": (ran.stderr.strip().splitlines() or [""])[-1][-200:]}
    return {"ran": True, **json.loads(ran.stdout.splitlines()[-1])}


_GOOD_CLIENT = {
    "ran": True,
    "sent": {"path": "/predict", "right": True},
    "good": {"outcome": "answer", "requests": 1, "took_s": 0.05},
    "busy": {"outcome": "answer", "requests": 2, "took_s": 1.05},
    "wrong": {"outcome": "HTTPStatusError", "requests": 1, "took_s": 0.05},
    "full": {"outcome": "HTTPStatusError", "requests": 2, "took_s": 1.05},
}


@artefact_question(
    "s.http.client",
    points=3,
    title="Write a client that knows when to ask again",
    inspect=inspect_client,
    hints=(
        "A loop over `range(tries)`: post, leave it unless the status is 503, else sleep and go on.",
        "`httpx.post(url + '/predict', json={'image': …}, timeout=5)`; after the loop `reply.raise_for_status()`, then "
        "`return reply.json()`. The last try must not sleep.",
    ),
    mistakes={
        "does not run": "The file cannot be imported, or has no `ask(url, image, tries=3)`.",
        "wrong request": 'The server did not get `{"image": "<base64 of the bytes>"}` at `/predict`.',
        "no answer": "A good reply is not returned as its JSON.",
        "gives up": "After one 503 it gives up: the service said when to come back.",
        "at once": "It asks again sooner than `Retry-After` says: that is how an overload never ends.",
        "insists": "It sends a request again that was refused with 422: it will be as wrong the second time.",
        "never ends": "It does not stop after `tries` requests.",
        "silent": "An error that remains is not raised: whoever calls it takes the refusal for an answer.",
    },
    examples={
        "good": _GOOD_CLIENT,
        "does not run": {"ran": False, "log": "ImportError: cannot import name 'ask'"},
        "wrong request": {**_GOOD_CLIENT, "sent": {"path": "/predict", "right": False}},
        "no answer": {**_GOOD_CLIENT, "good": {"outcome": "other", "requests": 1, "took_s": 0.05}},
        "gives up": {**_GOOD_CLIENT, "busy": {"outcome": "HTTPStatusError", "requests": 1, "took_s": 0.05}},
        "at once": {**_GOOD_CLIENT, "busy": {"outcome": "answer", "requests": 2, "took_s": 0.06}},
        "insists": {**_GOOD_CLIENT, "wrong": {"outcome": "answer", "requests": 2, "took_s": 0.05}},
        "never ends": {**_GOOD_CLIENT, "full": {"outcome": "answer", "requests": 3, "took_s": 2.05}},
        "silent": {**_GOOD_CLIENT, "full": {"outcome": "other", "requests": 2, "took_s": 1.05}},
    },
)
def client(facts: dict, records: Records) -> Verdict:
    """Judge what it sent, when it asked again, and when it stopped."""
    if not facts["ran"]:
        return failed_as("does not run", facts["log"])
    if not facts.get("sent", {}).get("right") or facts["sent"]["path"] != "/predict":
        return failed_as("wrong request")
    if facts["good"]["outcome"] != "answer":
        return failed_as("no answer", facts["good"]["outcome"])
    if facts["busy"]["requests"] < 2:
        return failed_as("gives up")
    if facts["busy"]["took_s"] < 0.9:
        return failed_as("at once", f"{facts['busy']['took_s']} s")
    if facts["wrong"]["requests"] > 1:
        return failed_as("insists")
    if facts["full"]["requests"] > 2:
        return failed_as("never ends")
    if {facts["wrong"]["outcome"], facts["full"]["outcome"]} & {"answer", "other"}:
        return failed_as("silent")
    return passed("Patient where it helps, and no longer than that.")
