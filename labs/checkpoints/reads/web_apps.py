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
import tempfile
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from labs.checkpoints.reads.texts import written
from labs.workspace import PROJECT_DIR

#: Seconds for all of its answers.
_WITHIN_S = 120

#: A photo of more bytes is refused.
_MOST_BYTES = 10_000_000

#: Before anything was answered.
_NOTHING = {
    **{"started": False, "log": "", "photo": 0, "said": "", "fields": [], "right": False, "returns": []},
    **dict.fromkeys(("no_field", "no_base64", "no_image", "cut", "large", "full"), 0),
}


def app(path: Path) -> dict:
    """Return what ``app`` of a file answers; ``classifier.py`` lies beside it.

    Args:
        path: The ``app.py``.
    """
    from labs.serve.models import fp32_model
    from labs.serve.photos import photo

    written(path)
    path, asked = Path(path).resolve(), requests(photo(0))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "asked.json").write_text(json.dumps(asked))
        ran = subprocess.run(
            [sys.executable, "-m", __name__, path.stem, f"{folder}/asked.json"],
            cwd=path.parent,
            env={**os.environ, "MODEL": str(fp32_model()), "WORKERS": "1", "PYTHONPATH": str(PROJECT_DIR)},
            capture_output=True,
            timeout=_WITHIN_S,
            check=False,
        )
    return facts(asked, ran.stdout.decode(errors="replace"), ran.stderr.decode(errors="replace"))


def requests(photo: bytes) -> list[dict]:
    """Return what an app is asked about a photo: each request's ``case``, ``field`` and ``text``."""
    texts = {
        "photo": photo,
        "no_field": photo,
        "no_base64": "lunch.jpg",
        "no_image": b"hello",
        "cut": photo[: len(photo) // 3],
        "large": bytes(_MOST_BYTES + 1),
        "full": photo,
    }
    return [
        {
            "case": case,
            "field": "picture" if case == "no_field" else "image",
            "text": content if isinstance(content, str) else base64.b64encode(content).decode(),
        }
        for case, content in texts.items()
    ]


def facts(asked: Sequence[Mapping], printed: str, complained: str, loads: Callable[[str], object] = json.loads) -> dict:
    """Return the facts of an app's replies, as its process printed them.

    Args:
        asked: What it was asked: ``requests`` of one photo or of several, in any order.
        printed: What the process printed: a line with the truth about each photo, and one with the replies.
        complained: What it printed as errors.
        loads: Reads JSON; a grader trusts no text of a program's, and has a loader of its own.
    """
    try:
        truths, told = (loads(line) for line in (printed.splitlines()[0], printed.splitlines()[-1]))
        replies = [
            (one["case"], *reply, truth) for one, reply, truth in zip(asked, told["replies"], truths, strict=True)
        ]
    except (ValueError, LookupError, TypeError):
        return _NOTHING | {"log": (complained.strip().splitlines() or [""])[-1][-200:]}
    found = _NOTHING | {"started": True, "returns": told["returns"]}
    # Of several photos, the case that is answered wrong speaks.
    good = {"photo": 200, "large": 413, "full": 503}
    for case, status, _, _ in sorted(replies, key=lambda one: one[1] != good.get(one[0], 422)):
        found[case] = status
    photos = [(text, _fields(text, loads), truth) for case, _, text, truth in replies if case == "photo"]
    wrong = [one for one in photos if not _is_right(*one[1:])]
    said, fields, _ = (wrong or photos)[0]
    return found | {"said": said[:200], "fields": sorted(fields), "right": not wrong}


def _fields(text: str, loads: Callable[[str], object]) -> dict:
    try:
        return dict(loads(text))
    except (ValueError, TypeError):
        return {}


def _is_right(fields: Mapping, truth: Sequence) -> bool:
    try:
        return fields["prediction"] == truth[0] and abs(fields["probability"] - truth[1]) < 0.01
    except (LookupError, TypeError):
        return False


def _print_replies(module: str, asked: Sequence[Mapping]) -> None:
    """Print the truth about each photo before the app is there, and then what it replies."""
    from PIL import Image

    classifier = importlib.import_module("classifier")
    photos = [base64.b64decode(one["text"]) if one["case"] == "photo" else None for one in asked]
    print(json.dumps([one and classifier.classify(Image.open(io.BytesIO(one))) for one in photos]), flush=True)
    with warnings.catch_warnings(action="ignore"):  # of a client's library that is about to be replaced
        from fastapi.testclient import TestClient
    client = TestClient(importlib.import_module(module).app, raise_server_exceptions=False)
    places, replies = classifier.places, []
    for one in asked:
        classifier.places = threading.Semaphore(0) if one["case"] == "full" else places
        reply = client.post("/predict", json={one["field"]: one["text"]})
        replies.append((reply.status_code, reply.text[:1000]))
    print("\n" + json.dumps({"replies": replies, "returns": _promised(client)}))


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
    _print_replies(sys.argv[1], json.loads(Path(sys.argv[2]).read_text()))
