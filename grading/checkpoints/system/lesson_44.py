"""Observe a service: what Prometheus scrapes, what it replies, and what may wake a person."""

from __future__ import annotations

import numpy as np

from grading.checkpoints import (
    Mistake,
    Verdict,
    artefact_question,
    checkpoint,
    failed,
    failed_as,
    function_question,
    passed,
    prediction,
)
from labs.display.format import times
from labs.records import Records

_LOAD = {"kind": "load", "option": "observe-16"}


@prediction(
    "s.observe.p95_guess",
    about=_LOAD,
    title="Predict how the p95 in Prometheus compares with the one that the clients measure",
    between=(0.05, 20),
    show=times,
)
def p95_ratio(records: Records) -> float | None:
    """Return p95 by Prometheus over p95 by the clients, of the newest run with sixteen clients."""
    run, seen = records.latest(**_LOAD), records.seen("observe.p95")
    return None if run is None or seen is None else seen["p95_s"] / run.percentile(95)


def inspect_config(path) -> dict:
    """Return what promtool says about a prometheus.yml, and what a Prometheus that is started with it has scraped."""
    import time
    import urllib.request
    from pathlib import Path

    import yaml

    from labs.machine.capability import for_lesson
    from labs.observe.prometheus import briefly, programs

    complaint = programs().check(path)
    expected = next(one for one in for_lesson("44") if one.name == "Triton").available
    if complaint or not (yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}).get("scrape_configs"):
        return {"complaint": complaint[-600:], "targets": [], "triton_expected": expected}
    targets: list[dict] = []
    with briefly(path) as server:
        begin_s = time.monotonic()  # Prometheus looks for its targets every 5 s
        while (spent_s := time.monotonic() - begin_s) < (20 if targets else 8):
            targets = server.get("targets")["activeTargets"]
            if spent_s > 5 and targets and all(one["health"] != "unknown" for one in targets):
                break
            time.sleep(0.25)
    found = []
    for one in targets:
        try:
            with urllib.request.urlopen(one["scrapeUrl"], timeout=5) as reply:
                text = reply.read(10_000_000).decode(errors="replace")
        except OSError:
            text = ""
        serves = "service" if "\nserving_requests" in text else "triton" if "\nnv_inference" in text else "other"
        facts = {"job": one["labels"]["job"], "health": one["health"], "error": one["lastError"][:200]}
        found.append(facts | {"interval": one["scrapeInterval"], "serves": serves})
    return {"complaint": "", "targets": found, "triton_expected": expected}


_UP = {"health": "up", "error": "", "interval": "1s"}
_SERVICE = {"job": "gourmetgram", "serves": "service", **_UP}
_TRITON = {"job": "triton", "serves": "triton", **_UP}
_DOWN = {**_TRITON, "serves": "other", "health": "down", "error": "connection refused"}


def _config(*targets: dict, complaint: str = "") -> dict:
    return {"complaint": complaint, "targets": list(targets), "triton_expected": True}


@artefact_question(
    "s.observe.config",
    points=3,
    title="Write a prometheus.yml that scrapes both servers",
    hints=(
        "`scrape_configs` is a list of jobs; each has a `job_name` and `static_configs` with a list of `targets`.",
        "A target is 'host:port', without 'http://' and without the path; `scrape_interval: 1s` stands under `global`.",
    ),
    inspect=inspect_config,
    mistakes={
        "invalid": "promtool refuses the file; what it says stands below.",
        "empty": "Prometheus starts with it and has nothing to scrape: `scrape_configs` has no target.",
        "down": "One target does not answer. Is its port that of the metrics, and does the server run?",
        "no service": "No target is the service: none of them gives `serving_requests_total`.",
        "no triton": "No target is Triton's metrics: they have a port of their own, `triton_metrics` above.",
        "slow": "The default interval is a minute; this lesson looks at seconds. Set `scrape_interval` to 1s.",
    },
    examples={
        "good": _config(_SERVICE, _TRITON),
        "invalid": _config(complaint="yaml: line 3: mapping values are not allowed in this context"),
        "empty": _config(),
        "down": _config(_SERVICE, _DOWN),
        "no service": _config(_TRITON),
        "no triton": _config(_SERVICE),
        "slow": _config({**_SERVICE, "interval": "1m"}, _TRITON),
    },
)
def config(facts: dict, records: Records) -> Verdict:
    """Judge that a Prometheus which was started with it has scraped the service, and Triton where it runs."""
    targets = facts["targets"]
    if facts["complaint"]:
        return failed_as("invalid", yours=facts["complaint"])
    if not targets:
        return failed_as("empty")
    for one in targets:
        if one["health"] != "up":
            return failed_as("down", yours=f"{one['job']}: {one['error']}")
    served = {one["serves"] for one in targets}
    if "service" not in served:
        return failed_as("no service")
    if facts["triton_expected"] and "triton" not in served:
        return failed_as("no triton")
    if any(one["interval"] not in ("1s", "2s", "500ms") for one in targets):
        return failed_as("slow")
    return passed("Prometheus was started with it, and every target is up.", yours=", ".join(sorted(served)))


