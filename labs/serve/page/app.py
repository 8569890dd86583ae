"""The Flask app: ``create_page(settings)`` makes one."""

from __future__ import annotations

import base64
import functools
import io

from flask import Flask, Response, abort, render_template, request
from PIL import Image
from werkzeug.exceptions import RequestEntityTooLarge

from labs import assets
from labs.dataset import iterate
from labs.labels import CLASS_NAMES
from labs.loopback import is_own_host
from labs.preprocess import ImageDecodeError, load_image
from labs.serve.contract import IMAGE_FORMATS, IMAGE_MEDIA_TYPES
from labs.serve.page.asking import MAX_PIXELS, NoAnswerError, ask
from labs.serve.page.settings import PageSettings

#: Longer side of the preview, in pixels.
_PREVIEW_PX = 640

#: Nothing but the page's own files and the preview: a picture's name or content can start nothing in the browser.
_POLICY = "default-src 'none'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; form-action 'self'"


@functools.cache
def samples() -> tuple[tuple[str, bytes], ...]:
    """Return one evaluation picture of each class, with the class's name."""
    first: dict[int, bytes] = {}
    for path, label in iterate(assets.dataset(), "evaluation"):
        if label not in first:
            first[label] = path.read_bytes()
    return tuple((CLASS_NAMES[label], content) for label, content in sorted(first.items()))


def create_page(settings: PageSettings | None = None) -> Flask:
    """Return the page.

    Args:
        settings: Which server answers behind it; from the environment when None.
    """
    settings = settings or PageSettings.from_environment()
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_upload_bytes

    def page(status: int = 200, **shown: object) -> Response:
        names = [name for name, _ in samples()]
        text = render_template(
            "page.html", settings=settings, samples=names, media=",".join(IMAGE_MEDIA_TYPES), **shown
        )
        return Response(text, status)

    @app.before_request
    def own_hosts_only() -> None:
        if not is_own_host(request.headers.get("Host", "")):
            abort(421, "The page answers at this machine's own addresses only.")

    @app.after_request
    def guard(reply: Response) -> Response:
        reply.headers["Content-Security-Policy"] = _POLICY
        reply.headers["X-Content-Type-Options"] = "nosniff"
        return reply

    @app.get("/")
    def start() -> Response:
        """Show the empty page."""
        return page()

    @app.post("/")
    def classify() -> Response:
        """Show what the uploaded picture or the chosen sample shows."""
        upload, chosen = request.files.get("picture"), request.form.get("sample", "")
        label = None
        if chosen.isdigit() and int(chosen) < len(samples()):
            label, content = samples()[int(chosen)]
        elif upload is not None and upload.filename:
            content = upload.read()
        else:
            return page(400, error="Choose a picture first, or click one of the samples.")
        try:
            answer = ask(content, settings)
        except NoAnswerError as error:
            return page(error.status, error=str(error), preview=preview(content))
        return page(answer=answer, preview=preview(content), label=label)

    @app.get("/samples/<int:number>.jpg")
    def sample(number: int) -> Response:
        """Return a sample picture."""
        if number >= len(samples()):
            abort(404)
        return Response(samples()[number][1], mimetype="image/jpeg", headers={"Cache-Control": "max-age=3600"})

    @app.get("/readyz")
    def readyz() -> dict[str, str]:
        """Return that the page is there; the server behind it has its own."""
        return {"status": "ready"}

    @app.errorhandler(RequestEntityTooLarge)
    def too_large(_: RequestEntityTooLarge) -> Response:
        limit = settings.max_upload_bytes / 1e6
        return page(
            413, error=f"This file is too large: {limit:g} MB are the limit. A smaller copy shows the same food."
        )

    return app


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
