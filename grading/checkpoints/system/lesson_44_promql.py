"""Observe a service, in PromQL: rate, share of failures, 95th percentile, saturation; each asked of recorded series."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

from grading.checkpoints import Verdict, artefact_question, failed, failed_as, passed
from labs.records import Records

#: How near the values of two expressions lie that mean the same.
_NEAR = 0.01

_PHOTOS = 'path=~"/predict.*"'
_RATE = f"sum(rate(serving_requests_total{{{_PHOTOS}}}[5s]))"


def promql(id: str, *, right: str, mistakes: Mapping[str, tuple[str, str]], said: str, **how: object) -> Callable:
    """Register a question whose answer is a file with one PromQL expression.

    Args:
        id: Checkpoint id.
        right: An expression that is right.
        mistakes: For each known mistake an expression that makes it, and its sentence.
        said: After a pass.
        how: Of ``artefact_question``.
    """
    sentences = {name: sentence for name, (_, sentence) in mistakes.items()}
    sentences |= {
        "refused": "Prometheus refuses the expression; what it says stands below.",
        "nothing": "The expression finds nothing: is each metric's and each label's name as /metrics writes it?",
        "several": "One number is asked for, and this gives one for each series: sum them.",
    }

    def inspect(path) -> dict:
        from labs.observe.recorded import ask

        asked = {"yours": Path(path).read_text(encoding="utf-8").strip(), "right": right}
        found = ask(asked | {name: expression for name, (expression, _) in mistakes.items()})
        like = [name for name in mistakes if _alike(found["yours"], found[name])]
        facts = {"expression": asked["yours"][:500], "like": like[0] if like else ""}
        return facts | {name: _plain(found[name]) for name in ("yours", "right")}

    def judge(facts: dict, records: Records) -> Verdict:
        yours, right = facts["yours"], facts["right"]
        if isinstance(yours, str):
            return failed_as("refused", yours=yours)
        shown = f"{facts['expression']} gives {yours}"
        if _alike(yours, right):
            return passed(said, yours=facts["expression"])
        if facts["like"]:
            return failed_as(facts["like"], yours=shown)
        if not all(yours):
            return failed_as("nothing", yours=shown)
        if any(len(one) > 1 for one in yours):
            return failed_as("several", yours=shown)
        return failed("On recorded series whose events are known, this gives something else.", yours=shown)

    good = {"expression": right, "like": "", "yours": [[2.0], [4.0]], "right": [[2.0], [4.0]]}
    wrong = {name: good | {"like": name, "yours": [[3.0], [9.0]]} for name in mistakes}
    wrong["refused"] = good | {"yours": "parse error: unclosed left parenthesis"}
    wrong["nothing"] = good | {"yours": [[], []]}
    wrong["several"] = good | {"yours": [[1.0, 2.0], [1.5, 2.5]]}
    artefact_question(id, inspect=inspect, mistakes=sentences, examples={"good": good, **wrong}, **how)(judge)
    return judge


def _plain(answer: object) -> object:
    """Return an answer as plain JSON, which has no infinity."""
    if isinstance(answer, str):
        return answer[:300]
    return [[value if math.isfinite(value) else None for value in one[:20]] for one in answer]


def _alike(one: object, other: object) -> bool:
    """Return whether two answers are the same numbers at the same times."""
    if isinstance(one, str) or isinstance(other, str) or not all(one) or [*map(len, one)] != [*map(len, other)]:
        return False
    pairs = [pair for mine, theirs in zip(one, other, strict=True) for pair in zip(mine, theirs, strict=True)]
    return all(a == b or (None not in (a, b) and math.isclose(a, b, rel_tol=_NEAR)) for a, b in pairs)


promql(
    "s.observe.rate",
    points=2,
    title="PromQL: photos answered a second",
    hints=(
        "A counter only rises. `rate(…[5s])` says by how much a second, for each series; you want one number.",
        '`sum(rate(serving_requests_total{path=~"/predict.*"}[5s]))`: which paths are photos, and what is summed?',
    ),
    right=_RATE,
    mistakes={
        "counter": (
            f"sum(serving_requests_total{{{_PHOTOS}}})",
            "That is how many there ever were, since each service started. How many a second?",
        ),
        "gauge": (
            "sum(rate(serving_in_flight[5s]))",
            "`serving_in_flight` is a gauge: it falls too, and `rate` takes each fall for a restart.",
        ),
        "increase": (
            f"sum(increase(serving_requests_total{{{_PHOTOS}}}[5s]))",
            "`increase` is the number within the window; a rate is per second.",
        ),
        "sum first": (
            f"rate(sum(serving_requests_total{{{_PHOTOS}}})[5s:1s])",
            "First the sum, then the rate: when one instance starts anew, the sum falls, and all of the other's counts "
            "as new. `rate` first.",
        ),
        "probes": (
            "sum(rate(serving_requests_total[5s]))",
            "This counts /healthz and /metrics too, that is whoever watches the service. Photos only.",
        ),
        "each": (
            f"rate(serving_requests_total{{{_PHOTOS}}}[5s])",
            "This gives one rate for each series; `sum(…)` of them is the service's.",
        ),
    },
    said="Whatever instance answers, and whichever starts anew: this is the service's rate.",
)

_ERRORS = f'sum(rate(serving_requests_total{{{_PHOTOS},status=~"5.."}}[5s]))'

promql(
    "s.observe.errors",
    points=2,
    title="PromQL: the share of photos that the service failed",
    hints=(
        "A rate of some replies over the rate of all. Who is at fault when the status is 4xx, and who when it is 5xx?",
        'Sum on both sides, or the labels do not match: `sum(rate(…{…,status=~"5.."}[5s])) / sum(rate(…{…}[5s]))`.',
    ),
    right=f"{_ERRORS} / {_RATE}",
    mistakes={
        "client's": (
            f'sum(rate(serving_requests_total{{{_PHOTOS},status!="200"}}[5s])) / {_RATE}',
            "This counts 422 too, which tells a client that its request is nonsense: nobody is paged for that.",
        ),
        "a second": (_ERRORS, "That is failures a second; which share of all photos is it?"),
        "percent": (f"100 * {_ERRORS} / {_RATE}", "A share between 0 and 1 is asked for, as Prometheus' own rules do."),
        "probes": (
            f"{_ERRORS} / sum(rate(serving_requests_total[5s]))",
            "The denominator holds the probes too, which hardly ever fail: the share looks smaller than it is.",
        ),
        "ever": (
            f'sum(serving_requests_total{{{_PHOTOS},status=~"5.."}}) / sum(serving_requests_total{{{_PHOTOS}}})',
            "Counters without `rate`: that is the share since the start, in which the last minute drowns.",
        ),
        "labels": (
            f'rate(serving_requests_total{{{_PHOTOS},status=~"5.."}}[5s]) / '
            f"rate(serving_requests_total{{{_PHOTOS}}}[5s])",
            "Prometheus divides series with the same labels: each failed series by itself, so 1. `sum` both sides.",
        ),
    },
    said="A share of what the service itself failed, which an objective can be written for.",
)

_BUCKETS = "serving_request_seconds_bucket"
_P95 = f"histogram_quantile(0.95, sum by (le) (rate({_BUCKETS}{{{_PHOTOS}}}[5s])))"

promql(
    "s.observe.p95",
    points=3,
    title="PromQL: the 95th percentile of the latency of photos",
    hints=(
        "`histogram_quantile(q, buckets)` wants the rate of each bucket, summed over everything but its label `le`.",
        "`histogram_quantile(0.95, sum by (le) (rate(serving_request_seconds_bucket{…}[5s])))`.",
    ),
    right=_P95,
    mistakes={
        "no rate": (
            f"histogram_quantile(0.95, sum by (le) ({_BUCKETS}{{{_PHOTOS}}}))",
            "Without `rate`, this is the percentile of everything since the start: a slow minute does not show.",
        ),
        "average": (
            f"avg(histogram_quantile(0.95, sum by (le, instance) (rate({_BUCKETS}{{{_PHOTOS}}}[5s]))))",
            "An average of percentiles is no percentile: the slow instance's photos count as much as the fast one's. "
            "Sum the buckets, then take one quantile.",
        ),
        "average of all": (
            f"avg(histogram_quantile(0.95, rate({_BUCKETS}{{{_PHOTOS}}}[5s])))",
            "An average of percentiles is no percentile. Sum the buckets by `le`, then take one quantile.",
        ),
        "each": (
            f"histogram_quantile(0.95, rate({_BUCKETS}{{{_PHOTOS}}}[5s]))",
            "One percentile for each instance and path. Sum the buckets by `le` first.",
        ),
        "ninety-five": (
            f"histogram_quantile(95, sum by (le) (rate({_BUCKETS}{{{_PHOTOS}}}[5s])))",
            "The quantile is a share: 0.95, not 95.",
        ),
        "mean": (
            f"sum(rate(serving_request_seconds_sum{{{_PHOTOS}}}[5s])) / "
            f"sum(rate(serving_request_seconds_count{{{_PHOTOS}}}[5s]))",
            "Sum over count is the mean; one in twenty photos may take five times as long.",
        ),
        "probes": (
            f"histogram_quantile(0.95, sum by (le) (rate({_BUCKETS}[5s])))",
            "The probes are in it, which take no time: the percentile looks smaller than it is.",
        ),
    },
    said="One percentile of all photos, of the last five seconds, over all instances.",
)

_QUEUE = 'sum(rate(serving_stage_seconds_sum{stage="queue"}[5s]))'

promql(
    "s.observe.saturation",
    points=2,
    title="PromQL: saturation, as the mean number of photos that wait",
    hints=(
        "Little's law: photos a second times the seconds that each waits. Which of the histogram's series is a sum?",
        'The rate of `serving_stage_seconds_sum{stage="queue"}` is seconds waited, each second: photos that wait.',
    ),
    right=_QUEUE,
    mistakes={
        "wait": (
            f'{_QUEUE} / sum(rate(serving_stage_seconds_count{{stage="queue"}}[5s]))',
            "That is how long one photo waits, in seconds; asked for is how many wait.",
        ),
        "all stages": (
            "sum(rate(serving_stage_seconds_sum[5s]))",
            "This counts photos that are worked on, too: only the stage `queue` is waiting.",
        ),
        "gauge": (
            "sum(serving_in_flight)",
            "A gauge is one moment of each scrape, and this one counts the photos that are worked on, too.",
        ),
        "rate of a gauge": (
            "sum(rate(serving_in_flight[5s]))",
            "`serving_in_flight` is a gauge: it falls too, and `rate` takes each fall for a restart.",
        ),
        "requests": (
            'sum(rate(serving_stage_seconds_count{stage="queue"}[5s]))',
            "That is photos a second. Times the seconds that each waits, it would be how many wait.",
        ),
    },
    said="Above zero, somebody waits: the first sign of too little capacity, before anything fails.",
)
