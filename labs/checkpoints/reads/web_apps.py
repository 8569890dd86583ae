"""Facts about a FastAPI app: what it answers to photos, to nonsense, and when nobody more may wait.

It is imported in a process of its own and asked there by Starlette's test client: no port, and nothing stays behind.
"""

from __future__ import annotations

import base64
import importlib
import io
import json
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

from labs.checkpoints.reads.texts import written
from labs.workspace import PROJECT_DIR

#: Seconds for all of its answers.
_WITHIN_S = 120


def app(path: Path) -> dict:
    """Return what ``app`` of a file answers; ``classifier.py`` lies beside it.

    Args:
        path: The ``app.py``.
    """
    from labs.serve.models import fp32_model
    from labs.serve.photos import photo

    written(path)
    facts = {"started": False, "log": "", "photo": 0, "said": "", "fields": [], "right": False, "returns": []}
    facts |= dict.fromkeys(("no_field", "no_base64", "no_image", "cut", "large", "full"), 0)
    path = Path(path).resolve()
    ran = subprocess.run(
        [sys.executable, "-m", __name__, path.stem],
        cwd=path.parent,
        env={**os.environ, "MODEL": str(fp32_model()), "WORKERS": "1", "PYTHONPATH": str(PROJECT_DIR)},
        input=photo(0),
        capture_output=True,
        timeout=_WITHIN_S,
        check=False,
    )
    if ran.returncode:
        lines = ran.stderr.decode(errors="replace").strip().splitlines()
        return facts | {"log": lines[-1][-200:] if lines else ""}
    return facts | {"started": True} | json.loads(ran.stdout.splitlines()[-1])


def _asked(module: str, photo: bytes) -> dict:
    """Return the statuses and fields of an app's answers."""
    made = importlib.import_module(module).app
    classifier = importlib.import_module("classifier")
    with warnings.catch_warnings(action="ignore"):  # of a client's library that is about to be replaced
        from fastapi.testclient import TestClient
    from PIL import Image

    client = TestClient(made, raise_server_exceptions=False)

    def ask(content: bytes | str, name: str = "image"):
        text = content if isinstance(content, str) else base64.b64encode(content).decode()
        return client.post("/predict", json={name: text})

    good = ask(photo)
    replies = {
        "photo": good,
        "no_field": ask(photo, "picture"),
        "no_base64": ask("lunch.jpg"),
        "no_image": ask(b"hello"),
        "cut": ask(photo[:9000]),
        "large": ask(bytes(10_000_001)),
    }
    classifier.places = threading.Semaphore(0)
    facts = {name: reply.status_code for name, reply in {**replies, "full": ask(photo)}.items()}
    label, probability = classifier.classify(Image.open(io.BytesIO(photo)))
    try:
        given = dict(good.json())
        right = given["prediction"] == label and abs(given["probability"] - probability) < 0.01
    except (ValueError, KeyError, TypeError):
        given, right = {}, False
    return {**facts, "said": good.text[:200], "fields": sorted(given), "right": right, "returns": _promised(client)}


def _promised(client) -> list[str]:
    """Return the fields of an answer of ``/predict`` that ``/openapi.json`` tells."""
    told = client.get("/openapi.json")
    found = told.json() if told.status_code == 200 else {}
    answers = found.get("paths", {}).get("/predict", {}).get("post", {}).get("responses", {})
    schema = answers.get("200", {}).get("content", {}).get("application/json", {}).get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    schema = found.get("components", {}).get("schemas", {}).get(name, schema)
    return sorted(schema.get("properties", {}))


if __name__ == "__main__":
    print(json.dumps(_asked(sys.argv[1], sys.stdin.buffer.read())))
