"""A small course to publish, and a server on loopback that answers as Trovi does, quirks included."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from provisioning.trovi import crate

TAGS = ("education", "Machine Learning")
SUBJECT, TOKEN = "subject-jwt", "trovi-jwt"


class Trovi(ThreadingHTTPServer):
    """Trovi's state: artifacts, stored archives, and the crates that 'GitHub' holds."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.artifacts: dict[str, dict] = {}
        self.archives: dict[str, bytes] = {}
        self.repositories: dict[str, dict] = {}
        #: Statuses to answer with before anything else.
        self.refuse: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Trovi

    def log_message(self, *_arguments) -> None:
        pass

    def _answer(self, status: int, body: object) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _handle(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        if self.server.refuse:
            return self._answer(self.server.refuse.pop(0), {"detail": "refused"})
        if (self.command, path) == ("POST", "/token/"):
            return self._token(json.loads(raw))
        # The scheme is compared as it stands: 'Bearer' is refused.
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme != "bearer":
            return self._answer(400, [f"Unknown authentication scheme: {scheme}."])
        if token != TOKEN:
            return self._answer(401, {"detail": "Invalid token"})
        if (self.command, path) == ("GET", "/meta/tags/"):
            return self._answer(200, {"tags": [{"tag": tag} for tag in TAGS]})
        if (self.command, path) == ("POST", "/contents/"):
            return self._store(raw)
        if (self.command, path) == ("POST", "/artifacts/"):
            return self._create(json.loads(raw))
        if self.command == "POST" and (match := re.fullmatch(r"/artifacts/([^/]+)/versions/", path)):
            return self._version(match.group(1), json.loads(raw))
        if match := re.fullmatch(r"/import/(?:([^/]+)/)?", path):
            return self._import(match.group(1), json.loads(raw))
        return self._answer(404, {"detail": "Not found."})

    do_GET = do_POST = do_PUT = _handle  # noqa: N815 - names that http.server calls

    def _token(self, body: dict) -> None:
        right = body["grant_type"] == "token_exchange" and body["subject_token"] == SUBJECT
        if not right or body["subject_token_type"] != "urn:ietf:params:oauth:token-type:jwt":
            return self._answer(401, {"error": "invalid_grant"})
        return self._answer(201, {"access_token": TOKEN, "token_type": "bearer", "scope": body["scope"]})

    def _store(self, raw: bytes) -> None:
        query = parse_qs(urlsplit(self.path).query)
        if query.get("backend") != ["chameleon"]:
            return self._answer(400, ["Unknown backend"])
        if (
            self.headers["Content-Type"] != "application/tar+gz"
            or "filename=" not in self.headers["Content-Disposition"]
        ):
            return self._answer(400, ["No file uploaded."])
        name = f"urn:trovi:contents:chameleon:{uuid.uuid4()}"
        self.server.archives[name] = raw
        return self._answer(201, {"contents": {"urn": name}})

    def _refusals(self, body: dict) -> dict:
        found = {}
        for key, limit in (("title", 140), ("short_description", 200), ("long_description", 5000)):
            if len(body.get(key) or "") > limit:
                found[key] = [f"Ensure this field has no more than {limit} characters."]
        unknown = [tag for tag in body.get("tags", []) if tag.lower() not in {t.lower() for t in TAGS}]
        if unknown:
            found["tags"] = [f"Unknown tag: {tag}" for tag in unknown]
        return found

    def _keep(self, body: dict) -> dict:
        artifact_id = str(uuid.uuid4())
        version = body.pop("version")
        artifact = {"uuid": artifact_id, **body, "versions": [{"slug": "2026-03-02", **version}]}
        self.server.artifacts[artifact_id] = artifact
        return artifact

    def _create(self, body: dict) -> None:
        if found := self._refusals(body):
            return self._answer(400, found)
        if body["version"]["contents"]["urn"] not in self.server.archives:
            return self._answer(400, {"version": ["unknown contents"]})
        return self._answer(201, self._keep(body))

    def _version(self, artifact_id: str, body: dict) -> None:
        if artifact_id not in self.server.artifacts:
            return self._answer(404, {"detail": "Not found."})
        versions = self.server.artifacts[artifact_id]["versions"]
        versions.append({"slug": f"2026-03-02.{len(versions)}", **body})
        return self._answer(201, versions[-1])

    def _import(self, artifact_id: str | None, body: dict) -> None:
        document = self.server.repositories.get(body["github_url"])
        if document is None:
            return self._answer(400, ["Could not fetch information from GitHub."])
        entities = {entity["@id"]: entity for entity in document["@graph"]}
        root = entities["./"]
        people = [entities[reference["@id"]] for reference in root["author"]]
        applications = [entities[reference["@id"]] for reference in root["actionApplication"]]
        setup = [{"type": each["trovi_type"], "arguments": each["trovi_arguments"]} for each in applications]
        artifact = {
            "title": root["name"],
            "short_description": root["disambiguatingDescription"],
            "long_description": root["description"],
            "tags": [tag.strip() for tag in root["keywords"].split(",")],
            "authors": [{"full_name": p["name"], "email": p["email"], "affiliation": p["affiliation"]} for p in people],
            "version": {
                "contents": {"urn": f"urn:trovi:contents:git:{body['github_url']}@0123abc"},
                "environment_setup": setup,
            },
        }
        if found := self._refusals(artifact):
            # What is wrong comes as the body of a success.
            return self._answer(200, found)
        if artifact_id is None:
            return self._answer(200, self._keep(artifact))
        self.server.artifacts[artifact_id]["versions"].append({"slug": "next", **artifact.pop("version")})
        return self._answer(200, {**self.server.artifacts[artifact_id], **artifact})


@pytest.fixture
def trovi() -> Iterator[Trovi]:
    server = Trovi()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def document() -> dict:
    """A crate that nothing is wrong with: the course's own, with an author."""
    made = crate.read(Path(__file__).parents[3] / crate.FILE_NAME)
    entities = {entity["@id"]: entity for entity in made["@graph"]}
    entities["./"] |= {"name": "Serving", "keywords": "education, machine learning"}
    entities["#author-1"] |= {"name": "Ada Lovelace", "email": "ada@uni.edu", "affiliation": "Uni"}
    return made


@pytest.fixture
def course(tmp_path: Path, document: dict) -> Path:
    """A course with what may leave and what may not."""
    root = tmp_path / "course"
    files = {
        "README.md": "A course.",
        "trovi.json": json.dumps(document),
        "pyproject.toml": '[project]\ndependencies = ["rich>=13"]\n[project.optional-dependencies]\n'
        'provisioning = ["python-chi>=1.2.6,<1.3"]\nlabs = ["torch>=2.9"]\n',
        "labs/bench.py": "x = 1",
        "labs/__pycache__/bench.cpython-311.pyc": "x",
        "notebooks/1_model/11_measure.ipynb": '{"cells": []}',
        "notebooks/1_model/.ipynb_checkpoints/11_measure.ipynb": "{}",
        "notebooks/instructor/90_publish.ipynb": "{}",
        "provisioning/node/bin/setup.sh": "#!/bin/sh\n",
        "grading/checkpoints/model.py": "check = 1",
        "grading/answers/model.py": "answer = 42",
        "tests/test_x.py": "assert True",
        "assets/manifest.json": "{}",
        ".env": "TOKEN=1",
        "secret/notes.txt": "x",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root
