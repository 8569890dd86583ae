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
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from grading.result import Result
from grading.result.result import FEWEST, UNDER_LOAD, without_number

#: Correlation from which a pair is shown. Measured: independent runs at most 0.56, a copy scaled by 0.7 with 1 % jitter
#: at least 0.99.
ALIKE = 0.9

#: The same for load runs without their shape. Measured between 23 runs of part 3 in two ledgers, all on one machine: at
#: most 0.38 (with the shape, 0.96); a copy scaled by 0.7 with 1 % jitter: at least 0.77.
ALIKE_UNDER_LOAD = 0.65

#: Samples of the running median.
_WINDOW = 9

#: Share of equal samples from which a pair is shown, whatever their order.
_SHARED = 0.3

#: Between its two neighbours of another run, a sample lies half a half-gap from the nearer one on average. Two are near
#: when both means are lower by this much and by so many standard errors, each of the two in the gaps of the other: for
#: records, and for what all near records of two students say together. By chance alone, in one direction and without a
#: choice among records, six errors are one in a thousand million. Measured: of 9,202 pairs of recorded runs, taken as
#: they are and with one mean, four are near, and none by three errors.
_NEARER, _ERRORS_OF_RECORDS, _ERRORS = 0.08, 2.0, 6.0

#: A gap in which the clock ticks less often than this says nothing about where a sample falls.
_TICKS = 20

#: Nor does one this many times as wide as is typical of the upper quarter that it lies in: times that crowd at a few
#: places, by the scheduler's clock or because somebody typed them so, are near to whatever crowds there too.
_TYPICAL = 100

#: Records of one name, from all students that have some: the student's name, and the samples in seconds.
Runs = list[tuple[str, np.ndarray]]


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
    named = _named(results)
    found: dict[tuple[str, str], list[tuple[str, float, float]]] = defaultdict(list)
    for name, runs in named.items():
        correlated, shared = _correlated(runs, loaded=UNDER_LOAD in name), _shared(runs)
        for pair in {**correlated, **shared}:
            found[pair].append((name, correlated.get(pair, 0.0), shared.get(pair, 0.0)))
    near, ids = _near(named), _same_ids(results)
    pairs = []
    for names in {**found, **near, **ids}:
        rows = found.get(names, [])
        distance, records = near.get(names, (0.5, ()))
        records = tuple(sorted({*records, *(name for name, _, _ in rows)}))
        highest = (max((r for _, r, _ in rows), default=0.0), max((s for _, _, s in rows), default=0.0))
        pairs.append(Pair(*names, records, *highest, distance, ids.get(names, 0)))
    return sorted(pairs, key=lambda one: (-len(one.records), -one.correlation, one.first, one.second))


def _named(results: Sequence[Result]) -> dict[str, Runs]:
    """Return the records that say enough, by their name, ordered by student: those that at least two students have."""
    named: dict[str, Runs] = defaultdict(list)
    for result in sorted(results, key=lambda one: one.student):
        for key, samples in result.samples.items():
            if len(samples) >= FEWEST and min(samples) > 0:
                named[without_number(key)].append((result.student, np.asarray(samples, float)))
    return {name: named[name] for name in sorted(named) if len({student for student, _ in named[name]}) > 1}


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


def _correlated(runs: Runs, *, loaded: bool) -> dict[tuple[str, str], float]:
    """Return pairs whose log samples correlate, over the samples that both have, with their highest correlation."""
    alike, noise = (ALIKE_UNDER_LOAD, _without_shape) if loaded else (ALIKE, np.asarray)
    by_length: dict[int, Runs] = defaultdict(list)
    for student, values in runs:
        by_length[len(values)].append((student, noise(np.log(values))))
    lengths = sorted(by_length)
    found: dict[tuple[str, str], float] = {}
    for place, length in enumerate(lengths):
        # One product of matrices compares all of a length with one another and with the longer ones.
        others = [one for longer in lengths[place:] for one in by_length[longer]]
        mine = by_length[length]
        table = _standardized([values[:length] for _, values in mine]) @ (
            _standardized([values[:length] for _, values in others]).T / length
        )
        for row, column in zip(*np.nonzero(table >= alike), strict=True):
            pair = _names(mine[row][0], others[column][0])
            if pair[0] != pair[1]:
                found[pair] = max(found.get(pair, 0.0), float(min(1.0, table[row, column])))
    return found


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


