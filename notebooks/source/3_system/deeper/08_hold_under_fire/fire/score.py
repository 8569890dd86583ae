"""The score of a run under fire: its table, and its picture over time."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from labs.display.theme import BLUE, GREY, ORANGE
from labs.records import Measurement

#: The row of a table for the time before the first attack, and for the whole run.
BEFORE, WHOLE = "before the attacks", "the whole run"

#: Width of a bar, in seconds.
_BAR_S = 2.0


@dataclass(frozen=True)
class FireScore:
    """What a part of a run did to good photos and to health."""

    photos: int
    answered: int
    #: Infinite if a check was not answered with 200.
    slowest_health_s: float

    @property
    def share(self) -> float:
        """The share of good photos that were answered, 0 to 1; 1 if there were none."""
        return self.answered / self.photos if self.photos else 1.0


def scores(record: Measurement) -> dict[str, FireScore]:
    """Return a score for each attack, in the order of time, and for the whole run.

    An attack's photos are those that were due from its beginning until the next attack: what it
    broke may stay broken.
    """
    found = {}
    for name, begin_s, end_s in _parts(record):
        found[name] = _score(record, begin_s, end_s)
    found[WHOLE] = _score(record, -math.inf, math.inf)
    return found


def _parts(record: Measurement) -> Iterator[tuple[str, float, float]]:
    windows = record.details["windows"]
    names = [BEFORE, *(name for name, _, _ in windows)]
    begins_s = [-math.inf, *(begin_s for _, begin_s, _ in windows)]
    ends_s = [*begins_s[1:], math.inf]
    return zip(names, begins_s, ends_s, strict=True)


def _score(record: Measurement, begin_s: float, end_s: float) -> FireScore:
    def count(offsets_s: list[float]) -> int:
        return sum(begin_s <= offset_s < end_s for offset_s in offsets_s)

    assert record.load is not None
    answered = count(list(record.load.offsets_s))
    lost = count([failure.offset_s for failure in record.load.failures])
    slowest_s = 0.0
    for offset_s, took_s, status in record.details["health"]:
        if begin_s <= offset_s < end_s:
            slowest_s = max(slowest_s, took_s if status == 200 else math.inf)
    return FireScore(answered + lost, answered, slowest_s)


def table(records: Mapping[str, Measurement]) -> pd.DataFrame:
    """Return a row per attack, with three columns for each run, by the runs' names."""
    columns: dict[tuple[str, str], dict[str, object]] = {}
    for run, record in records.items():
        found = scores(record)
        columns[run, "photos"] = {name: score.photos for name, score in found.items()}
        columns[run, "answered"] = {name: score.answered for name, score in found.items()}
        columns[run, "share"] = {
            name: f"{score.share:.1%}" for name, score in found.items()
        }
        columns[run, "slowest health"] = {
            name: _seconds(score.slowest_health_s) for name, score in found.items()
        }
    return pd.DataFrame(columns)


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if math.isfinite(seconds) else "no answer"


def chart(records: Mapping[str, Measurement]) -> plt.Figure:
    """Return a figure with a column for each run: good photos a second, their latency, and health,
    with the window of each attack.
    """
    figure, axes = plt.subplots(
        2, len(records), figsize=(9, 5.5), sharex=True, sharey="row", squeeze=False
    )
    words = []
    for (rate_axis, latency_axis), (run, record) in zip(
        axes.T, records.items(), strict=True
    ):
        score = scores(record)[WHOLE]
        words.append(f"{run}: {score.share:.1%} of the good photos were answered")
        rate_axis.set_title(f"{run}: {score.share:.1%} of good photos answered")
        _draw_rate(rate_axis, record)
        _draw_latency(latency_axis, record)
        _shade(rate_axis, record)
        _shade(latency_axis, record)
        _name_windows(rate_axis, record)
        latency_axis.set_xlabel("seconds")
    # Room for the windows' names; both columns share it.
    axes[0, 0].set_ylim(top=1.5 * axes[0, 0].get_ylim()[1])
    for axis in axes[:, 0]:
        axis.legend(loc="lower left", fontsize="x-small")
    axes[0, 0].set_ylabel("good photos a second")
    axes[1, 0].set_ylabel("seconds until the answer")
    figure.set_label("; ".join(words) + ".")
    return figure


def _draw_rate(axis: plt.Axes, record: Measurement) -> None:
    assert record.load is not None
    duration_s = record.load.duration_s
    edges_s = np.arange(0, duration_s + _BAR_S, _BAR_S)
    lost_s = [failure.offset_s for failure in record.load.failures]
    answered, _ = np.histogram(record.load.offsets_s, edges_s)
    lost, _ = np.histogram(lost_s, edges_s)
    places_s = edges_s[:-1] + _BAR_S / 2
    axis.bar(places_s, answered / _BAR_S, _BAR_S, color=BLUE, label="answered")
    axis.bar(
        places_s,
        lost / _BAR_S,
        _BAR_S,
        bottom=answered / _BAR_S,
        color=ORANGE,
        label="lost",
    )


def _draw_latency(axis: plt.Axes, record: Measurement) -> None:
    assert record.load is not None
    axis.scatter(record.load.offsets_s, record.samples, s=4, color=BLUE, label="photo")
    health = record.details["health"]
    bad_s = [offset_s for offset_s, _, status in health if status != 200]
    offsets_s = [offset_s for offset_s, _, _ in health]
    # A line ends where a check was not answered.
    took_s = [took_s if status == 200 else math.nan for _, took_s, status in health]
    axis.plot(offsets_s, took_s, color=GREY, lw=1, label="health check")
    axis.scatter(
        bad_s,
        [5.0] * len(bad_s),
        s=14,
        marker="x",
        color=ORANGE,
        label="health: no answer",
    )
    axis.set_yscale("log")


def _shade(axis: plt.Axes, record: Measurement) -> None:
    """Shade the windows of the attacks."""
    for _, begin_s, end_s in record.details["windows"]:
        axis.axvspan(begin_s, end_s, color=GREY, alpha=0.18, lw=0, zorder=0)


def _name_windows(axis: plt.Axes, record: Measurement) -> None:
    inside = axis.get_xaxis_transform()  # seconds, and a share of the axes' height
    for name, begin_s, end_s in record.details["windows"]:
        middle_s = (begin_s + end_s) / 2
        label = axis.text(middle_s, 0.98, name, transform=inside, fontsize="x-small")
        label.set(ha="center", va="top", rotation=90)
