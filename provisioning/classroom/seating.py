"""Seats as an integer program: the most students, and the best such plan.

A block may begin at every time of the plan from which a machine is free for the whole block.
Machines with equal calendars form a group, and students with equal times and wishes form a kind.
The unknowns are two numbers for each time: how many students of a kind begin, and how many machines
of a group. Given whole numbers of machines, the students are a transportation problem, whose best
solution consists of whole numbers. So only the machines are constrained to whole numbers. Names are
assigned afterwards.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from labs.sites.spec import SiteOption
from provisioning.planning.blocks import Block

#: A block's beginning and end, with time zone UTC.
Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class MachineGroup:
    """Machines of one option with one calendar."""

    option: SiteOption
    #: Place of the kind of machine among those of the part; 0 is used first.
    place: int
    machines: tuple[str, ...]
    #: Blocks for which each of them is free.
    spans: tuple[Span, ...]


class _Program:
    """The counts, their bounds, and their optimum."""

    def __init__(self, wanting: Sequence[Mapping[Span, float]], groups: Sequence[MachineGroup]):
        kinds = Counter(tuple(sorted(times.items())) for times in wanting)
        free = {span for group in groups for span in group.spans}
        wanted = {span for kind in kinds for span, _ in kind}
        #: For each number of students, the cost of one student; then the numbers of machines, one
        #: per offer.
        self.costs: list[float] = []
        self.offers: list[tuple[MachineGroup, Span]] = []
        for group in groups:
            self.offers += [(group, span) for span in group.spans if span in wanted]
        beginnings = sorted({start for _, (start, _) in self.offers})
        # Three kinds of rows: of a kind no more begin than there are; at a time as many machines
        # begin as students; no more of a group are taken at a time than it has. Blocks that overlap
        # all overlap where the last of them begins, so only beginnings are looked at.
        bounds: dict[tuple, float] = {}
        entries: list[tuple[tuple, int, float]] = []
        for number, (kind, count) in enumerate(kinds.items()):
            for span, cost in kind:
                if span in free:
                    column = len(self.costs)
                    entries.append((("kind", number), column, 1))
                    entries.append((("span", *span), column, 1))
                    bounds["kind", number] = count
                    bounds["span", *span] = 0
                    self.costs.append(cost)
        self.students = len(self.costs)
        for column, (group, (start, end)) in enumerate(self.offers, self.students):
            entries.append((("span", start, end), column, -1))
            first = bisect_left(beginnings, start)
            last = bisect_left(beginnings, end)
            for moment in beginnings[first:last]:
                row = (group.option, group.machines, moment)
                entries.append((row, column, 1))
                bounds[row] = len(group.machines)
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
            objective: the value of one unit of each unknown, students first.
            whole: False for a bound that is found at once and cannot be higher.
        """
        # Planning alone needs SciPy, and the Hub, where students have the other commands, has none.
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import coo_array

        if not objective.size:
            return 0.0, np.zeros(0, int)
        row, column, value = zip(*self._rows, strict=True)
        shape = (len(self._upper), objective.size)
        matrix = coo_array((value, (row, column)), shape=shape).tocsr()
        machines_only = np.r_[np.zeros(self.students), np.ones(len(self.offers))]
        answer = milp(
            objective,
            integrality=machines_only if whole else None,
            bounds=Bounds(0, np.inf),
            options={"mip_rel_gap": 0},
            constraints=LinearConstraint(matrix, self._lower, self._upper),
        )
        if answer.x is None:
            raise RuntimeError(f"no plan: {answer.message}")
        machines = np.round(answer.x[self.students :])
        return float(answer.fun), machines.astype(int)

    def keep(self, objective: np.ndarray, value: float) -> None:
        """Bound an objective by a value from above, for the next objective."""
        row = len(self._upper)
        for column in np.flatnonzero(objective):
            self._rows.append((row, int(column), objective[column]))
        self._lower.append(-np.inf)
        self._upper.append(value)


def all_fit(wanting: Sequence[Mapping[Span, float]], groups: Sequence[MachineGroup]) -> bool:
    """Return whether every student can have a block."""
    program = _Program(wanting, groups)
    # The bound takes no time, and its refusal is certain.
    for whole in (False, True):
        unseated, _ = program.least(-program.seats, whole=whole)
        if round(-unseated, 6) < len(wanting):
            return False
    return True


def seat_all(
    wanting: Sequence[Mapping[Span, float]], groups: Sequence[MachineGroup]
) -> list[Block | None]:
    """Return a block or None for each student: the most blocks, on earlier options, at the least
    cost.

    Args:
        wanting: for each student the blocks that fit, each with its cost.
        groups: of free machines.
    """
    program = _Program(wanting, groups)
    value, machines = program.least(-program.seats)
    program.keep(-program.seats, round(value))
    places = [group.place for group, _ in program.offers]
    later = np.r_[np.zeros(program.students), places]
    if later.any():
        value, machines = program.least(later)
        program.keep(later, round(value))
    if any(program.costs):
        costs = np.r_[program.costs, np.zeros(len(program.offers))]
        _, machines = program.least(costs)
    blocks = _named(zip(program.offers, machines, strict=True))
    return _given(wanting, list(blocks))


def _named(counts: Iterable[tuple[tuple[MachineGroup, Span], int]]) -> Iterable[Block]:
    """Yield blocks on named machines: each begins on the machine of its group that has been free
    for longest.
    """
    begun: dict[MachineGroup, list[Span]] = defaultdict(list)
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

    costs = []
    for block in blocks:
        span = (block.start, block.end)
        costs.append([times.get(span, np.inf) for times in wanting])
    given: list[Block | None] = [None] * len(wanting)
    if blocks:
        pairs = zip(*linear_sum_assignment(np.array(costs)), strict=True)
        for block_number, student_number in pairs:
            given[student_number] = blocks[block_number]
    return given
