"""The one form in which a service says no: problem details (RFC 9457), with what to do about it.

Source: RFC 9457, 'Problem Details for HTTP APIs', July 2023.
"""

from __future__ import annotations

import http
import json
import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"

#: Every kind of problem: its status, and its title, which never changes from one occurrence to the next.
KINDS: dict[str, tuple[int, str]] = {
    "not-json": (400, "The body is not JSON"),
    "too-slow": (408, "The request took too long to arrive"),
    "head-too-large": (431, "The request's headers are too large"),
    "too-many-scans": (422, "The JPEG is stored in too many scans"),
    "wrong-host": (421, "The request is for another host"),
    "too-large": (413, "The body is too large"),
    "too-many-pixels": (413, "The image has too many pixels"),
    "wrong-media-type": (415, "This media type is not taken here"),
    "wrong-form": (422, "The body does not have the form that the contract asks for"),
    "not-base64": (422, "The image is not base64"),
    "not-an-image": (422, "The bytes are not an image"),
    "overloaded": (503, "More requests are waiting than the service takes"),
    "not-ready": (503, "The model is not loaded"),
}

_log = logging.getLogger("labs.serve")


class Problem(BaseModel):
    """What went wrong, for programs (`type`, `status`) and for people (`title`, `detail`)."""

    #: A name for the kind of problem, a URI reference.
    type: str = Field(examples=["/problems/not-base64"])
    #: The kind in words.
    title: str = Field(examples=["The image is not base64"])
    #: The status that was sent.
    status: int = Field(examples=[422])
    #: What is wrong this time, and the way out.
    detail: str = Field(examples=["'image' is a data URL; send what comes behind the comma"])


class ProblemError(Exception):
    """A request that cannot be served, with the reply that says so."""

    def __init__(self, kind: str, detail: str, *, retry_after_s: int | None = None) -> None:
        """Describe it.

        Args:
            kind: A key of ``KINDS``.
            detail: What is wrong, and the way out.
            retry_after_s: Whole seconds after which another try may succeed.
        """
        super().__init__(detail)
        self.kind, self.detail, self.retry_after_s = kind, detail, retry_after_s
        self.status, self.title = KINDS[kind]

    def response(self) -> Response:
        """Return the reply."""
        headers = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
        # What was not read of the body would be taken for the next request.
        if self.status in (408, 413, 421, 431):
            headers["Connection"] = "close"
        return problem_response(f"/problems/{self.kind}", self.title, self.status, self.detail, headers)


def problem_response(type_: str, title: str, status: int, detail: str, headers: dict | None = None) -> Response:
    """Return a reply in problem form."""
    body = Problem(type=type_, title=title, status=status, detail=detail).model_dump_json()
    return Response(body, status, headers, MEDIA_TYPE)


def plain_problem(status: int, detail: str, headers: dict | None = None) -> Response:
    """Return a reply for a problem that its status says all about; its type is 'about:blank', as the RFC has it."""
    return problem_response("about:blank", http.HTTPStatus(status).phrase, status, detail, headers)


def described() -> dict[int, dict]:
    """Return what a prediction may be refused with, as OpenAPI describes replies: every kind, by its status."""
    found: dict[int, dict] = {}
    for kind, (status, title) in KINDS.items():
        reply = found.setdefault(status, {"description": "", "content": {MEDIA_TYPE: {"examples": {}}}})
        reply["description"] = "; ".join(filter(None, (reply["description"], title)))
        content = reply["content"][MEDIA_TYPE]
        content["schema"] = Problem.model_json_schema()
        value = {"type": f"/problems/{kind}", "title": title, "status": status, "detail": "what is wrong this time"}
        content["examples"][kind] = {"value": value}
    return found


def install(app: FastAPI) -> None:
    """Let the app answer every failure in this form, also those of the framework."""

    @app.exception_handler(ProblemError)
    async def known(_: Request, error: ProblemError) -> Response:
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return ProblemError("wrong-form", json.dumps(error.errors(), default=str)).response()

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        detail = f"{request.method} {request.url.path}: {error.detail}; /docs lists what there is"
        return plain_problem(error.status_code, detail, dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        # The log has the details. The client gets none: they would tell a stranger about the inside.
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return plain_problem(500, "Something went wrong in the service, not in your request; its log says what.")

    @app.get("/problems/{kind}", include_in_schema=False)
    async def explain(kind: str) -> dict:
        if kind not in KINDS:
            raise HTTPException(404, f"no problem is named {kind!r}; there are {', '.join(KINDS)}")
        status, title = KINDS[kind]
        return {"type": f"/problems/{kind}", "title": title, "status": status}
