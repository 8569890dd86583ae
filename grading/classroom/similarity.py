"""Which students' samples are too alike to be two measurements.

Two runs never repeat each other's noise: the logarithms of their samples, in the order in which they were taken, hardly
correlate. A copy does, also when it was scaled (a factor is a constant in the logarithm) and slightly jittered. A copy
that was shuffled shows by the samples themselves: a clock that counts nanoseconds repeats hardly a number.

Under load it is not the samples that have to differ but the noise on them: every queue fills up in the same shape. So
the logarithms are compared after their running median was taken off.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from grading.result import Result
from grading.result.result import UNDER_LOAD

#: Correlation from which a pair is shown. Measured: independent runs at most 0.56, a copy scaled by 0.7 with 1 % jitter
#: at least 0.99.
ALIKE = 0.9

#: The same for load runs without their shape. Measured between 23 runs of part 3 in two ledgers, all on one machine: at
#: most 0.38 (with the shape, 0.96); a copy scaled by 0.7 with 1 % jitter: at least 0.77.
ALIKE_UNDER_LOAD = 0.65

#: Samples of the running median.
_WINDOW = 9

#: Samples below which a correlation says too little.
_FEWEST = 60

#: Share of equal samples from which a pair is shown, whatever their order.
_SHARED = 0.3


@dataclass(frozen=True)
class Pair:
    """Two students with a record that looks like one measurement. A reason to ask them, and no proof."""

    #: The two, by name.
    first: str
    second: str
    #: Records, as 'option × batch size', that are alike.
    records: tuple[str, ...]
    #: The highest correlation of log samples among them, -1 to 1.
    correlation: float
    #: The highest share of equal samples among them, 0 to 1.
    shared: float


def similar_pairs(results: Sequence[Result]) -> list[Pair]:
    """Return the pairs of a class that are too alike, the most alike first.

    Args:
        results: A class, each with its samples.
    """
    found: dict[tuple[str, str], list[tuple[str, float, float]]] = defaultdict(list)
    for record in sorted({record for result in results for record in result.samples}):
        runs = [(one.student, np.asarray(one.samples[record], float)) for one in results if record in one.samples]
        runs = [(student, values) for student, values in runs if len(values) >= _FEWEST and (values > 0).all()]
        shared = dict(_shared(runs))
        for pair, correlation in _correlated(runs, loaded=UNDER_LOAD in record):
            found[pair].append((record, correlation, shared.pop(pair, 0.0)))
        for pair, share in shared.items():
            found[pair].append((record, 0.0, share))
    pairs = [
        Pair(*names, tuple(name for name, _, _ in rows), max(r for _, r, _ in rows), max(s for _, _, s in rows))
        for names, rows in found.items()
    ]
    return sorted(pairs, key=lambda one: (-len(one.records), -one.correlation, one.first, one.second))


def said_of(pairs: Sequence[Pair]) -> dict[str, list[str]]:
    """Return, by student, one sentence for each pair: what the list for a look says. Who copied whom nobody knows."""
    said: dict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        for one, other in ((pair.first, pair.second), (pair.second, pair.first)):
            count = len(pair.records)
            records = "1 record looks" if count == 1 else f"{count} records look"
            said[one].append(f"{records} like the same measurement as {other}'s")
    return dict(said)


def _correlated(runs: list[tuple[str, np.ndarray]], *, loaded: bool) -> Iterator[tuple[tuple[str, str], float]]:
    """Yield pairs whose log samples correlate, over the samples that both have."""
    alike, noise = (ALIKE_UNDER_LOAD, _without_shape) if loaded else (ALIKE, np.asarray)
    by_length: dict[int, list[tuple[str, np.ndarray]]] = defaultdict(list)
    for student, values in runs:
        by_length[len(values)].append((student, noise(np.log(values))))
    lengths = sorted(by_length)
    for place, length in enumerate(lengths):
        # One product of matrices compares all of a length with one another and with the longer ones.
        others = [one for longer in lengths[place:] for one in by_length[longer]]
        mine = by_length[length]
        table = _standardized([values[:length] for _, values in mine]) @ (
            _standardized([values[:length] for _, values in others]).T / length
        )
        for row, column in zip(*np.nonzero(table >= alike), strict=True):
            # Those of the same length stand first among the others, in the same order: each pair once.
            if column > row:
                yield _names(mine[row][0], others[column][0]), float(min(1.0, table[row, column]))


def _without_shape(logs: np.ndarray) -> np.ndarray:
    """Return a row less its running median: what is left is noise, and not how a queue filled up."""
    padded = np.pad(logs, _WINDOW // 2, mode="edge")
    return logs - np.median(np.lib.stride_tricks.sliding_window_view(padded, _WINDOW), axis=1)


def _standardized(rows: list[np.ndarray]) -> np.ndarray:
    """Return rows with mean 0 and standard deviation 1; a constant row becomes zeros."""
    table = np.stack(rows)
    table = table - table.mean(1, keepdims=True)
    spread = table.std(1, keepdims=True)
    return np.divide(table, spread, out=np.zeros_like(table), where=spread > 1e-12)


def _shared(runs: Iterable[tuple[str, np.ndarray]]) -> Iterator[tuple[tuple[str, str], float]]:
    """Yield pairs that have the same numbers, with the share of the shorter run that the other has too."""
    holders: dict[float, list[str]] = defaultdict(list)
    counts: dict[str, int] = {}
    for student, values in runs:
        own = np.unique(values)
        # A coarse clock repeats itself, and then equal numbers mean nothing.
        if len(own) < 0.8 * len(values):
            continue
        counts[student] = len(own)
        for value in own.tolist():
            holders[value].append(student)
    together: Counter[tuple[str, str]] = Counter()
    for students in holders.values():
        if len(students) > 1:
            together.update(_names(*pair) for pair in combinations(students, 2))
    for pair, count in together.items():
        share = count / min(counts[name] for name in pair)
        if share >= _SHARED:
            yield pair, share


def _names(first: str, second: str) -> tuple[str, str]:
    return (first, second) if first <= second else (second, first)
