"""The FastAPI app: ``create_app(settings)`` makes one, and loads nothing before it is started.

``uvicorn --factory labs.serve.app:create_app`` serves it with settings from ``LABS_…`` variables.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labs.data.preprocess import ImageDecodeError, ImageTooLargeError, TooManyScansError
from labs.machine.version import code_version
from labs.runtimes.loopback import OwnHosts
from labs.serve.contract import (
    IMAGE_MEDIA_TYPES,
    PredictReply,
    PredictRequest,
    ProblemError,
    answer_in_problems,
    described,
)
from labs.serve.engine import Engine, Outcome, OverloadedError
from labs.serve.limits import image_in_json, read_body, require_image_type
from labs.serve.settings import Settings

_PATHS = frozenset(("/predict", "/predict/raw", "/healthz", "/readyz", "/metrics"))

_ABOUT = """One image of food in, its class out.

`POST /predict` takes base64 in JSON, `POST /predict/raw` the file itself. Whatever goes wrong is told as
`application/problem+json` (RFC 9457). The `Server-Timing` header says where the time went, in milliseconds."""

#: Media type of the text below. Source: Prometheus, 'Exposition formats', text format 0.0.4.
METRICS_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

#: Upper ends of the buckets, in seconds: finer where the objectives lie.
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5)

#: What a browser gets that a foreign page has sent here.
_WRONG_HOST = "the service answers at this machine's own addresses only"


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the service.

    Args:
        settings: What it serves and how; from the environment when None.
    """
    settings = settings or Settings.from_environment()
    engine = Engine(settings)
    metrics = Metrics(engine)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # Loading goes on while /healthz and /readyz answer already, unless callers are to wait at the door.
        engine.start()
        while settings.wait_for_model and not (engine.ready or engine.failure):
            await asyncio.sleep(0.005)
        yield
        await engine.stop()

    about = {"title": "GourmetGram food classifier", "version": code_version(), "description": _ABOUT}
    # The relative server is where the description came from, whatever proxy stands in between.
    app = FastAPI(**about, lifespan=lifespan, servers=[{"url": "."}], docs_url=None, redoc_url=None)
    app.add_middleware(CountReplies, metrics=metrics, paths=_PATHS)
    app.add_middleware(OwnHosts, refusal=ProblemError("wrong-host", _WRONG_HOST).response())
    answer_in_problems(app)
    _add_predictions(app, settings, engine, metrics)
    _add_probes(app, engine, metrics)
    _add_docs(app)
    return app


def _add_predictions(app: FastAPI, settings: Settings, engine: Engine, metrics: Metrics) -> None:
    about = {"response_model": PredictReply, "responses": described()}

    # The body is read by hand: the framework would read any number of bytes, for any time, before looking at them.
    @app.post("/predict", **about, openapi_extra=_body("application/json", PredictRequest.model_json_schema()))
    async def predict(request: Request) -> Response:
        """Return what the image in `image` shows."""
        return await answer(request, image_in_json(await body_of(request)))

    binary = {"type": "string", "format": "binary"}

    @app.post("/predict/raw", **about, openapi_extra=_body(IMAGE_MEDIA_TYPES, binary))
    async def predict_raw(request: Request) -> Response:
        """Return what the image that is the body shows."""
        require_image_type(request)
        return await answer(request, await body_of(request))

    async def body_of(request: Request) -> bytes:
        return await read_body(request, settings.max_body_bytes, settings.body_timeout_s)

    async def answer(request: Request, content: bytes) -> Response:
        if not engine.ready:
            raise not_ready(engine)
        try:
            future = engine.hand_over(content)
        except OverloadedError as error:
            detail = f"{engine.in_flight} requests wait already; send more slowly, or start another service too"
            raise ProblemError("overloaded", detail, retry_after_s=error.retry_after_s) from None
        outcome = await _unless_gone(request, future)
        metrics.observe(outcome)
        if isinstance(outcome.result, PredictReply):
            body = outcome.result.model_dump_json()
            return Response(body, media_type="application/json", headers={"Server-Timing": _timing(outcome)})
        if isinstance(outcome.result, ImageTooLargeError):
            raise ProblemError("too-many-pixels", str(outcome.result))
        if isinstance(outcome.result, TooManyScansError):
            raise ProblemError("too-many-scans", str(outcome.result))
        if isinstance(outcome.result, ImageDecodeError):
            raise ProblemError("not-an-image", str(outcome.result))
        raise outcome.result


