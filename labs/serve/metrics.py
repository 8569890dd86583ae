"""What the service counts, in Prometheus' form."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labs.serve.contract import PredictReply
from labs.serve.engine import Engine, Outcome

#: Media type of the text below. Source: Prometheus, 'Exposition formats', text format 0.0.4.
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

#: Upper ends of the buckets, in seconds: finer where the objectives lie.
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5)


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
