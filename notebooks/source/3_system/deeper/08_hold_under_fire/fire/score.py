"""The score of a run under fire, and its table."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from labs.records import Measurement

#: The row of a table for the time before the first attack, and for the whole run.
BEFORE, WHOLE = "before the attacks", "the whole run"


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
