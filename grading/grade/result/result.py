"""The result of one unit of work, as plain values: what the batch keeps, compares and reports."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from grading.grade.contradictions import Finding
from grading.grade.intake import Note
from grading.grade.result.rows import Row

#: Raised when a result's form changes.
VERSION = 8


@dataclass(frozen=True)
class Result:
    """What one submission is worth, and everything that was found on the way."""

    #: Who handed it in, as the caller knows them.
    student: str
    #: Part of the course.
    part: int
    #: sha256 over names and contents of what was taken in.
    digest: str
    #: Public rows, then hidden ones.
    rows: tuple[Row, ...] = ()
    #: What was left out, is missing or damaged.
    notes: tuple[Note, ...] = ()
    #: What cannot be true.
    findings: tuple[Finding, ...] = ()
    #: Machines of the records, in words.
    machines: tuple[str, ...] = ()
    #: The first 200 samples of the newest latency record of each option and batch size, as 'onnx-all × 1': what a
    #: student is asked about in person.
    samples: dict[str, list[float]] = field(default_factory=dict)
    #: Hashes of what would be the same in a copy (``grading.grade.result.prints``).
    prints: dict[str, list[str]] = field(default_factory=dict)
    #: How often each question was answered in the ledger, by its id.
    answers: dict[str, int] = field(default_factory=dict)
    #: sha256s of the submitted models, by name.
    models: dict[str, str] = field(default_factory=dict)
    #: How functions' cells ended that came to nothing when they were called again, by checkpoint; for staff alone.
    reruns: dict[str, str] = field(default_factory=dict)
    #: Fault of the grader's own, in words; empty when there was none. Staff has to look.
    fault: str = ""
    #: What this host could not do to keep submissions apart.
    limits: tuple[str, ...] = ()
    #: Wall time in seconds.
    wall_s: float = 0.0
    #: Version of this form.
    version: int = VERSION

    @property
    def points(self) -> int:
        """Points earned."""
        return sum(row.points for row in self.rows)

    @property
    def possible(self) -> int:
        """Points that there are."""
        return sum(row.possible for row in self.rows)

    def to_json(self) -> dict:
        """Return the result as plain JSON values."""
        # `asdict` would copy each of some thousand samples.
        return asdict(replace(self, samples={}, prints={})) | {"samples": self.samples, "prints": self.prints}

    @classmethod
    def from_json(cls, values: dict) -> Result:
        """Return the result that ``to_json`` wrote."""
        kept = {one.name: values[one.name] for one in fields(cls) if one.name in values}
        kept["rows"] = tuple(Row(**row) for row in kept["rows"])
        kept["notes"] = tuple(Note(**note) for note in kept["notes"])
        kept["findings"] = tuple(Finding(**{**one, "records": tuple(one["records"])}) for one in kept["findings"])
        for name in ("machines", "limits"):
            kept[name] = tuple(kept.get(name, ()))
        return cls(**kept)


def write_json(values: dict, path: Path, *, indent: int | None = 1) -> None:
    """Put a JSON file in place in one step; whoever reads sees the old one or the new one, whole.

    Args:
        values: Plain JSON values.
        path: The file.
        indent: Spaces a level, for people; None is one long line, which Python writes many times faster.
    """
    write_text(json.dumps(values, ensure_ascii=False, allow_nan=False, indent=indent) + "\n", path)


def write_text(text: str, path: Path) -> None:
    """Put a text file in place in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with partial.open("w", encoding="utf-8", errors="replace") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
