"""Which students' submissions hold the same: a line for a person, and no proof.

Nothing is weighed here, and no noise is looked at. Ids of records are random, a clock's samples are nobody else's, and
two students do not write the same sentence of six words and more. Functions are compared without their names, blanks
and comments; short ones are often the same, so two students make a pair by these when most of all that both wrote are.
Files alone make none: quantizing is deterministic.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

from grading.grade.result import Result

#: What is compared, in the order in which it is told, and how one and several are called.
WORDS = {
    "ids": ("id of a record or run", "ids of records or runs"),
    "records": ("record's samples", "records' samples"),
    "texts": ("written answer", "written answers"),
    "cells": ("function", "functions"),
    "files": ("file", "files"),
}

#: What no two students share by chance.
_ALONE = ("ids", "records", "texts")

#: Functions that both have to have written before having most of them alike tells anything, and before having all of
#: them alike does.
_FEWEST_CELLS, _FEWEST_OF_ALL = 10, 5


@dataclass(frozen=True)
class Pair:
    """Two students whose submissions hold the same. A reason to ask them, and no proof."""

    #: The two, by name.
    first: str
    second: str
    #: How many are the same, by what they are (``WORDS``); what is not the same at all is left out.
    same: dict[str, int] = field(default_factory=dict)

    @property
    def said(self) -> str:
        """What is the same, in words: '3 ids of records or runs, 1 written answer'."""
        return ", ".join(f"{count} {WORDS[what][count > 1]}" for what, count in self.same.items())


def similar_pairs(results: Sequence[Result], earlier: Sequence[Result] = ()) -> list[Pair]:
    """Return the pairs of a class that hold the same, those that share most first.

    Args:
        results: A class.
        earlier: Of another year; two of that year make no pair.
    """
    old = {one.student for one in earlier}
    same: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for what in WORDS:
        holders: dict[str, list[str]] = defaultdict(list)
        for result in (*results, *earlier):
            for one in set(result.prints.get(what, ())):
                holders[one].append(result.student)
        for students in holders.values():
            for pair in combinations(sorted(students), 2):
                if not old.issuperset(pair):
                    same[pair][what] += 1
    asked = {
        one.student: {cell.partition(" ")[0] for cell in one.prints.get("cells", ())} for one in (*results, *earlier)
    }
    pairs = []
    for (first, second), counts in same.items():
        both = len(asked[first] & asked[second])
        most = 2 * counts["cells"] > both >= _FEWEST_CELLS or counts["cells"] == both >= _FEWEST_OF_ALL
        if most or any(counts[what] for what in _ALONE):
            told = {what: counts[what] for what in WORDS if counts[what]}
            pairs.append(Pair(first, second, told))
    return sorted(pairs, key=lambda one: (-sum(one.same.values()), one.first, one.second))


def said_of(pairs: Sequence[Pair]) -> dict[str, list[str]]:
    """Return by student what the list for a look says: whose hold the same, and what. Who copied whom nobody knows."""
    alike: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for pair in pairs:
        for one, other in ((pair.first, pair.second), (pair.second, pair.first)):
            alike[one][pair.said].append(other)
    return {
        student: [f"shared with {', '.join(others)}: {said}" for said, others in found.items()]
        for student, found in alike.items()
    }
