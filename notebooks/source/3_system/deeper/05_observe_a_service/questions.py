"""The questions of "Observe a service": a configuration, and two expressions asked of
unseen series.
"""

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
    "By what factor does the p95 from Prometheus differ from the clients' p95?",
    about={"kind": "load", "option": "observe-16"},
    unit="×",
    between=(0.05, 20),
    ratio="Prometheus over clients",
)

CONFIG_RULES = [
    ("complaint", "", "promtool refuses the file: {complaint}"),
    (
        "targets",
        at_least(1),
        "Prometheus starts with the file, but has no target to scrape: check `targets`.",
    ),
    (
        "health",
        "up",
        "The target does not answer: {error}. Is it the service's address?",
    ),
    (
        "serves",
        "service",
        "The target has no `serving_requests_total`, so it is not the service. Use "
        "`address`.",
    ),
    ("job", "gourmetgram", "The job is called {job}. Name it `gourmetgram`."),
    (
        "interval",
        one_of("1s", "2s", "500ms"),
        "It scrapes every {interval}, which is too rare for this lesson. Set "
        "`scrape_interval` to 1s.",
    ),
]

CONFIG_FACTS = {
    "complaint": "",
    "targets": 1,
    "health": "up",
    "error": "",
    "serves": "service",
    "job": "gourmetgram",
    "interval": "1s",
}

question(
    "observe.config",
    "A prometheus.yml that scrapes the service",
    points=4,
    hint="A target is 'host:port', without 'http://' and without a path. Which key "
    "belongs under `global`?",
    file="labs.deeper.observe.reads:scraped",
    ledger_only=True,
    rules=CONFIG_RULES,
    good=CONFIG_FACTS,
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


NOT_TOO_LITTLE = at_least(0.9)
NOT_TOO_MUCH = at_most(1.1)
QUIET = "On recorded series it gives {gives:.4g}; the right value is {truth:.4g}."
BUSY = "It is right in a quiet minute, but {busy:.1%} of the right value in a busy one."
PROMQL_RULES = [
    ("refused", "", "Prometheus refuses the expression: {refused}"),
    (
        "series",
        not_(0),
        "It finds no series: copy each name and each label from /metrics.",
    ),
    (
        "series",
        1,
        "It gives {series} numbers, one per series. Sum them, so that it gives one.",
    ),
    ("quiet", NOT_TOO_LITTLE, QUIET),
    ("quiet", NOT_TOO_MUCH, QUIET),
    ("busy", NOT_TOO_LITTLE, BUSY),
    ("busy", NOT_TOO_MUCH, BUSY),
]


def promql(id, title, hint, reader, restarts):
    """Ask for one expression, judged by its results on recorded series with known figures."""
    question(
        id,
        title,
        points=2,
        hint=hint,
        file=f"labs.deeper.observe.reads:{reader}",
        ledger_only=True,
        rules=[*PROMQL_RULES, *restarts],
        good=_GOOD,
    )


promql(
    "observe.rate",
    "PromQL: photos answered per second",
    "A counter only rises. What must you compute from each series before you add them "
    "up? Which paths are photos?",
    "photos_a_second",
    [
        (
            "restart",
            at_most(1.4),
            "When an instance restarts, it gives {restart:.1%} of the right value, "
            "because the sum of the counters falls. Take the rate first, then the sum.",
        )
    ],
)
promql(
    "observe.quantile",
    "PromQL: the 95th percentile of the latency of photos",
    "Take the rates of the buckets first, so that only the last seconds count. Then sum "
    "them by `le`, one series per bucket.",
    "tail_latency",
    [],
)
