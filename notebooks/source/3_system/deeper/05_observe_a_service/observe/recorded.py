"""Recorded series of two services for testing an expression; their events are drawn at random each
time.

Three minutes at one scrape a second. Two instances answer photos and health probes. After half of
the time both get busier and slower, and near the end one of them restarts, so that its counters
begin at zero.
"""

import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from labs.deeper.observe.prometheus import programs, start

#: Seconds that are recorded, when things change, when one instance starts anew, and when it is
#: asked.
LENGTH_S, BUSY_FROM_S, RESTART_S, ASKED_AT_S = 180, 90, 172, (80, 165, 176)

#: Upper ends of the buckets in seconds, as the course's service has them.
_BUCKETS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

#: What arrives a second at each instance, by path and status: its least and its most, before things
#: change.
_REPLIES = {
    ("/predict", "200"): (20, 30),
    ("/predict/raw", "200"): (10, 20),
    ("/predict", "422"): (2, 4),
    ("/predict", "500"): (1, 2),
    ("/predict/raw", "503"): (1, 3),
    ("/healthz", "200"): (8, 12),
    ("/metrics", "200"): (4, 6),
}

#: Mean seconds of a reply by path, before things change.
_MEANS_S = {"/predict": 0.009, "/predict/raw": 0.008, "/healthz": 0.0005}

#: Paths of photos.
PHOTOS = ("/predict", "/predict/raw")


def ask(expression: str, seed: int) -> list[list[float]] | str:
    """Return what a Prometheus that holds recorded series answers to an expression in PromQL.

    Returns:
        The values at the times in ``ASKED_AT_S``, each a list with one number a series; or what
        Prometheus says where it refuses the expression.

    Raises:
        PrometheusUnavailableError: There is no Prometheus.
    """
    begin_s, rows = int(time.time()) - 2 * LENGTH_S, []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "recorded.txt").write_text(series(seed, begin_s))
        (folder / "prometheus.yml").write_text("scrape_configs: []\n")
        source: list[str | Path] = [
            "create-blocks-from",
            "openmetrics",
            folder / "recorded.txt",
            folder / "d",
        ]
        subprocess.run(
            [programs().promtool, "tsdb", *source], check=True, capture_output=True
        )
        with start(folder / "prometheus.yml", data=folder / "d") as server:
            for at_s in ASKED_AT_S:
                try:
                    data = server.get("query", query=expression, time=begin_s + at_s)
                except ValueError as error:
                    return str(error)
                if data["resultType"] == "matrix":
                    return (
                        "this is a range of samples: a function such as rate() makes one value "
                        "of it"
                    )
                scalar, result = data["resultType"] == "scalar", data["result"]
                rows.append(
                    [
                        float(value)
                        for _, value in (
                            [result] if scalar else [series["value"] for series in result]
                        )
                    ]
                )
    return rows


#: What happens in one instance, as pairs of before and after things change: replies a second by
#: path and status, and mean seconds by path.
Instance = tuple[dict[tuple[str, str], np.ndarray], dict[str, np.ndarray]]


def _drawn(seed: int) -> list[Instance]:
    """Return what happens in both instances."""
    random, rows = np.random.default_rng(seed), []
    for slowest in (
        1,
        4,
    ):  # one is a good deal slower than the other, and both get slower when they get busy
        rates = {}
        for reply, (least, most) in _REPLIES.items():
            rates[reply] = random.uniform(least, most) * np.array(
                [1, random.uniform(1.6, 2.4)]
            )
        slower = random.uniform(0.75, 1) * slowest * np.array([1, random.uniform(1.5, 2)])
        rows.append((rates, {path: mean_s * slower for path, mean_s in _MEANS_S.items()}))
    return rows


def _arriving(rates: Mapping[tuple[str, str], np.ndarray], path: str) -> np.ndarray:
    """Return requests a second of a path."""
    return np.sum([rate for (of, _), rate in rates.items() if of == path], axis=0)


def photos_a_second(seed: int) -> np.ndarray:
    """Return the photos a second, before and after things change."""
    return np.sum(
        [_arriving(rates, path) for rates, _ in _drawn(seed) for path in PHOTOS], axis=0
    )


def tail_latency(seed: int) -> np.ndarray:
    """Return the 95th percentile of photos' latency in seconds, as buckets show it, before and
    after things change.
    """
    ends = np.array((0.0, *_BUCKETS_S))
    below = np.zeros((len(ends), 2))
    for rates, means_s in _drawn(seed):
        for path in PHOTOS:
            below += _arriving(rates, path) * (1 - np.exp(-ends[:, None] / means_s[path]))
    return np.array(
        [
            np.interp(0.95 * total, below[:, at], ends)
            for at, total in enumerate(photos_a_second(seed))
        ]
    )


def series(seed: int, begin_s: int) -> str:
    """Return series as OpenMetrics' text from a Unix time on; times are spread exponentially around
    their mean.
    """
    requests, histograms = [], []
    for number, (rates, means_s) in enumerate(_drawn(seed)):
        name, anew_s = (
            f'instance="10.0.0.{number + 1}:8080",job="gourmetgram"',
            RESTART_S if number else None,
        )
        for (path, status), rate in rates.items():
            labels = f'{name},path="{path}",status="{status}"'
            requests += _counted(
                f"serving_requests_total{{{labels}}}", rate, anew_s, begin_s
            )
        for path, mean_s in means_s.items():
            labels, metric, rate = (
                f'{name},path="{path}"',
                "serving_request_seconds",
                _arriving(rates, path),
            )
            shares = {f"{end_s:g}": 1 - np.exp(-end_s / mean_s) for end_s in _BUCKETS_S}
            for end, share in (shares | {"+Inf": 1.0}).items():
                histograms += _counted(
                    f'{metric}_bucket{{{labels},le="{end}"}}',
                    rate * share,
                    anew_s,
                    begin_s,
                )
            histograms += _counted(
                f"{metric}_sum{{{labels}}}", rate * mean_s, anew_s, begin_s
            )
            histograms += _counted(f"{metric}_count{{{labels}}}", rate, anew_s, begin_s)
    types = (
        "# TYPE serving_requests counter",
        "# TYPE serving_request_seconds histogram",
    )
    return "\n".join([types[0], *requests, types[1], *histograms, "# EOF", ""])


def _counted(label: str, rate: np.ndarray, anew_s: int | None, begin_s: int) -> list[str]:
    """Return the lines of a counter of events, with one rate before and one after the change; the
    counter may restart.
    """
    seconds = np.arange(LENGTH_S)
    total = rate[0] * np.minimum(seconds, BUSY_FROM_S) + rate[1] * np.maximum(
        seconds - BUSY_FROM_S, 0
    )
    if anew_s is not None:
        total = total - np.where(seconds >= anew_s, total[anew_s], 0.0)
    return [
        f"{label} {value:.10g} {begin_s + second}"
        for value, second in zip(total, seconds, strict=True)
    ]
