"""Recorded series of two services, to ask an expression about: what happened in them is drawn anew each time.

Three minutes at one scrape a second. Two instances answer photos and the probes of whoever watches them. After half of
the time both get busier and slower, and near the end one of them starts anew, so that its counters begin at zero.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labs.observe.prometheus import briefly, programs

#: Seconds that are recorded, when things change, when one instance starts anew, and when it is asked.
LENGTH_S, BUSY_FROM_S, RESTART_S, ASKED_AT_S = 180, 90, 172, (80, 165, 176)

#: Upper ends of the buckets in seconds, as the course's service has them.
_BUCKETS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

#: What arrives a second at each instance, by path and status: its least and its most, before things change.
_REPLIES = {
    ("/predict", "200"): (20, 30),
    ("/predict/raw", "200"): (10, 20),
    ("/predict", "422"): (2, 4),
    ("/predict", "500"): (1, 2),
    ("/predict/raw", "503"): (1, 3),
    ("/healthz", "200"): (8, 12),
    ("/metrics", "200"): (4, 6),
}

#: Of what there are series, with their types.
_TYPES = {
    "serving_requests_total": "counter",
    "serving_request_seconds": "histogram",
    "serving_stage_seconds": "histogram",
    "serving_in_flight": "gauge",
}

Answer = list[list[float]] | str


def ask(expressions: Mapping[str, str], seed: int) -> dict[str, Answer]:
    """Return what a Prometheus that holds recorded series answers to each expression.

    Args:
        expressions: PromQL by name.
        seed: Of what is recorded.

    Returns:
        For each name the values at the times in ``ASKED_AT_S``, each a list with one number a series; or what
        Prometheus says where it refuses the expression.

    Raises:
        PrometheusUnavailableError: There is no Prometheus.
    """
    begin_s = int(time.time()) - 2 * LENGTH_S
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "recorded.txt").write_text(series(seed, begin_s))
        (folder / "prometheus.yml").write_text("scrape_configs: []\n")
        make = [programs().promtool, "tsdb", "create-blocks-from", "openmetrics", folder / "recorded.txt", folder / "d"]
        subprocess.run(make, check=True, capture_output=True)
        with briefly(folder / "prometheus.yml", folder / "d") as server:
            return {name: _asked(server, text, begin_s) for name, text in expressions.items()}


def _asked(server, expression: str, begin_s: int) -> Answer:
    found = []
    for at_s in ASKED_AT_S:
        try:
            data = server.get("query", query=expression, time=begin_s + at_s)
        except ValueError as error:
            return str(error)
        if data["resultType"] == "matrix":
            return "this is a range of samples: a function such as rate() makes one value of it"
        result = [data["result"]] if data["resultType"] == "scalar" else [one["value"] for one in data["result"]]
        found.append([float(value) for _, value in result])
    return found


@dataclass(frozen=True)
class Instance:
    """What happens in one of the services: each pair is before and after things change."""

    name: str
    #: Replies a second by path and status.
    rates: Mapping[tuple[str, str], np.ndarray]
    #: Mean seconds of a reply by path, and of a photo's stages.
    means_s: Mapping[str, np.ndarray]
    stages_s: Mapping[str, np.ndarray]
    #: When it starts anew; None for never.
    restart_s: int | None

    def arriving(self, path: str) -> np.ndarray:
        """Return requests a second of a path."""
        return sum(rate for (of, _), rate in self.rates.items() if of == path)


#: Paths of photos.
PHOTOS = ("/predict", "/predict/raw")


def drawn(seed: int) -> list[Instance]:
    """Return what happens in both services."""
    random, found = np.random.default_rng(seed), []
    for place, address in enumerate(("10.0.0.1:8080", "10.0.0.2:8080")):
        rates = {}
        for reply, (least, most) in _REPLIES.items():
            quiet = random.uniform(least, most)
            rates[reply] = np.array([quiet, quiet * random.uniform(1.6, 2.4)])
        # One instance is a good deal slower than the other, and both get slower when they get busy.
        slower = (random.uniform(3, 4) if place else 1.0) * np.array([1.0, random.uniform(1.5, 2.0)])
        means_s = {"/predict": 0.009 * slower, "/predict/raw": 0.008 * slower, "/healthz": 0.0005 * np.ones(2)}
        stages_s = {"queue": 0.014 * slower, "prepare": 0.004 * slower, "model": 0.007 * slower}
        found.append(Instance(address, rates, means_s, stages_s, RESTART_S if place else None))
    return found


def photos_a_second(seed: int) -> np.ndarray:
    """Return the photos a second, before and after things change."""
    return sum(one.arriving(path) for one in drawn(seed) for path in PHOTOS)


def tail_latency(seed: int, q: float = 0.95) -> np.ndarray:
    """Return a percentile of photos' latency in seconds, as buckets show it, before and after things change."""
    ends = np.array((0.0, *_BUCKETS_S))
    below = np.zeros((len(ends), 2))
    for one in drawn(seed):
        for path in PHOTOS:
            below += one.arriving(path) * (1 - np.exp(-ends[:, None] / one.means_s[path]))
    return np.array([np.interp(q * total, below[:, at], ends) for at, total in enumerate(photos_a_second(seed))])


