"""Looking things up in a ledger's entries, which are plain JSON here: what judges are written with."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from datetime import datetime

from labs.stats import percentile as percentile_of


def measurements(entries: Iterable[dict], **wanted: object) -> list[dict]:
    """Return the measurements whose fields equal ``wanted`` (such as ``kind="latency"``), oldest first."""
    return [
        entry
        for entry in entries
        if entry.get("type") == "measurement" and all(entry.get(name) == value for name, value in wanted.items())
    ]


def first_measurement(entries: Iterable[dict], about: dict) -> dict | None:
    """Return the oldest measurement whose fields equal ``about``, or None.

    ``{"subject": …}`` means an observation: what was seen of the world answers a prediction as a measurement does.
    """
    found = observations(entries, about["subject"]) if "subject" in about else measurements(entries, **about)
    return next(iter(found), None)


def observations(entries: Iterable[dict], subject: str) -> list[dict]:
    """Return the observations of a subject, oldest first."""
    return [entry for entry in entries if entry.get("type") == "observation" and entry.get("subject") == subject]


def last_seen(entries: Iterable[dict], subject: str) -> dict | None:
    """Return what was seen of a subject the last time, or None."""
    found = observations(entries, subject)
    return found[-1]["seen"] if found else None


def began(entry: dict) -> datetime:
    """Return when a measurement began or an observation was made."""
    return moment(entry["made_at"] if entry.get("type") == "observation" else entry["started_at"])


def latest(entries: Iterable[dict], **wanted: object) -> dict | None:
    """Return the newest measurement whose fields equal ``wanted``, or None."""
    found = measurements(entries, **wanted)
    return found[-1] if found else None


def answer_to(entries: Iterable[dict], question: str) -> object | None:
    """Return the newest answer to a question, or None when there is none."""
    found = [entry for entry in entries if entry.get("type") == "answer" and entry.get("question") == question]
    return found[-1]["value"] if found else None


def predictions_of(entries: Iterable[dict], question: str) -> list[dict]:
    """Return the predictions made for a question, oldest first."""
    return [entry for entry in entries if entry.get("type") == "prediction" and entry.get("question") == question]


def prediction_in_time(entries: list[dict], question: str, about: dict) -> dict | None:
    """Return the last prediction that precedes the first measurement it concerns, or None.

    Both witnesses must agree: its place in the append-only ledger, and its time stamp.

    Args:
        entries: All entries in the ledger's order.
        question: The prediction's question.
        about: Fields of the measurements that it concerns.
    """
    first = first_measurement(entries, about)
    before = entries if first is None else entries[: entries.index(first)]
    made = [
        entry for entry in predictions_of(before, question) if first is None or moment(entry["made_at"]) <= began(first)
    ]
    return made[-1] if made else None


def moment(stamp: str) -> datetime:
    """Return an ISO 8601 time stamp as a date and time that can be compared."""
    return datetime.fromisoformat(stamp)


def percentile(measurement: dict, q: float) -> float:
    """Return a percentile of a measurement's samples, in their unit."""
    return _percentile(tuple(measurement["samples"]), q)


@functools.lru_cache(maxsize=1024)
def _percentile(samples: tuple[float, ...], q: float) -> float:
    # A ledger's checkpoints ask for the same few of the same records again and again.
    return percentile_of(samples, q)


def accuracy(measurement: dict) -> float:
    """Return the accuracy of an accuracy measurement, 0 to 1."""
    return sum(measurement["samples"]) / len(measurement["samples"])


def frames_per_second(measurement: dict) -> float:
    """Return pictures a second: batch size over the median wall time of a call."""
    return measurement["batch_size"] / percentile(measurement, 50)


def side_by_side(
    entries: list[dict], option: str, baseline: str, *, kind: str = "latency", batch_size: int = 1
) -> tuple[list[list[float]], list[list[float]]] | None:
    """Return blocks of samples of two options from the newest run in which both took turns, or None.

    Args:
        entries: All entries in the ledger's order.
        option: The option.
        baseline: Its partner in the same run.
        kind: 'latency' or 'throughput'.
        batch_size: Pictures in one call.
    """
    compared = [
        record
        for record in measurements(entries, kind=kind, option=option, batch_size=batch_size)
        if "comparison_id" in record["details"]
    ]
    # From the newest on: a later lesson may have compared the option with others since.
    for record in reversed(compared):
        run = record["details"]["comparison_id"]
        for partner in measurements(entries, kind=kind, option=baseline, batch_size=batch_size):
            if partner["details"].get("comparison_id") == run:
                return _blocks(record), _blocks(partner)
    return None


def _blocks(record: dict) -> list[list[float]]:
    size = record["details"]["block_calls"]
    return [record["samples"][begin : begin + size] for begin in range(0, len(record["samples"]), size)]


def is_number(value: object) -> bool:
    """Return whether a JSON value is a number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_close(value: float, expected: float, *, within: float = 0.01) -> bool:
    """Return whether a number equals another up to a relative difference."""
    return abs(value - expected) <= within * abs(expected)
