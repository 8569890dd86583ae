"""The result of one unit of work, as plain values: for the batch's files, its table, and the list
of students to look at.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType

from grading.grade.contradictions import Contradiction
from grading.grade.intake import Note
from labs.course.assignment import assignment
from labs.course.points import changed_rows, counted_rows, graded_rows
from labs.course.question import ResultRow, State

#: Raised when a result's form changes.
VERSION = 14


@dataclass(frozen=True)
class Result:
    """One submission's points, and all findings."""

    student: str
    part: int
    #: sha256 over names and contents of the accepted files.
    digest: str
    #: Public rows, then hidden ones: one for each question of the part, of all its choices, as they
    #: were graded.
    rows: tuple[ResultRow, ...] = ()
    notes: tuple[Note, ...] = ()
    findings: tuple[Contradiction, ...] = ()
    #: Machines of the records, in words.
    machines: tuple[str, ...] = ()
    #: The first 200 samples of the newest latency record of each option and batch size, as
    #: 'onnx-all × 1': options for questions to a student in person.
    samples: dict[str, list[float]] = field(default_factory=dict)
    #: Hashes of parts that would be the same in a copy (``grading.grade.result.prints``).
    prints: dict[str, list[str]] = field(default_factory=dict)
    #: How often each question was answered in the ledger, by its id.
    answers: dict[str, int] = field(default_factory=dict)
    #: Minutes without breaks by lesson, from its first entry in the ledger to its last.
    minutes: dict[str, float] = field(default_factory=dict)
    #: Results that the ledger says were measured on a lease: kind, site, node and start of a run,
    #: one for each hour. The site's record proves them (``grading.classroom.leases``).
    leased: list[dict[str, str]] = field(default_factory=list)
    #: sha256s of the submitted models, by name.
    models: dict[str, str] = field(default_factory=dict)
    #: How functions' cells ended that came to nothing when they were called again, by question; for
    #: staff alone.
    reruns: dict[str, str] = field(default_factory=dict)
    #: A leaderboard's figures of the file that was measured again, if the assignment has a
    #: leaderboard.
    leaderboard: dict[str, float] = field(default_factory=dict)
    #: Fault of the grader's own, in words; empty when there was none. Staff has to look.
    fault: str = ""
    #: Walls between submissions that this host lacks.
    limits: tuple[str, ...] = ()
    #: The gradebook's points of the part's questions at the time of grading, without the talk's. A
    #: gradebook asks ``labs.course.points.standing``, by the assignment as it is then.
    worth: float = 0.0
    wall_s: float = 0.0
    version: int = VERSION

    @functools.cached_property
    def counted(self) -> tuple[ResultRow, ...]:
        """The rows whose points count, as the assignment has it now: the best of its choices,
        changes of mid-term.
        """
        course = assignment()
        return counted_rows(changed_rows(self.rows, course.changes), course.part(self.part))

    @functools.cached_property
    def graded(self) -> tuple[ResultRow, ...]:
        """``counted`` with points of the gradebook; at most ``TAKING_PART`` of ``worth`` is for
        taking part.
        """
        return graded_rows(self.counted, self.worth)

    @property
    def pending(self) -> tuple[ResultRow, ...]:
        """The rows that the grader could not judge: 0 until staff has repaired it."""
        return tuple(row for row in self.graded if row.is_pending)

    @property
    def points(self) -> float:
        """Points earned."""
        return sum(row.points for row in self.counted)

    @property
    def possible(self) -> float:
        """Possible points."""
        return sum(row.possible for row in self.counted)

    @property
    def pending_grade(self) -> float:
        """What ``pending`` may still be worth in the gradebook's measure."""
        return sum(row.possible for row in self.pending)

    @property
    def grade(self) -> float:
        """Points earned in the gradebook's measure, 0 to ``worth``."""
        return sum(row.points for row in self.graded)

    def to_json(self) -> dict:
        """Return the result as plain JSON values."""
        # `asdict` would copy each of some thousand samples.
        small = asdict(replace(self, samples={}, prints={}))
        return small | {"samples": self.samples, "prints": self.prints}

    @classmethod
    def from_json(cls, values: dict) -> Result:
        """Return the result that ``to_json`` wrote."""
        known = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        rows = []
        for row in known["rows"]:
            shown = tuple(map(tuple, row["shown"]))
            rows.append(ResultRow(**{**row, "shown": shown}))
        findings = []
        for finding in known["findings"]:
            records = tuple(finding["records"])
            findings.append(Contradiction(**{**finding, "records": records}))
        known["rows"] = tuple(rows)
        known["notes"] = tuple(Note(**note) for note in known["notes"])
        known["findings"] = tuple(findings)
        for name in ("machines", "limits"):
            known[name] = tuple(known.get(name, ()))
        return cls(**known)


