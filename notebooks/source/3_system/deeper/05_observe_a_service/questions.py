"""The questions of "Observe a service": a configuration, and two expressions asked of unseen series."""

from grading.builder.questions import (
    at_least,
    at_most,
    not_,
    one_of,
    prediction,
    question,
)

prediction(
    "observe.p95",
    "Which p95 does Prometheus give, over the one that the clients measure?",
    about={"kind": "load", "option": "observe-16"},
    unit="×",
    between=(0.05, 20),
    ratio="Prometheus over clients",
)

question(
    "observe.config",
    "A prometheus.yml that scrapes the service",
    points=2,
    hint="A target is 'host:port', without 'http://' and without the path. What belongs under `global`?",
    file="labs.checkpoints.reads.observe:scraped",
    opened_by="labs.checkpoints.reads.observe:configured",
    rules=[
        ("complaint", "", "promtool refuses the file: {complaint}"),
        (
            "targets",
            at_least(1),
            "Prometheus starts with it and has nothing to scrape: there is no target.",
        ),
        (
            "health",
            "up",
            "Its target does not answer: {error}. Is that the service's address?",
        ),
        (
            "serves",
            "service",
            "Its target gives no `serving_requests_total`: it is not the service.",
        ),
        ("job", "gourmetgram", "The job is called {job}. Name it `gourmetgram`."),
        (
            "interval",
            one_of("1s", "2s", "500ms"),
            "It scrapes every {interval}, and this lesson looks at seconds. Set `scrape_interval` to 1s.",
        ),
    ],
    good={
        "complaint": "",
        "targets": 1,
        "health": "up",
        "error": "",
        "serves": "service",
        "job": "gourmetgram",
        "interval": "1s",
    },
)

_GOOD = {
    "refused": "",
    "series": 1,
    "quiet": 1.0,
    "busy": 1.0,
    "restart": 0.95,
    "gives": 60.2,
    "truth": 60.0,
}


def promql(id, title, hint, reader, restarts):
    """Ask for one expression, by what it gives of recorded series whose figures are known."""
    question(
        id,
        title,
        points=2,
        hint=hint,
        file=f"labs.checkpoints.reads.observe:{reader}",
        told=True,
        rules=[
            ("refused", "", "Prometheus refuses the expression: {refused}"),
            (
                "series",
                not_(0),
                "It finds nothing: is each name and each label as /metrics writes it?",
            ),
            (
                "series",
                1,
                "It gives {series} numbers, one for each series. One number is asked for: sum them.",
            ),
            (
                "quiet",
                at_least(0.9),
                "It gives {gives:.4g} of recorded series, and {truth:.4g} is true.",
            ),
            (
                "quiet",
                at_most(1.1),
                "It gives {gives:.4g} of recorded series, and {truth:.4g} is true.",
            ),
            (
                "busy",
                at_least(0.9),
                "It is right of a quiet minute, and {busy:.1%} of the truth of a busy one.",
            ),
            (
                "busy",
                at_most(1.1),
                "It is right of a quiet minute, and {busy:.1%} of the truth of a busy one.",
            ),
            *restarts,
        ],
        good=_GOOD,
    )


promql(
    "observe.rate",
    "PromQL: photos answered a second",
    "A counter only rises. What do you want of each series, before you add them up? And which paths are photos?",
    "photos_a_second",
    [
        (
            "restart",
            at_most(1.4),
            "When an instance is restarted, it gives {restart:.1%} of the truth: the sum falls there. Rate first.",
        )
    ],
)
promql(
    "observe.quantile",
    "PromQL: the 95th percentile of the latency of photos",
    "Of each bucket one series, by `le`, and rates of them: the last seconds, and not all since the start.",
    "tail_latency",
    [],
)
