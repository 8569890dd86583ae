"""Trovi's API: tokens, contents, artifacts, versions, and the import of a GitHub repository.

Source: ChameleonCloud/trovi, ``trovi/{auth,storage,api,importing}``. What is easy to get wrong there: the scheme in the
Authorization header must be lower case; the import answers 200 with the errors as its body when the crate is refused;
an artifact never changes, each upload is a new version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from provisioning.testbed.errors import NotSignedInError, ProvisioningError, ServiceBusyError

BASE_URL = "https://trovi.chameleoncloud.org"
_JWT = "urn:ietf:params:oauth:token-type:jwt"
_SCOPES = "artifacts:read artifacts:write"


class TroviRefusalError(ProvisioningError):
    """Trovi did not accept the request."""

    likely = "A text is too long, a tag is unknown to Trovi, or the artifact belongs to somebody else."
    way_out = "`python -m provisioning trovi validate --online` compares trovi.json with Trovi's limits and tags."


@dataclass(frozen=True)
class Published:
    """Where the course is after a publication."""

    artifact_id: str
    #: Short name of the version inside the artifact; empty where Trovi gives it later.
    version: str
    #: Page to open.
    url: str


class TroviClient:
    """A signed-in client.

    Args:
        token: of Trovi (see :func:`exchange`).
        base_url: of the API.
        timeout_s: for one request; uploads get ten times that.
    """

    def __init__(self, token: str, base_url: str = BASE_URL, timeout_s: float = 30.0):
        self._base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"bearer {token}"

    def tags(self) -> tuple[str, ...]:
        """Return the tags that Trovi knows."""
        return tuple(each["tag"] for each in self._ask("GET", "/meta/tags/")["tags"])

    def store(self, archive: Path) -> str:
        """Upload an archive and return the name (URN) by which a version refers to it."""
        with archive.open("rb") as stream:
            reply = self._ask(
                "POST",
                "/contents/",
                params={"backend": "chameleon"},
                data=stream,
                headers={
                    "Content-Type": "application/tar+gz",
                    "Content-Disposition": f"attachment; filename={archive.name}",
                },
                timeout=self._timeout_s * 10,
            )
        return reply["contents"]["urn"]

    def create(self, document: Mapping[str, Any], contents_urn: str) -> Published:
        """Make a new, private artifact of a crate and an uploaded archive."""
        root, people, applications = _parts(document)
        body = {
            "title": root["name"],
            "short_description": root["disambiguatingDescription"],
            "long_description": root["description"],
            "tags": [tag.strip() for tag in root["keywords"].split(",")],
            "authors": [
                {"full_name": each["name"], "email": each["email"], "affiliation": each["affiliation"]}
                for each in people
            ],
            "visibility": "private",
            "version": _version(contents_urn, applications),
        }
        return self._published(self._ask("POST", "/artifacts/", json=body))

    def add_version(self, artifact_id: str, document: Mapping[str, Any], contents_urn: str) -> Published:
        """Add a version to an artifact: what is published never changes, each update is a version of its own."""
        _, _, applications = _parts(document)
        body = _version(contents_urn, applications)
        made = self._ask("POST", f"/artifacts/{artifact_id}/versions/", json=body)
        return Published(artifact_id, str(made.get("slug", "")), self._page(artifact_id))

    def import_repository(self, github_url: str, artifact_id: str | None = None) -> Published:
        """Make an artifact, or a new version of one, from the newest commit of a GitHub repository.

        The commit is pinned, so a later push needs another import. A version that comes from git gets no DOI.
        """
        body = {"github_url": github_url}
        if artifact_id is None:
            made = self._ask("POST", "/import/", json=body)
        else:
            made = self._ask("PUT", f"/import/{artifact_id}/", json=body)
        if artifact_id is None and not (made.get("uuid") or made.get("id")):
            # Status 200, and what is wrong as the body.
            raise TroviRefusalError(f"Trovi refused the import: {made}")
        return self._published({"uuid": artifact_id, **made})

    def _published(self, made: Mapping[str, Any]) -> Published:
        artifact_id = str(made.get("uuid") or made["id"])
        versions = made.get("versions") or [{}]
        return Published(artifact_id, str(versions[-1].get("slug", "")), self._page(artifact_id))

    def _page(self, artifact_id: str) -> str:
        return f"{self._base_url}/dashboard/artifacts/{artifact_id}"

    def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        options.setdefault("timeout", self._timeout_s)
        try:
            reply = self._session.request(method, self._base_url + path, **options)
        except requests.RequestException as error:
            raise ServiceBusyError(f"Trovi did not answer {method} {path}: {type(error).__name__}") from error
        return _checked(reply, f"{method} {path}")


def exchange(subject_token: str, base_url: str = BASE_URL) -> str:
    """Return a Trovi token for a token of Chameleon's sign-in.

    Args:
        subject_token: on Chameleon's Jupyter it is in ``OS_ACCESS_TOKEN``; it lasts minutes, so take a fresh one.
        base_url: of the API.
    """
    body = {
        "grant_type": "token_exchange",
        "subject_token": subject_token,
        "subject_token_type": _JWT,
        "scope": _SCOPES,
    }
    try:
        reply = requests.post(f"{base_url.rstrip('/')}/token/", json=body, timeout=30)
    except requests.RequestException as error:
        raise ServiceBusyError(f"Trovi did not answer: {type(error).__name__}") from error
    return _checked(reply, "POST /token/")["access_token"]


def _checked(reply: requests.Response, what: str) -> dict[str, Any]:
    if reply.status_code == 401:
        raise NotSignedInError(f"{what}: Trovi refused the token", way_out="Take a fresh token and publish again.")
    if reply.status_code >= 500:
        raise ServiceBusyError(f"{what}: Trovi answered {reply.status_code}")
    if reply.status_code >= 400:
        raise TroviRefusalError(f"{what}: Trovi answered {reply.status_code}: {reply.text[:500]}")
    try:
        return reply.json()
    except ValueError as error:
        raise ServiceBusyError(f"{what}: Trovi's answer is not JSON") from error


def _parts(document: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[Any], list[Any]]:
    entities = {entity["@id"]: entity for entity in document["@graph"]}
    root = entities["./"]

    def follow(references: Iterable[Mapping[str, Any]]) -> list[Any]:
        return [entities[each["@id"]] for each in references]

    return root, follow(root["author"]), follow(root["actionApplication"])


def _version(contents_urn: str, applications: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    setup = [{"type": each["trovi_type"], "arguments": each["trovi_arguments"]} for each in applications]
    return {"contents": {"urn": contents_urn}, "environment_setup": setup}