def _replies(random: np.random.Generator) -> list[tuple]:
    cases = []
    for label, names in (("status", ("200", "503")), ("instance", ("a", "b", "c")), ("job", ("gourmetgram",))):
        result, begin_s = [], int(random.integers(1_700_000_000, 1_800_000_000))
        for name in names:
            values = [[begin_s + step, f"{random.uniform(0, 90):.4f}"] for step in range(5)]
            values[int(random.integers(0, 5))][1] = "NaN"
            result.append({"metric": {"path": "/predict", label: name}, "values": values})
        cases.append(({"resultType": "matrix", "result": result}, label))
    nameless = [[begin_s, "0.25"], [begin_s + 1, "NaN"], [begin_s + 2, f"{random.uniform(0, 1):.3f}"]]
    return [*cases, ({"resultType": "matrix", "result": [{"metric": {}, "values": nameless}]}, "status")]


def _read(data: dict, label: str, *, keep=lambda value: value != "NaN", point=lambda at_s, value: [at_s, float(value)]):
    return {
        one["metric"].get(label, "all"): [point(at_s, value) for at_s, value in one["values"] if keep(value)]
        for one in data["result"]
    }


@function_question(
    "s.observe.points",
    points=2,
    title="Read the reply to a range query",
    hints=(
        "Look at one reply: what is the type of a value, and what does it say where nothing was to be divided?",
        '`one["metric"].get(label, "all")` names a series; `float(value)`, and not where `value` is "NaN".',
    ),
    cases=_replies,
    mistakes=(
        Mistake(
            "texts",
            lambda data, label: _read(data, label, point=lambda at_s, value: [at_s, value]),
            "The values are texts still: make numbers of them.",
        ),
        Mistake(
            "NaN kept",
            lambda data, label: _read(data, label, keep=lambda _: True),
            "A value that is not a number (0 / 0) is no point: leave it out.",
        ),
        Mistake(
            "turned",
            lambda data, label: _read(data, label, point=lambda at_s, value: [float(value), at_s]),
            "Turned around: first the time, then the value.",
        ),
        Mistake(
            "zeros",
            lambda data, label: _read(
                data, label, lambda _: True, lambda at_s, v: [at_s, float(v.replace("NaN", "0"))]
            ),
            "Not a number is not zero: a service without requests has no share of errors. Leave the point out.",
        ),
        Mistake(
            "unnamed",
            lambda data, label: {
                one["metric"][label]: _read({"result": [one]}, label).popitem()[1] for one in data["result"]
            },
            "A series may lack the label, as a sum does: call it 'all' then.",
        ),
    ),
    right="So a dashboard reads what it draws.",
)
def points(data: dict, label: str) -> dict[str, list[list[float]]]:
    """Return the points of each series by the value of a label."""
    return _read(data, label)


_PAGES = {
    "processor above 80 % for 5 minutes": "A busy processor hurts nobody by itself: that is what it was bought for.",
    "one request failed": "One failure in a million is within any objective; whoever is woken by it stops looking.",
    "images waiting above 0": "A moment's queue empties itself. It is a cause to look at by day, not a symptom.",
}
_SYMPTOM = "error ratio above 1 % for 5 minutes"


@checkpoint(
    "s.observe.page",
    points=2,
    title="Say what may wake a person at night",
    form={"page": (_SYMPTOM, *_PAGES), "reason": str},
    needs=(_LOAD,),
    hints=(
        "Which of them do users feel, and still feel in five minutes?",
        "A page is for a symptom that lasts and breaks the objective; causes are for the dashboard.",
    ),
    mistakes=_PAGES,
)
def page(records: Records) -> Verdict:
    """Judge the choice; the reason is for a person."""
    given = records.answer("s.observe.page")
    if given["page"] in _PAGES:
        return failed_as(given["page"])
    if len(given["reason"].split()) < 8:
        return failed("Say why in a sentence: what would each of the others do to whoever is woken?")
    return passed("A symptom that users feel, that lasts, and that breaks what was promised.")