def _shared(runs: Runs) -> dict[tuple[str, str], float]:
    """Return pairs that have the same numbers, with the highest share of the shorter run that the other has too."""
    distinct = [(student, np.unique(values), len(values)) for student, values in runs]
    # A coarse clock repeats itself, and then equal numbers mean nothing.
    kept = [(student, own) for student, own, count in distinct if len(own) >= 0.8 * count]
    if not kept:
        return {}
    counts = np.array([len(own) for _, own in kept])
    values, owners = np.concatenate([own for _, own in kept]), np.repeat(np.arange(len(kept)), counts)
    order = np.argsort(values, kind="stable")
    values, owners = values[order], owners[order]
    together = np.zeros((len(kept), len(kept)), np.uint16)
    # Holders of one number stand side by side: next neighbours first, then those one further, as long as there are any.
    apart, here = 1, np.flatnonzero(values[1:] == values[:-1])
    while len(here):
        # A run holds a number once, so no two of these are the same pair twice.
        np.add.at(together, (owners[here], owners[here + apart]), 1)
        apart += 1
        here = here[here + apart < len(values)]
        here = here[values[here] == values[here + apart]]
    shares = together / np.minimum.outer(counts, counts)
    found: dict[tuple[str, str], float] = {}
    for one, other in zip(*np.nonzero(shares >= _SHARED), strict=True):
        pair = _names(kept[one][0], kept[other][0])
        if pair[0] != pair[1]:
            found[pair] = max(found.get(pair, 0.0), float(shares[one, other]))
    return found


def _same_ids(results: Sequence[Result]) -> dict[tuple[str, str], int]:
    """Return how many ids of records and runs two students share, for pairs that share one."""
    holders: dict[str, list[str]] = defaultdict(list)
    for result in results:
        for one in result.ids:
            holders[one].append(result.student)
    return dict(Counter(_names(*pair) for students in holders.values() for pair in combinations(students, 2)))


def _near(named: dict[str, Runs]) -> dict[tuple[str, str], tuple[float, tuple[str, ...]]]:
    """Return pairs whose sorted samples lie nearer to each other than chance puts them, with distance and records."""
    # By pair and way: each near record's name, with sums and numbers of distances, in the gaps of one and of the other.
    near: dict[tuple[str, str, int], list[tuple[str, np.ndarray]]] = defaultdict(list)
    for name, runs in named.items():
        _, owners, records = np.unique([student for student, _ in runs], return_inverse=True, return_counts=True)
        # Errors for which, of all records of this name that two have, as many pairs are near by chance as of one each.
        pairs = np.multiply.outer(records, records)[owners][:, owners]
        least = np.sqrt(_ERRORS_OF_RECORDS**2 + np.log(pairs, dtype=np.float32))
        # As they are, which finds what was drawn again; and with one mean, which finds what was scaled.
        logs = [np.sort(np.log(values)) for _, values in runs]
        for way in (0, 1):
            rows = [one - way * one.mean() for one in logs]
            there = np.stack(_in_gaps_of_earlier(rows))
            close = _is_near(*there, least) & (owners[:, None] != owners)
            # Few are near in the gaps of one, and these alone are looked at in the gaps of the other.
            for other in np.flatnonzero(close.any(0)):
                ones = np.flatnonzero(close[:, other])
                here = np.stack(_in_gaps(rows[other], *_upper([rows[one] for one in ones])))
                for one, is_near, found_here in zip(ones, _is_near(*here, least[ones, other]), here.T, strict=True):
                    if is_near:
                        both = np.stack([there[:, one, other], found_here], axis=1)
                        near[runs[one][0], runs[other][0], way].append((name, both))
    found: dict[tuple[str, str], tuple[float, tuple[str, ...]]] = {}
    for (first, second, _), rows in near.items():
        sums, numbers = sum(both for _, both in rows)
        if _is_near(sums, numbers, _ERRORS).all():
            distance, records = found.get((first, second), (0.5, ()))
            records = tuple(sorted({*records, *(name for name, _ in rows)}))
            found[first, second] = (min(distance, max(0.0, float(sums.sum() / numbers.sum()))), records)
    return found


