"""Looking things up among a ledger's entries: what lessons, pictures and checkpoints are written with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any, TypeVar

from labs import stats
from labs.display.format import megabytes, milliseconds, percent, rate
from labs.records.record import (
    ENTRY_TYPES,
    KINDS,
    Answer,
    Comparison,
    Entry,
    Measurement,
    Observation,
    Prediction,
)

_EntryT = TypeVar("_EntryT", bound=Entry)


class Lookup:
    """Questions that can be asked of entries; whoever inherits gives them oldest first."""

    def __iter__(self) -> Iterator[Entry]:
        raise NotImplementedError

    def measurements(self, **wanted: object) -> list[Measurement]:
        """Return the measurements whose fields equal ``wanted`` (such as ``kind="latency"``), oldest first."""
        records = self._of_type(Measurement)
        for name, value in wanted.items():
            records = [record for record in records if getattr(record, name) == value]
        return records

    def _of_type(self, entry_type: type[_EntryT]) -> list[_EntryT]:
        return [entry for entry in self if isinstance(entry, entry_type)]

    def latest(self, **wanted: object) -> Measurement | None:
        """Return the newest measurement whose fields equal ``wanted``, or None."""
        records = self.measurements(**wanted)
        return records[-1] if records else None

    def first(self, **wanted: object) -> Measurement | None:
        """Return the oldest measurement whose fields equal ``wanted``, or None."""
        return next(iter(self.measurements(**wanted)), None)

    def comparison(self, *options: str, kind: str = "latency") -> Comparison | None:
        """Return the newest side-by-side run of this kind in which all these options took part, or None."""
        runs: dict[str, list[Measurement]] = {}
        for record in self.measurements(kind=kind):
            if "comparison_id" in record.details:
                # Taken out first, so that the run of the newest record comes last.
                run = record.details["comparison_id"]
                runs[run] = [*runs.pop(run, []), record]
        for records in reversed(runs.values()):
            if set(options) <= {record.option for record in records}:
                return Comparison(tuple(records))
        return None

    def paired_accuracy(self, one: str, other: str) -> stats.Paired | None:
        """Return how two options' newest records differ on the same images, or None if they were shown others."""
        first, second = (self.latest(kind="accuracy", option=option) for option in (one, other))
        if (
            first is None
            or second is None
            or first.details.get("labels") != second.details.get("labels")
        ):
            return None
        return stats.paired_proportions(
            first.samples, second.samples, first.details.get("drawings") or None
        )

    def predictions(self, question: str | None = None) -> list[Prediction]:
        """Return the predictions, oldest first: those for one question, or all."""
        return [
            prediction
            for prediction in self._of_type(Prediction)
            if question in (None, prediction.question)
        ]

    def prediction_in_time(self, question: str, about: Mapping) -> Prediction | None:
        """Return the last prediction that precedes the first entry it concerns, or None.

        Both witnesses must agree: its place in the append-only ledger, and its time stamp.

        Args:
            about: Fields of the measurements that it concerns, or ``{"subject": …}`` for observations.
        """
        first, predictions = self.first_about(about), self.predictions(question)
        entries = list(self)  # last: a ledger may grow meanwhile
        candidates = [
            one
            for one in predictions
            if first is None
            or (
                entries.index(one) < entries.index(first)
                and datetime.fromisoformat(one.made_at) <= began(first)
            )
        ]
        return candidates[-1] if candidates else None

    def first_about(self, about: Mapping) -> Measurement | Observation | None:
        """Return the oldest measurement with these fields, or observation of this ``subject``, or None."""
        if "subject" in about:
            return next(iter(self.observations(about["subject"])), None)
        return self.first(**about)

    def answer(self, question: str) -> Any:
        """Return the newest answer to a question, or None."""
        return next(reversed(self.answers(question)), None)

    def answers(self, question: str) -> list[Any]:
        """Return the answers to a question, oldest first."""
        return [answer.value for answer in self._of_type(Answer) if answer.question == question]

    def observations(self, subject: str) -> list[Observation]:
        """Return the observations of a subject, oldest first."""
        return [
            observation
            for observation in self._of_type(Observation)
            if observation.subject == subject
        ]

    def seen(self, subject: str) -> dict | None:
        """Return what was seen of a subject the last time, or None."""
        noted = self.observations(subject)
        return noted[-1].seen if noted else None

    def to_json(self) -> list[dict]:
        """Return all entries as plain JSON."""
        return [entry.to_json() for entry in self]

    def __repr__(self) -> str:
        """Return how many entries of each kind there are, and when the newest was made."""
        entries = list(self)
        counts = Counter(
            entry.kind if isinstance(entry, Measurement) else entry.type for entry in entries
        )
        words = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        return (
            f"{len(entries)} entries: {words}; the newest of {_made(entries[-1])}"
            if entries
            else "0 entries"
        )

    def _repr_html_(self) -> str:
        """Return the same, and below it the newest number of each kind for each option on each machine."""
        import pandas as pd  # late: the providers' environments measure without it

        measured = self.measurements()
        table = pd.DataFrame(
            {
                "option": record.option,
                "machine": record.machine.label,
                "kind": record.kind,
                "newest": _headline(record),
            }
            for record in measured
        )
        if measured:
            keys = ["option", "machine"]
            table = table.pivot_table(
                "newest", keys, "kind", aggfunc="last", fill_value="", sort=False
            )
        return f"<p>{escape(repr(self))}</p>{table.to_html() if measured else ''}"


class Records(Lookup, Sequence):
    """Entries in memory, oldest first; they do not change."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        """Hold the entries in the order given."""
        self._entries = tuple(entries)

    @classmethod
    def from_json(cls, entries: Iterable[Mapping]) -> Records:
        """Return the entries that ``to_json`` wrote.

        Raises:
            KeyError: A field is missing; check against the schema first for a readable message.
        """
        return cls(ENTRY_TYPES[values["type"]].from_json(dict(values)) for values in entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, place):
        return Records(self._entries[place]) if isinstance(place, slice) else self._entries[place]


def _made(entry: Entry) -> str:
    at = entry.started_at if isinstance(entry, Measurement) else entry.made_at
    return f"{datetime.fromisoformat(at).astimezone():%d %b %Y, %H:%M}"


def _headline(record: Measurement) -> str:
    """Return a record's number in its unit; of a batch, whose time says little, the photos a second."""
    if record.kind == "accuracy":
        return percent(record.value.value)
    if record.kind == "throughput":
        return rate(record.throughput_fps.value)
    unit, middle = KINDS[record.kind][0], record.percentile(50)
    return megabytes(middle) if unit == "bytes" else milliseconds(middle)


def began(entry: Measurement | Observation) -> datetime:
    """Return when a measurement began or an observation was made."""
    return datetime.fromisoformat(
        entry.made_at if isinstance(entry, Observation) else entry.started_at
    )


def of_machine(entries: Iterable[Entry], machine_id: str) -> Records:
    """Return the measurements of one machine, with everything else that is no measurement."""
    return Records(
        entry
        for entry in entries
        if not isinstance(entry, Measurement) or entry.machine_id == machine_id
    )
