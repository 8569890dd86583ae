"""Which students' submissions hold the same: a line per group for a person, and no proof.

Nothing is weighed here, and no noise is looked at. Ids of records are random, a clock's samples are nobody else's, and
two students do not write the same sentence of six words and more. Functions are compared without their names, blanks
and comments; short ones are often the same, so two students belong together by these when most of all that both wrote
are. Files alone say nothing: quantizing is deterministic. Groups are the connected components of all this: of a
thousand who are alike, one line.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

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

#: Names that a line says before it counts the rest.
_NAMED = 5

#: What likeness cannot tell, for whoever reads a report.
TALK_DECIDES = (
    "A hand-in that was rewritten in other words, with times of its own, is in no group: only a talk over the defence "
    "sheet decides there."
)


@dataclass(frozen=True)
class Group:
    """Students whose submissions hold the same. A reason to ask them, and no proof."""

    #: By name; of another year's, those with whom somebody of this class shares something.
    students: tuple[str, ...]
    #: How many things two or more of them hold, by what they are (``WORDS``); what nobody shares is left out.
    same: dict[str, int] = field(default_factory=dict)
    #: The same by student: how many things each holds that another one of the group holds too.
    shared: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def said(self) -> str:
        """What is the same, in words: '3 ids of records or runs, 1 written answer'."""
        return ", ".join(f"{count} {WORDS[what][count > 1]}" for what, count in self.same.items())

    def beside(self, student: str = "") -> str:
        """Return the names of the others, or of all, the first few of many."""
        names = [name for name in self.students if name != student]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return ", ".join(names[:_NAMED]) + more


def alike(results: Sequence[Result], earlier: Sequence[Result] = ()) -> list[Group]:
    """Return the groups of a class that hold the same, the largest first; those alike ``earlier`` alone make none."""
    everybody = [*results, *earlier]
    joined = list(
        _by_functions([set(one.prints.get("cells", ())) for one in everybody], len(results))
    )
    for what in _ALONE:
        first: dict[str, int] = {}
        for place, result in enumerate(everybody):
            joined += [
                (first.setdefault(thing, place), place) for thing in result.prints.get(what, ())
            ]
    # This year's come first: what only another year's hold joins nobody.
    joined = [pair for pair in joined if pair[0] < len(results)]
    edges = np.array(joined, int).reshape(-1, 2).T
    graph = coo_array((np.ones(edges.shape[1]), tuple(edges)), [len(everybody)] * 2)
    groups: dict[int, list[Result]] = defaultdict(list)
    for result, label in zip(
        everybody, connected_components(graph, directed=False)[1], strict=True
    ):
        groups[label].append(result)
    found = [_group(members) for members in groups.values() if len(members) > 1]
    return sorted(found, key=lambda one: (-len(one.students), one.students))


def _by_functions(cells: Sequence[set[str]], this_year: int) -> Iterator[tuple[int, int]]:
    """Yield places of two of whose functions most are alike, enough of them to join all for whom that holds.

    Who belongs to a cluster is compared with it no further, so that a class of copies takes one look per student.
    """
    questions = [{one.partition(" ")[0] for one in of} for of in cells]
    clusters: list[list[int]] = []
    for place in range(len(cells)):
        mine, apart = [place], []
        for cluster in clusters:
            for other in cluster:
                shared = len(cells[place] & cells[other])
                both = len(questions[place] & questions[other]) if shared >= _FEWEST_OF_ALL else 0
                is_most = 2 * shared > both >= _FEWEST_CELLS or shared == both >= _FEWEST_OF_ALL
                if is_most and other < this_year:
                    yield other, place
                    mine = [*cluster, *mine]
                    break
            else:
                apart.append(cluster)
        clusters = [*apart, mine]


def _group(members: Sequence[Result]) -> Group:
    shared: dict[str, dict[str, int]] = {one.student: {} for one in members}
    same = {}
    for what in WORDS:
        things = {one.student: set(one.prints.get(what, ())) for one in members}
        held_by = Counter(thing for own in things.values() for thing in own)
        if several := {thing for thing, count in held_by.items() if count > 1}:
            same[what] = len(several)
            for student, own in things.items():
                shared[student][what] = len(own & several)
    return Group(tuple(sorted(shared)), same, shared)


def said_of(groups: Sequence[Group]) -> dict[str, list[str]]:
    """Return by student what the list for a look says: whose hold the same, and what. Who copied whom nobody knows."""
    return {
        student: [f"shared with {group.beside(student)}: {group.said}"]
        for group in groups
        for student in group.students
    }
