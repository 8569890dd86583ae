"""What a ledger holds beside measurements: predictions, written answers, and observations of the world."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass, field
from typing import ClassVar, Self

from labs.machine.fingerprint import names_of
from labs.records.record import Measurement


class _Written:
    """Going to plain JSON and back, which is the same for each of them."""

    def to_json(self) -> dict:
        """Return the entry as plain JSON values."""
        return {"type": self.type, **asdict(self)}

    @classmethod
    def from_json(cls, values: dict) -> Self:
        """Return the entry that ``to_json`` wrote."""
        return cls(**{name: values[name] for name in names_of(cls) if name in values})


@dataclass(frozen=True)
class Prediction(_Written):
    """What a student expected, stored before the measurement that answers it."""

    #: Entry type in the ledger.
    type: ClassVar[str] = "prediction"

    #: Identifier of the question, such as 'm.predict.eager_latency'.
    question: str
    #: What was expected: a number in the question's unit, or one of its choices.
    value: float | str
    #: UTC, ISO 8601.
    made_at: str
    #: Identifier of this entry.
    record_id: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True)
class Answer(_Written):
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


@dataclass(frozen=True)
class Observation(_Written):
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


Entry = Measurement | Prediction | Answer | Observation

#: Entry classes by the value of their ``type``.
ENTRY_TYPES: dict[str, type[Entry]] = {one.type: one for one in (Measurement, Prediction, Answer, Observation)}