def series(seed: int, begin_s: int) -> str:
    """Return the recorded series in OpenMetrics' text form.

    Args:
        seed: Of all rates and times.
        begin_s: Unix time of the first scrape, in seconds.
    """
    random = np.random.default_rng(seed + 1)
    found: dict[str, list[tuple[str, Sequence[float]]]] = {name: [] for name in _TYPES}
    for one in drawn(seed):
        name = f'instance="{one.name}",job="gourmetgram"'
        for (path, status), rate in one.rates.items():
            label = f'{{{name},path="{path}",status="{status}"}}'
            found["serving_requests_total"].append((f"serving_requests_total{label}", _counted(rate, one.restart_s)))
        for path, mean_s in one.means_s.items():
            labels, metric = f'{name},path="{path}"', "serving_request_seconds"
            found[metric] += _histogram(metric, labels, one.arriving(path), mean_s, one.restart_s)
        photos = sum(one.rates[path, "200"] for path in PHOTOS)
        for stage, mean_s in one.stages_s.items():
            labels, metric = f'{name},stage="{stage}"', "serving_stage_seconds"
            found[metric] += _histogram(metric, labels, photos, mean_s, one.restart_s)
        waiting = random.uniform(2, 9, LENGTH_S).round() + 4 * (np.arange(LENGTH_S) > BUSY_FROM_S)
        found["serving_in_flight"].append((f"serving_in_flight{{{name}}}", waiting))
    lines = []
    for metric, kind in _TYPES.items():
        lines.append(f"# TYPE {metric.removesuffix('_total')} {kind}")
        for label, values in found[metric]:
            lines += [f"{label} {value:.10g} {begin_s + second}" for second, value in enumerate(values)]
    return "\n".join([*lines, "# EOF", ""])


def _counted(rate: np.ndarray, restart_s: int | None) -> np.ndarray:
    """Return a counter of events at a rate before and after things change, which begins anew at a restart."""
    seconds = np.arange(LENGTH_S)
    total = rate[0] * np.minimum(seconds, BUSY_FROM_S) + rate[1] * np.maximum(seconds - BUSY_FROM_S, 0)
    return total if restart_s is None else total - np.where(seconds >= restart_s, total[restart_s], 0.0)


def _histogram(
    metric: str, labels: str, rate: np.ndarray, mean_s: np.ndarray, restart_s: int | None
) -> Iterable[tuple[str, np.ndarray]]:
    """Return the series of a histogram of times that are spread exponentially around their mean."""
    for bucket_s in _BUCKETS_S:
        below = rate * (1 - np.exp(-bucket_s / mean_s))
        yield f'{metric}_bucket{{{labels},le="{bucket_s:g}"}}', _counted(below, restart_s)
    yield f'{metric}_bucket{{{labels},le="+Inf"}}', _counted(rate, restart_s)
    yield f"{metric}_sum{{{labels}}}", _counted(rate * mean_s, restart_s)
    yield f"{metric}_count{{{labels}}}", _counted(rate, restart_s)
