"""One line a submission for the instructor's table, and the list of those that a person should look at."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from grading.checkpoints import State
from grading.grade.result.result import Result

#: Share of unremarkable submissions that are drawn for a look: who is looked at must not be foreseeable.
SPOT_SHARE = 0.05


def line(result: Result) -> dict[str, object]:
    """Return a result as one line of a table, in plain values."""
    public = [row for row in result.rows if not row.hidden]
    hidden = [row for row in result.rows if row.hidden]
    return {
        "student": result.student,
        "part": result.part,
        "points": result.points,
        "possible": result.possible,
        "public": sum(row.points for row in public),
        "hidden": sum(row.points for row in hidden),
        "contradictions": len(result.findings),
        "rules": " ".join(sorted({one.rule for one in result.findings})),
        "machines": "; ".join(result.machines),
        "fault": result.fault,
        "digest": result.digest[:16],
        "seconds": round(result.wall_s, 2),
    }


@dataclass(frozen=True)
class SpotCheck:
    """One submission for a person to look at."""

    #: Who handed it in.
    student: str
    #: Why, one sentence each.
    reasons: tuple[str, ...]


def spot_checks(
    results: Iterable[Result],
    *,
    seed: str,
    share: float = SPOT_SHARE,
    alike: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> list[SpotCheck]:
    """Return the submissions that a person should look at, those with the most reasons first.

    Faults of the grader, contradictions, public points without the hidden ones behind them, likeness to another
    submission, and a random draw.

    Args:
        results: A class.
        seed: Draws the rest; keep it from students.
        share: Share of the rest that is drawn, 0 to 1.
        alike: By student, one sentence for each submission that his is too like.
    """
    found = []
    for result in results:
        reasons = [*_reasons(result), *alike.get(result.student, ())] or (
            ["drawn at random"] if _drawn(result, seed) < share else []
        )
        if reasons:
            found.append(SpotCheck(result.student, tuple(reasons)))
    return sorted(found, key=lambda one: (-len(one.reasons), one.student))


def _reasons(result: Result) -> list[str]:
    reasons = [f"the grader had a fault: {result.fault}"] if result.fault else []
    reasons += [one.message for one in result.findings]
    # What rests on a prerequisite that the ledger passes, and is not met itself, claims more than the files hold.
    passed = {row.id for row in result.rows if row.state == State.PASSED}
    unmet = [row.id for row in result.rows if row.hidden and not row.points and row.needs in passed]
    typed = [one.removesuffix(".computed") for one in unmet if one.endswith(".computed")]
    claimed = [one for one in unmet if not one.endswith(".computed")]
    if typed:
        reasons.append(f"right in the ledger, and not when run again: {', '.join(typed)}")
    if claimed:
        reasons.append(f"recorded, and not when measured again: {', '.join(claimed)}")
    return reasons


def _drawn(result: Result, seed: str) -> float:
    digest = hashlib.sha256(f"{seed}\0{result.student}\0{result.digest}".encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
