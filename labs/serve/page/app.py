"""GourmetGram's page before a server.

The environment names the server: PAGE_SERVER, and PAGE_TRITON_MODEL for Triton.

``uvicorn labs.serve.page.app:app`` serves it.
"""

import base64
import functools
import io
import os
import threading
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Form, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from PIL import Image
from starlette.exceptions import HTTPException
from starlette.types import Scope

from labs import assets
from labs.data.dataset import iterate
from labs.data.intake import MOST_BYTES, Bounded, PhotoError, open_photo
from labs.data.labels import CLASS_NAMES
from labs.runtimes.loopback import OwnHosts
from labs.serve.page.asking import IN_PLAIN_WORDS, NoPredictionError, ask

#: Longer side of the preview, in pixels.
_PREVIEW_PX = 640

#: Nothing but the page's own files and the preview: an image's name or content can start nothing in
#: the browser.
_POLICY = (
    "default-src 'none'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; "
    "form-action 'self'"
)
_HEADERS = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}

#: Held while a picture is decoded. A process decodes one picture at a time: forty of its threads
#: decode no faster than one does for each core, and its health check would wait behind all of them.
_DECODING = threading.Lock()

_WRONG_HOST = "The page answers at this machine's own addresses only."

_HERE = Path(__file__).parent


@functools.cache
def samples() -> tuple[tuple[str, bytes], ...]:
    """Return one evaluation picture of each class, with the class's name."""
    first: dict[int, bytes] = {}
    for path, label in iterate(assets.dataset(), "evaluation"):
        if label not in first:
            first[label] = path.read_bytes()
    return tuple((CLASS_NAMES[label], first[label]) for label in sorted(first))


def create_page(server: str, triton_model: str = "") -> FastAPI:
    """Return the page before a server, or before a model of a Triton."""
    app = FastAPI(openapi_url=None)
    app.mount("/static", StaticFiles(directory=_HERE / "static"))
    templates = Jinja2Templates(_HERE / "templates")
    answered_by = f"Triton, {triton_model}" if triton_model else "FastAPI"
    always = {"server": server, "answered_by": answered_by}

    def page(request: Request, status: int = 200, /, **shown: object) -> HTMLResponse:
        shown["samples"] = [name for name, _ in samples()]
        shown["most_mb"] = MOST_BYTES // 1_000_000
        shown |= always
        return templates.TemplateResponse(
            request, "page.html", shown, status, headers=dict(_HEADERS)
        )

    def refused(scope: Scope, error: PhotoError) -> HTMLResponse:
        return page(Request(scope), error.status, error=IN_PLAIN_WORDS[error.status])

    async def unread(request: Request, error: Exception) -> HTMLResponse:
        status = error.status_code if isinstance(error, HTTPException) else 422
        return page(request, status, error="This request cannot be read. Choose a picture.")

    app.add_exception_handler(HTTPException, unread)
    app.add_exception_handler(RequestValidationError, unread)
    app.add_middleware(Bounded, refusal=refused)
    app.add_middleware(OwnHosts, refusal=PlainTextResponse(_WRONG_HOST, 421))

    @app.get("/")
    def start(request: Request) -> HTMLResponse:
        return page(request)

    @app.post("/")
    def classify(
        request: Request,
        sample: Annotated[int | None, Form(ge=0, lt=len(CLASS_NAMES))] = None,
        picture: UploadFile | None = None,
    ) -> HTMLResponse:
        label: str | None = None
        content = b""
        if sample is not None:
            label, content = samples()[sample]
        elif picture:
            content = picture.file.read()
        if not content:
            return page(request, 400, error="Choose a picture first, or click one of the samples.")
        try:
            shown = {"preview": preview(content), "label": label}
        except PhotoError as error:
            return page(request, error.status, error=IN_PLAIN_WORDS[error.status])
        try:
            return page(request, answer=ask(content, server, triton_model), **shown)
        except NoPredictionError as error:
            return page(request, error.status, error=str(error), **shown)

    @app.get("/samples/{number}.jpg")
    def sample(number: int) -> Response:
        if not 0 <= number < len(samples()):
            raise HTTPException(404)
        _, content = samples()[number]
        headers = {"Cache-Control": "max-age=3600"}
        return Response(content, media_type="image/jpeg", headers=headers)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        # The server behind the page has its own.
        return {"status": "ok"}

    return app


def preview(content: bytes) -> str:
    """Return a small copy of a picture as a data URL; raise PhotoError when it is none."""
    encoded = io.BytesIO()
    with _DECODING:
        image = open_photo(content, least_px=_PREVIEW_PX)
        image.thumbnail((_PREVIEW_PX, _PREVIEW_PX), Image.Resampling.BILINEAR)
        image.save(encoded, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(encoded.getvalue()).decode()


app = create_page(
    os.environ.get("PAGE_SERVER", "http://127.0.0.1:8000"), os.environ.get("PAGE_TRITON_MODEL", "")
)
