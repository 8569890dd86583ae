"""Serve over HTTP, the programs: an app that is started and asked, and a client that is tried."""

from __future__ import annotations

from grading.checkpoints import Verdict, artefact_question, failed_as, passed
from labs.records import Records


def inspect_app(path) -> dict:
    """Return what an app answers that uvicorn serves on a free port of loopback, in a process of its own."""
    import os
    import subprocess
    import sys
    import tempfile
    from pathlib import Path

    from labs.runtimes.loopback import listen
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
        port = listening.getsockname()[1]
        listening.close()  # held here, too, it would let requests wait for an app that has ended
        try:
            return _asked(app, f"http://127.0.0.1:{port}", log)
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
        "not ascii": {"image": "Gemüse.jpg"},
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

    from labs.data.labels import CLASS_NAMES
    from labs.data.preprocess import load_image, softmax, to_input
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
    "not ascii": 422,
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
