"""Facts about what Prometheus is given: whom it scrapes, and what an expression gives of recorded series."""

import re
import secrets
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import yaml

_NO_TARGET = {"targets": 0, "health": "", "error": "", "serves": "", "job": "", "interval": ""}


def scraped(path: Path) -> dict:
    """Return what promtool says about a ``prometheus.yml``, and what a Prometheus that is started with it scrapes."""
    # Here, since the grader reads a configuration where neither is at hand.
    from labs.observe.prometheus import programs, start

    complaint = programs().check(path)
    if complaint:
        return {"complaint": complaint[-300:], **_NO_TARGET}
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data,
        start(path, data=Path(data)) as server,
    ):
        until_s, targets = time.monotonic() + 20, []
        while time.monotonic() < until_s:  # Prometheus looks for its targets every 5 s
            targets = server.get("targets")["activeTargets"]
            if targets and all(one["health"] != "unknown" for one in targets):
                break
            if not targets and time.monotonic() > until_s - 12:
                break
            time.sleep(0.25)
    if not targets:
        return {"complaint": "", **_NO_TARGET}
    one = targets[0]
    try:
        with urllib.request.urlopen(one["scrapeUrl"], timeout=5) as reply:
            text = reply.read(10_000_000).decode(errors="replace")
    except OSError:
        text = ""
    return {
        "complaint": "",
        "targets": len(targets),
        "health": one["health"],
        "error": one["lastError"][:200],
        "serves": "service" if "\nserving_requests" in text else "other",
        "job": one["labels"]["job"],
        "interval": one["scrapeInterval"],
    }


def configured(path: Path) -> dict:
    """Return the facts of ``prometheus.scraped`` by what a ``prometheus.yml`` says; no target is asked."""
    told = yaml.safe_load(path.read_text(encoding="utf-8"))
    jobs = told.get("scrape_configs") or [{}]
    targets = [
        one for job in jobs for some in job.get("static_configs", ()) for one in some["targets"]
    ]
    wrong = [one for one in targets if not re.fullmatch(r"[\w.-]+:\d+", one)]
    interval = jobs[0].get("scrape_interval", told.get("global", {}).get("scrape_interval", "1m"))
    return {
        "complaint": "",
        "targets": len(targets),
        "health": "down" if wrong else "up",
        "error": ", ".join(wrong)[:200],
        "serves": "service",
        "job": jobs[0].get("job_name", ""),
        "interval": interval,
    }


def _over(given: Mapping[str, str], figure: str) -> dict:
    """Return ratios of what an expression gives to what is true: in a quiet minute, a busy one, and after a restart."""
    from labs.observe import recorded

    expression = given["promql"]
    if not isinstance(expression, str):
        raise NotImplementedError
    seed = secrets.randbits(31)
    quiet, busy = getattr(recorded, figure)(seed)
    found = recorded.ask(expression.strip(), seed)
    facts = {
        "refused": "",
        "quiet": 0.0,
        "busy": 0.0,
        "restart": 0.0,
        "gives": 0.0,
        "truth": float(quiet),
    }
    if isinstance(found, str):
        return facts | {"refused": found[:300], "series": 0}
    counts = {len(one) for one in found}
    if counts != {1}:
        return facts | {"series": max(counts)}
    values = [one[0] for one in found]
    ratios = dict(
        zip(
            ("quiet", "busy", "restart"),
            np.divide(values, [quiet, busy, busy]).tolist(),
            strict=True,
        )
    )
    return facts | ratios | {"series": 1, "gives": values[0]}


#: Over the photos a second of recorded series, and over the 95th percentile of their latency.
photos_a_second, tail_latency = (
    partial(_over, figure=name) for name in ("photos_a_second", "tail_latency")
)
