"""The picture of a run under fire over time."""

import math
from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np

from labs.deeper.fire.score import WHOLE, scores
from labs.display.theme import BLUE, GREY, ORANGE
from labs.records import Measurement

#: Width of a bar, in seconds.
_BAR_S = 2.0


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
