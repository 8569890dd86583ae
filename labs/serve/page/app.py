"""The page: ``create_page(settings)`` makes the app that ``python -m labs.serve`` serves, with that server's limits."""

from __future__ import annotations

import base64
import functools
import io
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from PIL import Image
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from labs import assets
from labs.data.dataset import iterate
from labs.data.labels import CLASS_NAMES
from labs.data.preprocess import ImageDecodeError, load_image
from labs.runtimes.loopback import OwnHosts
from labs.serve.contract import IMAGE_FORMATS, IMAGE_MEDIA_TYPES, ProblemError
from labs.serve.limits import read_body
from labs.serve.page.asking import MAX_PIXELS, NoAnswerError, ask
from labs.serve.settings import PageSettings

#: Longer side of the preview, in pixels.
_PREVIEW_PX = 640

#: Nothing but the page's own files and the preview: an image's name or content can start nothing in the browser.
_POLICY = "default-src 'none'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; form-action 'self'"
_HEADERS = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}

_WRONG_HOST = "The page answers at this machine's own addresses only."

_HERE = Path(__file__).parent


@functools.cache
def samples() -> tuple[tuple[str, bytes], ...]:
    """Return one evaluation picture of each class, with the class's name."""
    first: dict[int, bytes] = {}
    for path, label in iterate(assets.dataset(), "evaluation"):
        if label not in first:
            first[label] = path.read_bytes()
    return tuple((CLASS_NAMES[label], content) for label, content in sorted(first.items()))


def create_page(settings: PageSettings | None = None) -> FastAPI:
    """Return the page.

    Args:
        settings: Which server answers behind it; from the environment when None.
    """
    settings = settings or PageSettings.from_environment()
    app = FastAPI(openapi_url=None)
    app.add_middleware(OwnHosts, refusal=PlainTextResponse(_WRONG_HOST, 421))
    app.mount("/static", StaticFiles(directory=_HERE / "static"))
    templates = Jinja2Templates(_HERE / "templates")

    def page(request: Request, status: int = 200, **shown: object) -> HTMLResponse:
        names = [name for name, _ in samples()]
        shown |= {"settings": settings, "samples": names, "media": ",".join(IMAGE_MEDIA_TYPES)}
        return templates.TemplateResponse(request, "page.html", shown, status, headers=dict(_HEADERS))

    @app.get("/")
    def start(request: Request) -> HTMLResponse:
        return page(request)

    @app.post("/")
    async def classify(request: Request) -> HTMLResponse:
        try:
            label, content = await _chosen(request, settings)
        except ProblemError as error:
            return page(request, error.status, error=f"{error.title}: {error.detail}.")
        if not content:
            return page(request, 400, error="Choose a picture first, or click one of the samples.")
        return await run_in_threadpool(answered, request, label, content)

    def answered(request: Request, label: str | None, content: bytes) -> HTMLResponse:
        try:
            answer = ask(content, settings)
        except NoAnswerError as error:
            return page(request, error.status, error=str(error), preview=preview(content))
        return page(request, answer=answer, preview=preview(content), label=label)

    @app.get("/samples/{number}.jpg")
    def sample(number: int) -> Response:
        if not 0 <= number < len(samples()):
            raise HTTPException(404)
        return Response(samples()[number][1], media_type="image/jpeg", headers={"Cache-Control": "max-age=3600"})

    @app.get("/readyz")
    def readyz() -> dict[str, str]:
        # The server behind the page has its own.
        return {"status": "ready"}

    return app


async def _chosen(request: Request, settings: PageSettings) -> tuple[str | None, bytes]:
    """Return the class and the content of the sample that was chosen, or None and the upload's content.

    Raises:
        ProblemError: The form is too large or too slow.
    """
    # The framework would read a form of any size, for any time.
    body = await read_body(request, settings.max_upload_bytes, settings.timeout_s)
    form = await _form(request, body)
    chosen, upload = form.get("sample", ""), form.get("picture")
    if isinstance(chosen, str) and chosen.isascii() and chosen.isdecimal() and int(chosen[:9]) < len(samples()):
        label, content = samples()[int(chosen[:9])]
        return label, content
    return None, await upload.read() if isinstance(upload, UploadFile) else b""


async def _form(request: Request, body: bytes) -> FormData:
    """Return a form's fields; none where the body is no form."""

    async def receive() -> dict:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        return await Request(request.scope, receive).form(max_files=1, max_fields=4)
    except (HTTPException, ValueError, KeyError):
        return FormData()


def preview(content: bytes) -> str:
    """Return a small copy of a picture as a data URL, or '' when it is none."""
    try:
        image = load_image(content, formats=IMAGE_FORMATS, max_pixels=MAX_PIXELS)
    except ImageDecodeError:
        return ""
    image.thumbnail((_PREVIEW_PX, _PREVIEW_PX), Image.Resampling.BILINEAR)
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(encoded.getvalue()).decode()
