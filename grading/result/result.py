"""The result of one unit of work, as plain values: what the batch keeps, compares and reports."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, fields, replace

from grading.consistency import Finding
from grading.intake import Note
from grading.result.public import Row

#: Raised when a result's form changes.
VERSION = 6

#: Marks the samples of a load run, whose noise lies on top of how the queue filled up.
UNDER_LOAD = " @ "


#: Stands before the number of a record that is not the first of its name.
_AGAIN = " #"

#: Samples below which a record says too little about who measured it.
FEWEST = 60


def sampled_as(record: dict, number: int = 1) -> str:
    """Return the name under which a result keeps a record's samples: 'onnx-all × 1', or 'python-8 × 1 @ 8'.

    Args:
        record: A latency or load record, as plain JSON.
        number: Which of the ledger's records of this name it is: the second one is 'onnx-all × 1 #2'.
    """
    load = f"{UNDER_LOAD}{record['concurrency']}" if record["kind"] == "load" else ""
    return f"{record['option']} × {record['batch_size']}{load}{f'{_AGAIN}{number}' if number > 1 else ''}"


def without_number(name: str) -> str:
    """Return what ``sampled_as`` calls the first record of a name."""
    return re.sub(rf"{_AGAIN}\d+$", "", name)


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
    #: Contradictions and flags.
    findings: tuple[Finding, ...] = ()
    #: Machines of the records, in words.
    machines: tuple[str, ...] = ()
    #: Samples of latency and load records, by ``sampled_as``, at most 200 each: what similarity is computed from. Of
    #: one name those with ``FEWEST`` samples or more, at most eight; where none has as many, the last.
    samples: dict[str, list[float]] = field(default_factory=dict)
    #: Ids of the records and of their side-by-side runs; random, and so nobody else's.
    ids: tuple[str, ...] = ()
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

    @property
    def flags(self) -> tuple[Finding, ...]:
        """Findings that cost nothing and ask a person to look."""
        return tuple(one for one in self.findings if not one.impossible)

    def to_json(self) -> dict:
        """Return the result as plain JSON values."""
        # `asdict` would copy each of some thousand samples.
        return asdict(replace(self, samples={})) | {"samples": self.samples}

    @classmethod
    def from_json(cls, values: dict) -> Result:
        """Return the result that ``to_json`` wrote."""
        kept = {one.name: values[one.name] for one in fields(cls) if one.name in values}
        kept["rows"] = tuple(Row(**row) for row in kept["rows"])
        kept["notes"] = tuple(Note(**note) for note in kept["notes"])
        kept["findings"] = tuple(Finding(**{**one, "records": tuple(one["records"])}) for one in kept["findings"])
        for name in ("machines", "limits", "ids"):
            kept[name] = tuple(kept.get(name, ()))
        return cls(**kept)
