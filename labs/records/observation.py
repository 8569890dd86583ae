"""Observations: what was seen of the world and is no measurement, such as a lease's state or what a release left."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass, field, fields
from typing import ClassVar


@dataclass(frozen=True)
class Observation:
    """Facts as a service reported them, written down by the lesson's code and not by the student."""

    #: Entry type in the ledger.
    type: ClassVar[str] = "observation"

    #: What was looked at, such as 'model.lease'.
    subject: str
    #: What was seen, as plain JSON.
    seen: dict
    #: UTC, ISO 8601.
    made_at: str
    #: Identifier of this entry.
    record_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def to_json(self) -> dict:
        """Return the observation as plain JSON values."""
        return {"type": self.type, **asdict(self)}

    @classmethod
    def from_json(cls, values: dict) -> Observation:
        """Return the observation that ``to_json`` wrote."""
        return cls(**{name: values[name] for name in (f.name for f in fields(cls)) if name in values})
