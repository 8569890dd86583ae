"""Samples: a clock's readings vary, are not round, and are not another record's."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from itertools import combinations
from statistics import NormalDist

import numpy as np

from grading.consistency.finding import Finding, flag, impossible, named
from grading.consistency.times import from_cold_starts

#: Kinds measured with a clock, many times.
_CLOCKED = ("latency", "throughput", "load")

#: Of so many samples, a few may coincide: clocks tick in steps. All but a few never do.
_FEWEST_TO_JUDGE = 20
_LEAST_DISTINCT = 0.05

#: Seconds; nobody's clock ticks in steps this coarse, and nobody's reading is a multiple of it time after time.
_ROUND_S = 1e-5

#: Fewer samples in a latency record than this leave even its middle to chance; no lesson takes fewer.
_LEAST_SAMPLES = 40

#: Records of one length that are compared with each other; a part has some twenty.
_MOST_ALIKE = 150

#: Correlation of the logarithms of two runs' samples. Source: measured before, at most 0.56 between independent runs
#: and at least 0.99 for a copy that was scaled by 0.7 with 1 % of jitter.
_COPIED = 0.985


def vary(records: list[dict]) -> Iterator[Finding]:
    """Yield records whose readings are (nearly) all the same."""
    for record in _clocked(records):
        samples = record["samples"]
        if len(samples) >= _FEWEST_TO_JUDGE and len(set(samples)) <= max(2, _LEAST_DISTINCT * len(samples)):
            yield impossible(
                "samples-constant",
                f"The {named(record)} has {len(samples)} samples and {len(set(samples))} different values: no clock "
                "reads the same again and again.",
                record,
            )


def are_not_rounded(records: list[dict]) -> Iterator[Finding]:
    """Yield records whose readings were rounded, or written by a person."""
    for record in _clocked(records):
        samples = np.asarray(record["samples"], float)
        if len(samples) < _FEWEST_TO_JUDGE or np.median(samples) < 20 * _ROUND_S:
            continue
        off = np.abs(samples / _ROUND_S - np.round(samples / _ROUND_S))
        if np.mean(off < 1e-3) > 0.9:
            yield flag("samples-rounded", f"The samples of the {named(record)} are round numbers.", record)


def are_enough(records: list[dict]) -> Iterator[Finding]:
    """Yield latency records with fewer samples than the course's benchmark takes.

    A rehearsed device takes fewer, since its times say nothing about the device, and so does whoever starts anew.
    """
    started = from_cold_starts(records)
    for record in records:
        fewer = record["machine"]["testbed"].get("site") == "rehearsal" or record["record_id"] in started
        if record["kind"] == "latency" and not fewer and len(record["samples"]) < _LEAST_SAMPLES:
            count = len(record["samples"])
            yield flag(
                "samples-few", f"The {named(record)} has {count} samples; {_LEAST_SAMPLES} are the least.", record
            )


def are_nobody_elses(records: list[dict]) -> Iterator[Finding]:
    """Yield records that hold another one's samples, as they are or scaled."""
    of_length: dict[int, list[tuple[dict, np.ndarray]]] = {}
    for record in _clocked(records):
        if len(record["samples"]) >= _FEWEST_TO_JUDGE and min(record["samples"]) > 0:
            logs = np.log(np.asarray(record["samples"], float))
            of_length.setdefault(len(logs), []).append((record, logs))
    for alike in of_length.values():
        centred = [(record, logs - logs.mean()) for record, logs in alike[:_MOST_ALIKE]]
        for (one, a), (other, b) in combinations(centred, 2):
            if one["samples"] == other["samples"]:
                message = f"The {named(other)} holds the very samples of the {named(one)}."
                yield impossible("samples-twice", message, other)
                continue
            scale = float(np.sqrt((a @ a) * (b @ b)))
            if scale > 0 and float(a @ b) / scale > _COPIED:
                message = f"The {named(other)} rises and falls with the {named(one)}, sample by sample."
                yield flag("samples-alike", message, one, other)


def looks_drawn(samples: Sequence[float]) -> bool:
    """Return whether samples are as a formula draws them: their logarithms normal, and none knows of those before.

    A machine's noise has a long tail, and it lasts: what disturbs one sample disturbs its neighbours. Two tests, each
    of which one in a hundred drawn records fails.

    Args:
        samples: Seconds, in the order in which they were taken; above 0.

    Source: Royston, A toolkit for testing for non-normality, 1993 (Shapiro and Francia's W'); Ljung and Box, On a
    measure of lack of fit in time series models, 1978.
    """
    logs = np.log(np.asarray(samples, float))
    logs = logs - logs.mean()
    count, total = len(logs), float(logs @ logs)
    if np.ptp(logs) < 1e-9:  # one value all along, but for rounding: another rule knows it
        return False
    straight = float(np.corrcoef(np.sort(logs), _scores(count))[0, 1] ** 2)
    double_log = math.log(math.log(count))
    usual = -1.2725 + 1.0521 * (double_log - math.log(count))
    spread = 1.0308 - 0.26758 * (double_log + 2 / math.log(count))
    from_normal = (math.log(1 - straight) - usual) / spread
    lags = [float(logs[lag:] @ logs[:-lag]) / total for lag in range(1, _LAGS + 1)]
    related = count * (count + 2) * sum(one**2 / (count - lag) for lag, one in enumerate(lags, start=1))
    return from_normal < _NORMAL.inv_cdf(0.99) and related < _RELATED


@functools.lru_cache(maxsize=32)
def _scores(count: int) -> np.ndarray:
    """Return where so many sorted draws of a normal distribution are expected.

    Source: Blom, Statistical estimates and transformed beta-variables, 1958.
    """
    return np.array([_NORMAL.inv_cdf((place - 0.375) / (count + 0.25)) for place in range(1, count + 1)])


_NORMAL = NormalDist()

#: Lags of the autocorrelation, and what their sum exceeds in one of a hundred unrelated series (chi-squared).
_LAGS, _RELATED = 5, 15.09

#: Shorter records tell too little. Of the 167 such records of the three recordings, two look drawn.
_FEWEST_TO_LOOK_DRAWN = 80

#: From so many records on, and from this share of a ledger's. If one honest record in twenty looked drawn, a ledger of
#: twelve would have four of them in two cases of a thousand.
_DRAWN, _DRAWN_SHARE = 4, 1 / 3


def are_no_formulas(records: list[dict]) -> Iterator[Finding]:
    """Yield one finding when many records look as if a formula had drawn their samples."""
    long = [
        one for one in _clocked(records) if len(one["samples"]) >= _FEWEST_TO_LOOK_DRAWN and min(one["samples"]) > 0
    ]
    drawn = [one for one in long if looks_drawn(one["samples"])]
    if len(drawn) >= max(_DRAWN, _DRAWN_SHARE * len(long)):
        message = f"The samples of {len(drawn)} of {len(long)} records are as a formula draws them: no long tail, and "
        yield flag("samples-drawn", message + "nothing that lasts from one to the next.", *drawn)


def _clocked(records: list[dict]) -> Iterator[dict]:
    return (record for record in records if record["kind"] in _CLOCKED)
