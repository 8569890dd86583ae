"""The course's own service: a lesson's service, with what *Observe a service* asks of it.

``uvicorn labs.serve.app:app`` serves it. The environment tells it what it tells ``classifier.py``:
MODEL, WORKERS, MAY_WAIT. The model is loaded at the import, so a service that answers is ready.
"""

import time
from typing import Annotated

import numpy as np
from fastapi import Body, FastAPI, Request, Response
from prometheus_client import Counter, Gauge, Histogram, generate_latest
from pydantic import BaseModel
from starlette.responses import JSONResponse, PlainTextResponse

from labs.data.intake import PhotoError, from_base64, guard, open_photo, to_input
from labs.data.labels import CLASS_NAMES
from labs.data.preprocess import softmax
from labs.runtimes.loopback import OwnHosts
from labs.serve.compared.classifier import input_name, place, session

#: Paths that are counted by name; all others are one, or strangers could fill the memory with
#: made-up ones.
PATHS = ("/predict", "/predict/raw", "/healthz", "/metrics")

#: Upper ends of the buckets, in seconds: finer where the objectives lie.
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5)

REQUESTS = Counter("serving_requests", "Replies sent.", ["path", "status"])
SECONDS = Histogram(
    "serving_request_seconds", "From a request's head to its reply's.", ["path"], buckets=_BUCKETS_S
)
STAGES = Histogram(
    "serving_stage_seconds", "Where a photo's time went.", ["stage"], buckets=_BUCKETS_S
)
IN_FLIGHT = Gauge("serving_in_flight", "Photos waiting or computed.")

app = FastAPI(title="GourmetGram's classifier", docs_url=None, redoc_url=None)
guard(app)  # before the counter, which is around it then, and counts what it refuses
app.add_middleware(
    OwnHosts,
    refusal=PlainTextResponse("this service answers at this machine's own addresses only", 421),
)


class Photo(BaseModel):
    """A photo's file as base64 text."""

    image: str


class PredictionResponse(BaseModel):
    """The most probable class of a photo, and its probability."""

    prediction: str
    probability: float


@app.middleware("http")
async def count(request: Request, call_next):
    """Count each reply by its path and status."""
    path = request.url.path if request.url.path in PATHS else "other"
    status = 500
    try:
        with SECONDS.labels(path).time():
            reply = await call_next(request)
        status = reply.status_code
        return reply
    finally:
        REQUESTS.labels(path, status).inc()


@app.exception_handler(PhotoError)
async def refuse(request: Request, error: PhotoError) -> JSONResponse:
    """Say why a photo is refused, with the status that the intake gives it."""
    return JSONResponse({"detail": str(error)}, error.status)


@app.post("/predict")
def predict(photo: Photo) -> PredictionResponse:
    """Return what the photo in ``image`` shows."""
    return answer(from_base64(photo.image))


@app.post("/predict/raw")
def predict_raw(content: Annotated[bytes, Body(media_type="image/jpeg")]) -> PredictionResponse:
    """Return what the photo shows that is the body."""
    return answer(content)


def answer(content: bytes) -> PredictionResponse:
    """Return what a photo's file shows; where the time went is counted."""
    marks = [time.perf_counter()]
    with IN_FLIGHT.track_inprogress(), place():
        marks.append(time.perf_counter())
        rows = to_input(open_photo(content))[None]
        marks.append(time.perf_counter())
        (logits,) = session.run(None, {input_name: rows})[0]
        marks.append(time.perf_counter())
    for name, seconds in zip(("queue", "prepare", "model"), np.diff(marks), strict=True):
        STAGES.labels(name).observe(seconds)
    probabilities = softmax(logits)
    best = int(probabilities.argmax())
    return PredictionResponse(prediction=CLASS_NAMES[best], probability=float(probabilities[best]))


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    """Return that the service is alive; its model is loaded by then."""
    return {"status": "ok"}


@app.get("/metrics")
async def metrics() -> Response:
    """Return the counters, in Prometheus' text format 0.0.4."""
    return Response(generate_latest(), media_type="text/plain; version=0.0.4; charset=utf-8")
