"""What a look at the evidence can find."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that no honest run can hold; its records are set aside."""

    #: Stable name of the rule, such as 'samples-longer-than-run'.
    rule: str
    #: Record ids that it concerns.
    records: tuple[str, ...]
    #: One sentence for student and instructor, with the option's name.
    message: str

    def __str__(self) -> str:
        return self.message


def impossible(rule: str, message: str, *records: dict) -> Finding:
    """Return a contradiction in some records."""
    return Finding(rule, tuple(str(record.get("record_id", "")) for record in records), message)


def named(record: dict) -> str:
    """Return how a record is called in messages."""
    batch = f", batches of {record['batch_size']}" if record["kind"] == "throughput" else ""
    return f"{record['kind']} of {record['option']}{batch}"
