"""Seats as an integer program: as many students as can be, and of such ways the best.

A block may begin at every full hour at which a machine is free throughout. Machines with one calendar are counted
together, and so are students who can and like the same: the unknowns are how many of a kind of student begin at a time,
and how many machines of a group do. Given whole numbers of machines, students are a transportation problem, whose best
answer is whole by itself: so only the machines are asked to be whole. Names are given afterwards.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from provisioning.planning.blocks import HOUR, Block
from provisioning.sites.spec import SiteOption

#: A block's beginning and end, with time zone UTC.
Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Group:
    """Machines of one option with one calendar."""

    option: SiteOption
    #: Place of the option among those of the part; 0 is used first.
    place: int
    machines: tuple[str, ...]
    #: Blocks for which each of them is free.
    spans: tuple[Span, ...]


class _Program:
    """The counts, what bounds them, and the best of them."""

    def __init__(self, wanting: Sequence[Mapping[Span, float]], groups: Sequence[Group]):
        kinds = Counter(tuple(sorted(times.items())) for times in wanting)
        free = {span for group in groups for span in group.spans}
        wanted = {span for kind in kinds for span, _ in kind}
        #: Of each number of students, what one of them costs; after these come the numbers of machines, one per offer.
        self.costs: list[float] = []
        self.offers = [(group, span) for group in groups for span in group.spans if span in wanted]
        # Three kinds of rows: of a kind no more begin than there are; at a time as many machines begin as students; in
        # an hour no more of a group are taken than it has.
        bounds: dict[tuple, float] = {}
        entries: list[tuple[tuple, int, float]] = []
        for number, (kind, count) in enumerate(kinds.items()):
            for span, cost in kind:
                if span in free:
                    entries += [
                        (("kind", number), len(self.costs), 1),
                        (("span", *span), len(self.costs), 1),
                    ]
                    bounds |= {("kind", number): count, ("span", *span): 0}
                    self.costs.append(cost)
        self.students = len(self.costs)
        for column, (group, (start, end)) in enumerate(self.offers, self.students):
            entries.append((("span", start, end), column, -1))
            hour = start
            while hour < end:
                entries.append(((group.option.name, group.machines, hour), column, 1))
                bounds[group.option.name, group.machines, hour] = len(group.machines)
                hour += HOUR
        rows = {row: number for number, row in enumerate(bounds)}
        self._rows = [(rows[row], column, value) for row, column, value in entries]
        self._upper = list(bounds.values())
        self._lower = [0 if row[0] == "span" else -np.inf for row in bounds]

    @property
    def seats(self) -> np.ndarray:
        """The objective that counts students."""
        return np.r_[np.ones(self.students), np.zeros(len(self.offers))]

    def least(self, objective: np.ndarray, *, whole: bool = True) -> tuple[float, np.ndarray]:
        """Return an objective's least value and the counts of machines that reach it.

        Args:
            objective: what one of each unknown adds, students first.
            whole: False for a bound that is found at once and cannot be higher.
        """
        # Planning alone needs SciPy, and the Hub, where students have the other commands, has none.
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import coo_array

        if not objective.size:
            return 0.0, np.zeros(0, int)
        row, column, value = zip(*self._rows, strict=True)
        matrix = coo_array((value, (row, column)), shape=(len(self._upper), objective.size)).tocsr()
        machines = np.r_[np.zeros(self.students), np.ones(len(self.offers))]
        answer = milp(
            objective,
            integrality=machines if whole else None,
            bounds=Bounds(0, np.inf),
            options={"mip_rel_gap": 0},
            constraints=LinearConstraint(matrix, self._lower, self._upper),
        )
        if answer.x is None:
            raise RuntimeError(f"no plan: {answer.message}")
        return float(answer.fun), np.round(answer.x[self.students :]).astype(int)

    def keep(self, objective: np.ndarray, value: float) -> None:
        """Bound an objective by a value from above, for what is asked after it."""
        self._rows += [
            (len(self._upper), int(column), objective[column])
            for column in np.flatnonzero(objective)
        ]
        self._lower.append(-np.inf)
        self._upper.append(value)


def all_fit(wanting: Sequence[Mapping[Span, float]], groups: Sequence[Group]) -> bool:
    """Return whether every student can have a block."""
    program = _Program(wanting, groups)
    # The bound takes no time, and what it refuses is refused.
    return all(
        round(-program.least(-program.seats, whole=whole)[0], 6) >= len(wanting)
        for whole in (False, True)
    )


def seat_all(
    wanting: Sequence[Mapping[Span, float]], groups: Sequence[Group]
) -> list[Block | None]:
    """Return a block for each student, or None: as many blocks as can be, on the earlier options, at the least cost.

    Args:
        wanting: for each student the blocks that fit, each with its cost.
        groups: of free machines.
    """
    program = _Program(wanting, groups)
    value, machines = program.least(-program.seats)
    program.keep(-program.seats, round(value))
    later = np.r_[np.zeros(program.students), [group.place for group, _ in program.offers]]
    if later.any():
        value, machines = program.least(later)
        program.keep(later, round(value))
    if any(program.costs):
        _, machines = program.least(np.r_[program.costs, np.zeros(len(program.offers))])
    return _given(wanting, list(_named(zip(program.offers, machines, strict=True))))


def _named(counts: Iterable[tuple[tuple[Group, Span], int]]) -> Iterable[Block]:
    """Yield blocks on named machines: each begins on the machine of its group that has been free for longest."""
    begun: dict[Group, list[Span]] = defaultdict(list)
    for (group, span), count in counts:
        if count:
            begun[group] += [span] * count
    for group, spans in begun.items():
        free_from = dict.fromkeys(group.machines, min(start for start, _ in spans))
        for start, end in sorted(spans):
            machine = min(free_from, key=lambda name: free_from[name])
            free_from[machine] = end
            yield Block(group.option, machine, start, end)


def _given(wanting: Sequence[Mapping[Span, float]], blocks: Sequence[Block]) -> list[Block | None]:
    from scipy.optimize import linear_sum_assignment

    costs = [[times.get((block.start, block.end), np.inf) for times in wanting] for block in blocks]
    given: list[Block | None] = [None] * len(wanting)
    if blocks:
        for block, student in zip(*linear_sum_assignment(np.array(costs)), strict=True):
            given[student] = blocks[block]
    return given
