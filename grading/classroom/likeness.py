"""Groups of students with equal work: a line per group for a person to check, not a proof.

Likeness needs neither weights nor noise levels. Ids of records are random, two machines' samples
are never equal, and two students do not write the same sentence of six words and more. Functions
are compared without their names, blanks and comments; short ones are often the same, so two
students belong together by these when most of all that both wrote are. Equal files alone are not
evidence, because quantizing is deterministic. Groups are the connected components of all this, so a
thousand equal submissions make one line.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from grading.grade.result import Result

#: Compared items, in the report's order, with their singular and plural names.
WORDS = {
    "ids": ("id of a record or run", "ids of records or runs"),
    "records": ("record's samples", "records' samples"),
    "texts": ("written answer", "written answers"),
    "cells": ("function", "functions"),
    "files": ("file", "files"),
}

#: Items that two students never share by chance.
_ALONE = ("ids", "records", "texts")

#: Functions that both have to have written before having most of them alike tells anything, and
#: before having all of them alike does.
_FEWEST_CELLS, _FEWEST_OF_ALL = 10, 5

#: Names that a line says before it counts the rest.
_NAMED = 5

#: The limits of likeness, for readers of a report.
TALK_DECIDES = (
    "A hand-in that was rewritten in other words, with times of its own, is in no group: only a "
    "talk over the defence sheet decides there."
)


@dataclass(frozen=True)
class LikenessGroup:
    """Students whose submissions hold the same. A reason to ask them, not a proof."""

    #: By name; from another year, only students who share something with this class.
    students: tuple[str, ...]
    #: Numbers of items that two or more of them hold, by kind (``WORDS``); items without a second
    #: holder are left out.
    same: dict[str, int] = field(default_factory=dict)
    #: The same by student: how many things each holds that another one of the group holds too.
    shared: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def in_words(self) -> str:
        """The equal parts: '3 ids of records or runs, 1 written answer'."""
        words = []
        for what, count in self.same.items():
            singular, plural = WORDS[what]
            words.append(f"{count} {plural if count > 1 else singular}")
        return ", ".join(words)

    def beside(self, student: str = "") -> str:
        """Return the names of the others, or of all, the first few of many."""
        names = [name for name in self.students if name != student]
        text = ", ".join(names[:_NAMED])
        if len(names) > _NAMED:
            text += f" and {len(names) - _NAMED} more"
        return text


def alike(results: Sequence[Result], earlier: Sequence[Result] = ()) -> list[LikenessGroup]:
    """Return the groups of a class that hold the same, the largest first; those alike ``earlier``
    alone make none.
    """
    everybody = [*results, *earlier]
    cells = [set(result.prints.get("cells", ())) for result in everybody]
    joined = list(_by_functions(cells, len(results)))
    for what in _ALONE:
        joined += _by_first_holder([result.prints.get(what, ()) for result in everybody])
    # This year's come first, because items that only another year's students hold join no group.
    pairs = [(first, second) for first, second in joined if first < len(results)]
    members: dict[int, list[Result]] = defaultdict(list)
    for result, label in zip(everybody, _components(pairs, len(everybody)), strict=True):
        members[label].append(result)
    groups = [_group(several) for several in members.values() if len(several) > 1]
    return sorted(groups, key=lambda group: (-len(group.students), group.students))


def _components(pairs: Sequence[tuple[int, int]], count: int) -> np.ndarray:
    """Return the number of the component of each place."""
    edges = np.array(pairs, int).reshape(-1, 2).T
    weights = np.ones(len(pairs))
    graph = coo_array((weights, tuple(edges)), [count, count])
    _, labels = connected_components(graph, directed=False)
    return labels


def _by_first_holder(things: Sequence[Sequence[str]]) -> Iterator[tuple[int, int]]:
    """Yield for each item of a place the first place that holds it, and this one."""
    first: dict[str, int] = {}
    for place, own in enumerate(things):
        for thing in own:
            yield first.setdefault(thing, place), place


def _by_functions(cells: Sequence[set[str]], this_year: int) -> Iterator[tuple[int, int]]:
    """Yield places of two of whose functions most are alike, enough of them to join all for whom
    that holds.

    Who belongs to a cluster is compared with it no further, so that a class of copies takes one
    look per student.
    """
    questions = [{cell.partition(" ")[0] for cell in own} for own in cells]
    clusters: list[list[int]] = []
    for place in range(len(cells)):
        mine = [place]
        apart = []
        for cluster in clusters:
            for other in cluster:
                shared = len(cells[place] & cells[other])
                if shared < _FEWEST_OF_ALL:
                    continue
                both = len(questions[place] & questions[other])
                if _is_most(shared, both) and other < this_year:
                    yield other, place
                    mine = [*cluster, *mine]
                    break
            else:
                apart.append(cluster)
        clusters = [*apart, mine]


def _is_most(shared: int, both: int) -> bool:
    """Return whether ``shared`` equal functions are evidence, of ``both`` that two students
    wrote.
    """
    most_of_many = 2 * shared > both >= _FEWEST_CELLS
    all_of_some = shared == both >= _FEWEST_OF_ALL
    return most_of_many or all_of_some


def _group(members: Sequence[Result]) -> LikenessGroup:
    shared: dict[str, dict[str, int]] = {result.student: {} for result in members}
    same = {}
    for what in WORDS:
        things = {result.student: set(result.prints.get(what, ())) for result in members}
        holders: Counter[str] = Counter()
        for own in things.values():
            holders.update(own)
        several = {thing for thing, count in holders.items() if count > 1}
        if several:
            same[what] = len(several)
            for student, own in things.items():
                shared[student][what] = len(own & several)
    return LikenessGroup(tuple(sorted(shared)), same, shared)


def reasons_of(groups: Sequence[LikenessGroup]) -> dict[str, list[str]]:
    """Return by student what the list for a look says: whose hold the same, and what. It is unknown
    who copied whom.
    """
    reasons = {}
    for group in groups:
        for student in group.students:
            reasons[student] = [f"shared with {group.beside(student)}: {group.in_words}"]
    return reasons
