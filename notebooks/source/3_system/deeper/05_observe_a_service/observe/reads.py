"""Facts about a Prometheus configuration and an expression: its targets, and the results on
recorded series.
"""

import secrets
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from labs.deeper.observe.prometheus import Prometheus

_NO_TARGET = {
    "targets": 0,
    "health": "",
    "error": "",
    "serves": "",
    "job": "",
    "interval": "",
}


def scraped(path: Path) -> dict:
    """Return promtool's verdict on a ``prometheus.yml``, and the targets that a Prometheus with
    this file scrapes.
    """
    from labs.deeper.observe.prometheus import programs, start

    complaint = programs().check(path)
    if complaint:
        return {"complaint": complaint[-300:], **_NO_TARGET}
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data,
        start(path, data=Path(data)) as server,
    ):
        targets = _targets(server)
    if not targets:
        return {"complaint": "", **_NO_TARGET}
    target = targets[0]
    try:
        with urllib.request.urlopen(target["scrapeUrl"], timeout=5) as reply:
            text = reply.read(10_000_000).decode(errors="replace")
    except OSError:
        text = ""
    return {
        "complaint": "",
        "targets": len(targets),
        "health": target["health"],
        "error": target["lastError"][:200],
        "serves": "service" if "\nserving_requests" in text else "other",
        "job": target["labels"]["job"],
        "interval": target["scrapeInterval"],
    }


def _targets(server: "Prometheus") -> list[dict]:
    """Return the targets once each was scraped, or after 20 s; after 8 s if there is none."""
    begin_s = time.monotonic()
    while True:  # Prometheus looks for its targets every 5 s
        targets = server.get("targets")["activeTargets"]
        waited_s = time.monotonic() - begin_s
        are_known = bool(targets) and all(
            target["health"] != "unknown" for target in targets
        )
        if are_known or waited_s > (20 if targets else 8):
            return targets
        time.sleep(0.25)


def _over(given: Mapping[str, str], figure: str) -> dict:
    """Return the ratios of an expression's results to the right values: in a quiet minute, a busy
    one, and after a restart.
    """
    from labs.deeper.observe import recorded

    expression = given["promql"]
    if not isinstance(expression, str):
        raise NotImplementedError
    seed = secrets.randbits(31)
    quiet, busy = getattr(recorded, figure)(seed)
    rows = recorded.ask(expression.strip(), seed)
    facts = {
        "refused": "",
        "quiet": 0.0,
        "busy": 0.0,
        "restart": 0.0,
        "gives": 0.0,
        "truth": float(quiet),
    }
    if isinstance(rows, str):
        return facts | {"refused": rows[:300], "series": 0}
    series_counts = {len(row) for row in rows}
    if series_counts != {1}:
        return facts | {"series": max(series_counts)}
    values = [row[0] for row in rows]
    ratios = np.divide(values, [quiet, busy, busy]).tolist()
    by_time = dict(zip(("quiet", "busy", "restart"), ratios, strict=True))
    return facts | by_time | {"series": 1, "gives": values[0]}


#: Over the photos a second of recorded series, and over the 95th percentile of their latency.
photos_a_second = partial(_over, figure="photos_a_second")
tail_latency = partial(_over, figure="tail_latency")
