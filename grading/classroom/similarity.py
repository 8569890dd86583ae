"""Which students' samples are too alike to be two measurements.

Two runs never repeat each other's noise: the logarithms of their samples, in the order in which they were taken, hardly
correlate. A copy does, also when it was scaled (a factor is a constant in the logarithm) and slightly jittered. A copy
that was shuffled shows by the samples themselves: a clock that counts nanoseconds repeats hardly a number. Where noise
was put on them too, or they were drawn again, each still lies beside the sample that it came from. An independent one
falls anywhere between its two neighbours of another run, as the upper quarter shows, where neighbours are far apart.

Ids of records and of side-by-side runs are random, so two students never share one by chance.

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

#: Between its two neighbours of another run, a sample lies half a half-gap from the nearer one on average. A pair is
#: shown when the mean over all its records is lower by this much, and by so many standard errors: for chance alone, one
#: in a thousand million pairs is.
_NEARER, _ERRORS = 0.08, 6.0

#: A gap in which the clock ticks less often than this says nothing about where a sample falls.
_TICKS = 20


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
    #: Mean distance of sorted samples from the other's nearest, in half gaps: 0 for copies, 0.5 by chance.
    distance: float = 0.5
    #: Ids of records and runs that both ledgers hold.
    ids: int = 0


def similar_pairs(results: Sequence[Result], earlier: Sequence[Result] = ()) -> list[Pair]:
    """Return the pairs of a class that are too alike, the most alike first.

    Args:
        results: A class, each with its samples.
        earlier: Results of earlier years, under names that nobody of the class has: pairs with them are told too.
    """
    present = {one.student for one in results}
    return [pair for pair in _pairs_of([*results, *earlier]) if present & {pair.first, pair.second}]


def _pairs_of(results: Sequence[Result]) -> list[Pair]:
    found: dict[tuple[str, str], list[tuple[str, float, float]]] = defaultdict(list)
    for record in sorted({record for result in results for record in result.samples}):
        runs = [(one.student, np.asarray(one.samples[record], float)) for one in results if record in one.samples]
        runs = [(student, values) for student, values in runs if len(values) >= _FEWEST and (values > 0).all()]
        shared = dict(_shared(runs))
        for pair, correlation in _correlated(runs, loaded=UNDER_LOAD in record):
            found[pair].append((record, correlation, shared.pop(pair, 0.0)))
        for pair, share in shared.items():
            found[pair].append((record, 0.0, share))
    near, ids = _near(results), _same_ids(results)
    pairs = []
    for names in {**found, **near, **ids}:
        rows = found.get(names, [("", 0.0, 0.0)])
        records = tuple(name for name, _, _ in rows if name)
        if names in near:
            records = tuple(sorted({*records, *near[names][1]}))
        highest = (max(r for _, r, _ in rows), max(s for _, _, s in rows))
        pairs.append(Pair(*names, records, *highest, near.get(names, (0.5, ()))[0], ids.get(names, 0)))
    return sorted(pairs, key=lambda one: (-len(one.records), -one.correlation, one.first, one.second))


def said_of(pairs: Sequence[Pair]) -> dict[str, list[str]]:
    """Return, by student, one sentence for each pair: what the list for a look says. Who copied whom nobody knows."""
    said: dict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        for one, other in ((pair.first, pair.second), (pair.second, pair.first)):
            count = len(pair.records)
            records = "1 record looks" if count == 1 else f"{count} records look"
            if count:
                said[one].append(f"{records} like the same measurement as {other}'s")
            if pair.ids:
                said[one].append(f"{pair.ids} ids of records or runs are {other}'s too")
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


def _same_ids(results: Sequence[Result]) -> dict[tuple[str, str], int]:
    """Return how many ids of records and runs two students share, for pairs that share one."""
    holders: dict[str, list[str]] = defaultdict(list)
    for result in results:
        for one in result.ids:
            holders[one].append(result.student)
    return dict(Counter(_names(*pair) for students in holders.values() for pair in combinations(students, 2)))


def _near(results: Sequence[Result]) -> dict[tuple[str, str], tuple[float, tuple[str, ...]]]:
    """Return pairs whose sorted samples lie nearer to each other than chance puts them, with distance and records."""
    count = len(results)
    # As they are, which finds what was drawn again; and with one mean, which finds what was scaled.
    sums, numbers = np.zeros((2, count, count)), np.zeros((2, count, count))
    for record in {record for result in results for record in result.samples}:
        holders = [(place, one.samples[record]) for place, one in enumerate(results) if record in one.samples]
        holders = [(place, np.sort(np.log(v))) for place, v in holders if len(v) >= _FEWEST and min(v) > 0]
        for way in (0, 1):
            rows = [(place, logs - way * logs.mean()) for place, logs in holders]
            _measure_gaps(rows, sums[way], numbers[way])
    sums, numbers = (table + table.transpose(0, 2, 1) for table in (sums, numbers))
    mean = np.divide(sums, numbers, out=np.full_like(sums, 0.5), where=numbers > 0)
    # A place between 0 and 1 by chance has a variance of 1/12.
    least = np.maximum(_NEARER, _ERRORS / np.sqrt(12 * np.maximum(numbers, 1)))
    found = {}
    for one, other in zip(*np.nonzero(np.triu((0.5 - mean > least).any(0), 1)), strict=True):
        first, second = results[one], results[other]
        both = tuple(sorted(set(first.samples) & set(second.samples)))
        found[_names(first.student, second.student)] = (float(mean[:, one, other].min()), both)
    return found


def _measure_gaps(rows: list[tuple[int, np.ndarray]], sums: np.ndarray, numbers: np.ndarray) -> None:
    """Add, for each two rows, where the upper quarter of one falls between its neighbours in the other."""
    if len(rows) < 2:
        return
    asked = np.concatenate([logs[-len(logs) // 4 :] for _, logs in rows])
    owners = np.concatenate([np.full(len(logs[-len(logs) // 4 :]), place) for place, logs in rows])
    for place, logs in rows:
        steps = np.diff(logs)
        if not (steps > 1e-12).any():
            continue
        after = np.searchsorted(logs, asked)
        inside = (after > 0) & (after < len(logs)) & (owners != place)
        after, values = after[inside], asked[inside]
        gaps, low = steps[after - 1], logs[after - 1]
        wide = gaps > _TICKS * steps[steps > 1e-12].min()
        nearest = np.minimum(values - low, low + gaps - values)[wide] / (gaps[wide] / 2)
        # Of what falls into one gap, the mean counts, once: on a busy machine times crowd at steps of the scheduler's
        # clock, and a crowd on the edge of a gap is one observation.
        crowds, which = np.unique(owners[inside][wide] * len(logs) + after[wide], return_inverse=True)
        whose = crowds // len(logs)
        sums[place] += np.bincount(whose, np.bincount(which, nearest) / np.bincount(which), len(sums))
        numbers[place] += np.bincount(whose, minlength=len(sums))


def _names(first: str, second: str) -> tuple[str, str]:
    return (first, second) if first <= second else (second, first)