def _add_probes(app: FastAPI, engine: Engine, metrics: Metrics) -> None:
    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Return that the process is alive; 503 when its model can never be loaded, so that it gets replaced."""
        if engine.failure:
            raise not_ready(engine)
        return {"status": "alive"}

    @app.get("/readyz")
    async def readyz() -> dict[str, str]:
        """Return that the model is loaded and requests may come."""
        if not engine.ready:
            raise not_ready(engine)
        return {"status": "ready"}

    @app.get("/metrics")
    async def read_metrics() -> Response:
        """Return the counters, as Prometheus reads them."""
        return Response(metrics.text(), media_type=METRICS_MEDIA_TYPE)


def _add_docs(app: FastAPI) -> None:
    """Serve Swagger UI at /docs, with its files out of a package: FastAPI's own page takes them from another host.

    Its addresses are relative, so that it also works behind Jupyter's proxy.
    """
    if (package := find_spec("fastapi_offline")) is None:
        return  # a device serves, and nobody reads there
    app.mount("/docs/files", StaticFiles(directory=Path(package.origin).with_name("static")))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        page = get_swagger_ui_html(
            openapi_url="openapi.json",
            title=app.title,
            swagger_js_url="docs/files/swagger-ui-bundle.js",
            swagger_css_url="docs/files/swagger-ui.css",
            swagger_favicon_url="docs/files/favicon.png",
        )
        # A screen reader wants to know the language, and where the content begins.
        text = page.body.decode().replace("<html>", '<html lang="en">')
        return HTMLResponse(text.replace("<body>", "<body><main>").replace("</body>", "</main></body>"))


def not_ready(engine: Engine) -> ProblemError:
    """Return the reply to whoever comes before the model is loaded."""
    detail = engine.failure or "the model is being loaded; /readyz tells when it is"
    return ProblemError("not-ready", detail, retry_after_s=1)


async def _unless_gone(request: Request, future: asyncio.Future[Outcome]) -> Outcome:
    """Return the outcome, unless the client leaves first: then the image is passed over in the queue."""
    gone = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait((future, gone), return_when=asyncio.FIRST_COMPLETED)
        if not future.done():
            raise ProblemError("too-slow", "the client closed the connection before the answer was there")
        return future.result()
    finally:
        future.cancel()
        gone.cancel()


def _timing(outcome: Outcome) -> str:
    """Return where the time went. Source: W3C Server Timing; durations are milliseconds there."""
    parts = (("queue", outcome.queue_s), ("prepare", outcome.prepare_s), ("model", outcome.model_s))
    return ", ".join(f"{name};dur={seconds * 1e3:.2f}" for name, seconds in parts)


def _body(media_types: str | tuple[str, ...], schema: dict) -> dict:
    names = (media_types,) if isinstance(media_types, str) else media_types
    return {"requestBody": {"required": True, "content": {name: {"schema": schema} for name in names}}}


class Metrics:
    """The counters of one app."""

    def __init__(self, engine: Engine) -> None:
        """Make the counters; each app has its own, so that two in one process do not mix."""
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter("serving_requests", "Replies sent.", ["path", "status"], registry=registry)
        self.seconds = Histogram(
            "serving_request_seconds",
            "From a request's head to its reply's.",
            ["path"],
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self._classes = Counter("serving_predictions", "Classes that were answered.", ["class_name"], registry=registry)
        stages = Histogram(
            "serving_stage_seconds", "Where a picture's time went.", ["stage"], buckets=_BUCKETS_S, registry=registry
        )
        self._stages = {stage: stages.labels(stage) for stage in ("queue", "prepare", "model")}
        self._batch = Histogram(
            "serving_batch_size", "Pictures in a batch.", buckets=(1, 2, 4, 8, 16, 32, 64), registry=registry
        )
        Gauge("serving_in_flight", "Pictures waiting or computed.", registry=registry).set_function(
            lambda: engine.in_flight
        )
        Gauge("serving_ready", "1 when the model is loaded.", registry=registry).set_function(lambda: engine.ready)

    def observe(self, outcome: Outcome) -> None:
        """Count one picture."""
        self._stages["queue"].observe(outcome.queue_s)
        self._stages["prepare"].observe(outcome.prepare_s)
        self._stages["model"].observe(outcome.model_s)
        self._batch.observe(outcome.batch_size)
        if isinstance(outcome.result, PredictReply):
            self._classes.labels(outcome.result.prediction).inc()

    def text(self) -> bytes:
        """Return everything as Prometheus reads it."""
        return generate_latest(self.registry)


class CountReplies:
    """Counts each reply by path and status, whoever sent it."""

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: frozenset[str]) -> None:
        """Wrap an app.

        Args:
            app: What answers.
            metrics: Where to count.
            paths: Paths counted by name; all others are one, or strangers could fill the memory with made-up ones.
        """
        self._app, self._metrics, self._paths = app, metrics, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in self._paths else "other"
        begin_s = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.requests.labels(path, message["status"]).inc()
                self._metrics.seconds.labels(path).observe(time.perf_counter() - begin_s)
            await send(message)

        await self._app(scope, receive, counted)
