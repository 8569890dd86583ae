"""Written answers: what a student concluded, kept beside the measurements that it rests on."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass, field, fields
from typing import ClassVar


@dataclass(frozen=True)
class Answer:
    """A student's answer to a question that asks for a choice, a number or a few sentences."""

    #: Entry type in the ledger.
    type: ClassVar[str] = "answer"

    #: Identifier of the question, such as 'm.choose.recommendation'.
    question: str
    #: The answer as plain JSON: text, a number, or a small dictionary of these.
    value: object
    #: UTC, ISO 8601.
    made_at: str
    #: Identifier of this entry.
    record_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def to_json(self) -> dict:
        """Return the answer as plain JSON values."""
        return {"type": self.type, **asdict(self)}

    @classmethod
    def from_json(cls, values: dict) -> Answer:
        """Return the answer that ``to_json`` wrote."""
        return cls(**{name: values[name] for name in (f.name for f in fields(cls)) if name in values})