def write_json(values: dict, path: Path, *, indent: int | None = 1) -> None:
    """Put a JSON file in place in one step; readers see either the old or the new file, complete.

    Args:
        indent: Spaces a level, for people; None is one long line, which Python writes many times
            faster.
    """
    text = json.dumps(values, ensure_ascii=False, allow_nan=False, indent=indent)
    write_text(f"{text}\n", path)


def write_text(text: str, path: Path) -> None:
    """Put a text file in place in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with partial.open("w", encoding="utf-8", errors="replace") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


#: Share of unremarkable submissions that are drawn for a look: who is looked at must not be
#: foreseeable.
SPOT_SHARE = 0.05

#: Why one of these is looked at.
AT_RANDOM = "drawn at random"


def line(result: Result) -> dict[str, object]:
    """Return a result as one line of a table, in plain values."""
    public = sum(row.points for row in result.counted if not row.hidden)
    hidden = sum(row.points for row in result.counted if row.hidden)
    rules = sorted({finding.rule for finding in result.findings})
    return {
        "student": result.student,
        "part": result.part,
        "points": result.points,
        "possible": result.possible,
        "grade": round(result.grade, 2),
        "worth": round(result.worth, 2),
        "public": public,
        "hidden": hidden,
        "contradictions": len(result.findings),
        "rules": " ".join(rules),
        "machines": "; ".join(result.machines),
        "fault": result.fault,
        "digest": result.digest[:16],
        "seconds": round(result.wall_s, 2),
    }


@dataclass(frozen=True)
class SpotCheck:
    """One submission for a person to look at, and why, a sentence each."""

    student: str
    reasons: tuple[str, ...]


def spot_checks(
    results: Iterable[Result],
    *,
    seed: str,
    share: float = SPOT_SHARE,
    alike: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> list[SpotCheck]:
    """Return the submissions that a person should look at, those with the most reasons first.

    Faults of the grader, contradictions, public points without the hidden ones behind them,
    likeness to another submission, and a random draw.

    Args:
        seed: Draws the rest; keep it from students.
        share: Share of the rest that is drawn, 0 to 1.
        alike: By student, one sentence per submission that is too much like theirs.
    """
    checks = []
    for result in results:
        reasons = [*_reasons(result), *alike.get(result.student, ())]
        if not reasons and _drawn(result, seed) < share:
            reasons = [AT_RANDOM]
        if reasons:
            checks.append(SpotCheck(result.student, tuple(reasons)))
    return sorted(checks, key=lambda check: (-len(check.reasons), check.student))


def _reasons(result: Result) -> list[str]:
    reasons = []
    if result.fault:
        reasons.append(f"the grader had a fault: {result.fault}")
    if result.pending:
        pending = _some([row.title for row in result.pending])
        reasons.append(f"not judged yet, and 0 until it is: {pending}")
    reasons += [finding.message for finding in result.findings]
    typed, claimed = _claims(result)
    if typed:
        reasons.append(f"right in the ledger, and not when run again: {_some(typed)}")
    if claimed:
        reasons.append(f"recorded, and not when opened again: {_some(claimed)}")
    return reasons


def _claims(result: Result) -> tuple[list[str], list[str]]:
    """Return the titles of functions whose results were typed, and of claims in a ledger without
    their files.

    Such a row is not met, although the ledger passes its prerequisite.
    """
    known = {row.id for row in result.rows}
    passed = {row.id: row for row in result.rows if row.state == State.PASSED}
    typed = []
    claimed = []
    for row in result.rows:
        if not row.hidden or row.points or row.is_pending or row.needs not in passed:
            continue
        if row.id.endswith(".computed"):
            typed.append(passed[row.needs].title)
        else:
            claimed.append(row.title)
    for row in passed.values():
        lost = row.opened and not row.points
        if not row.hidden and lost and f"{row.id}.computed" not in known:
            claimed.append(row.title)
    return typed, claimed


def _some(titles: Sequence[str]) -> str:
    """Return the first three titles, and how many there are more."""
    text = ", ".join(f"“{title}”" for title in titles[:3])
    if len(titles) > 3:
        text += f" and {len(titles) - 3} more"
    return text


def _drawn(result: Result, seed: str) -> float:
    """Return a number from 0 to 1 that the seed draws for this submission."""
    drawn_from = f"{seed}\0{result.student}\0{result.digest}"
    digest = hashlib.sha256(drawn_from.encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