def _is_near(sums: np.ndarray, numbers: np.ndarray, errors: float | np.ndarray) -> np.ndarray:
    """Return where means of distances are lower than chance makes them, by so many standard errors."""
    mean = np.divide(sums, numbers, out=np.full_like(sums, 0.5), where=numbers > 0)
    # A place between 0 and 1 by chance has a variance of 1/12.
    return 0.5 - mean > np.maximum(_NEARER, errors / np.sqrt(12 * np.maximum(numbers, 1)))


def _upper(rows: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the upper quarters of sorted rows one after the other, whose each value is, and the values' order."""
    upper = [logs[-len(logs) // 4 :] for logs in rows]
    values = np.concatenate(upper)
    return values, np.repeat(np.arange(len(rows)), [len(one) for one in upper]), np.argsort(values)


def _in_gaps_of_earlier(rows: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return ``_in_gaps`` of each row (first axis) for those that come after it (second axis), and zeros elsewhere."""
    sums, numbers = np.zeros((2, len(rows), len(rows)), np.float32)
    for place, logs in enumerate(rows):
        # Sorting those that are left costs as much as comparing them with some rows.
        if place % 32 == 0:
            begin, asked = place, _upper(rows[place:])
        sums[place, begin:], numbers[place, begin:] = _in_gaps(logs, *asked)
    return np.triu(sums, 1), np.triu(numbers, 1)


def _in_gaps(
    logs: np.ndarray, values: np.ndarray, owners: np.ndarray, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return, by owner, the sum of distances from a row's nearest sample, in half gaps, and in how many gaps.

    Args:
        logs: The row: sorted logarithms of samples.
        values: Those of others, of which each owner's are sorted.
        owners: Whose each of them is, from 0.
        order: What sorts the values.
    """
    count, steps = owners[-1] + 1, logs[1:] - logs[:-1]
    typical = np.sort(steps[-len(logs) // 4 :])
    typical = typical[typical > 1e-12]
    if not len(typical):
        return np.zeros(count), np.zeros(count)
    # Before the first sample and after the last there is no gap.
    wide = np.zeros(len(logs) + 1, bool)
    wide[1:-1] = (steps > _TICKS * steps[steps > 1e-12].min()) & (steps <= _TYPICAL * typical[len(typical) // 2])
    ends = np.concatenate(([0], np.searchsorted(values[order], logs, side="right"), [len(values)]))
    gap = np.empty(len(values), np.intp)
    gap[order] = np.repeat(np.arange(len(logs) + 1), ends[1:] - ends[:-1])
    inside = np.flatnonzero(wide[gap])
    if not len(inside):
        return np.zeros(count), np.zeros(count)
    which, whose = gap[inside] - 1, owners[inside]
    nearest = 1 - np.abs(values[inside] - (logs[:-1] + steps / 2)[which]) / (steps / 2)[which]
    # Of what falls into one gap, the mean counts, once: on a busy machine times crowd at steps of the scheduler's
    # clock, and a crowd on the edge of a gap is one observation.
    begins = np.flatnonzero((which[1:] != which[:-1]) | (whose[1:] != whose[:-1])) + 1
    begins = np.concatenate(([0], begins))
    crowds = np.add.reduceat(nearest, begins) / np.diff(begins, append=len(which))
    whose = whose[begins]
    return np.bincount(whose, crowds, count), np.bincount(whose, minlength=count)


def _names(first: str, second: str) -> tuple[str, str]:
    return (first, second) if first <= second else (second, first)
