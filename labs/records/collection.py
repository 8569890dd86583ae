"""Queries on a ledger's entries, for lessons, charts and checkpoints."""

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
    """Queries on entries; a subclass provides the entries, oldest first."""

    def __iter__(self) -> Iterator[Entry]:
        raise NotImplementedError

    def measurements(self, **wanted: object) -> list[Measurement]:
        """Return the measurements whose fields equal ``wanted`` (such as ``kind="latency"``),
        oldest first.
        """
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
        """Return the newest side-by-side run in which all these options took part, or None."""
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

    def paired_accuracy(self, option: str, baseline: str) -> stats.Paired | None:
        """Return how two options' newest records differ on the same images; else None."""
        first = self.latest(kind="accuracy", option=option)
        second = self.latest(kind="accuracy", option=baseline)
        if first is None or second is None:
            return None
        if first.details.get("labels") != second.details.get("labels"):
            return None
        drawings = first.details.get("drawings") or None
        return stats.paired_proportions(first.samples, second.samples, drawings)

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
            about: Fields of the measurements that it concerns, or ``{"subject": …}`` for
                observations.
        """
        first = self.first_about(about)
        predictions = self.predictions(question)
        entries = list(self)  # last: a ledger may grow meanwhile

        def is_in_time(prediction: Prediction) -> bool:
            if first is None:
                return True
            stands_before = entries.index(prediction) < entries.index(first)
            return stands_before and datetime.fromisoformat(prediction.made_at) <= began(first)

        in_time = [prediction for prediction in predictions if is_in_time(prediction)]
        return in_time[-1] if in_time else None

    def first_about(self, about: Mapping) -> Measurement | Observation | None:
        """Return the oldest measurement with these fields, or observation of this ``subject``, or
        None.
        """
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
        if not entries:
            return "0 entries"
        counts = Counter(map(_kind, entries))
        words = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        newest = _made_at(entries[-1]).astimezone()
        return f"{len(entries)} entries: {words}; the newest of {newest:%d %b %Y, %H:%M}"

    def _repr_html_(self) -> str:
        """Return the same, and below it the newest number of each kind for each option on each
        machine.
        """
        import pandas as pd  # late: the providers' environments measure without it

        summary = f"<p>{escape(repr(self))}</p>"
        rows = []
        for record in self.measurements():
            label = record.machine.label
            rows.append((record.option, label, record.kind, _headline(record)))
        if not rows:
            return summary
        table = pd.DataFrame(rows, columns=["option", "machine", "kind", "newest"]).pivot_table(
            "newest", ["option", "machine"], "kind", aggfunc="last", fill_value="", sort=False
        )
        return summary + table.to_html()


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

        def typed(values: Mapping) -> Entry:
            return ENTRY_TYPES[values["type"]].from_json(dict(values))

        return cls(map(typed, entries))

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, place):
        if isinstance(place, slice):
            return Records(self._entries[place])
        return self._entries[place]


def _kind(entry: Entry) -> str:
    return entry.kind if isinstance(entry, Measurement) else entry.type


def _made_at(entry: Entry) -> datetime:
    """Return when an entry was made; of a measurement, when it began."""
    made_at = entry.started_at if isinstance(entry, Measurement) else entry.made_at
    return datetime.fromisoformat(made_at)


def _headline(record: Measurement) -> str:
    """Return a record's number in its unit; of a batch, the photos a second."""
    if record.kind == "accuracy":
        return percent(record.value.value)
    if record.kind == "throughput":
        return rate(record.throughput_fps.value)
    unit, _ = KINDS[record.kind]
    middle = record.percentile(50)
    return megabytes(middle) if unit == "bytes" else milliseconds(middle)


def began(entry: Measurement | Observation) -> datetime:
    """Return when a measurement began or an observation was made."""
    return _made_at(entry)


def of_machine(entries: Iterable[Entry], machine_id: str) -> Records:
    """Return the measurements of one machine, with everything else that is no measurement."""

    def is_kept(entry: Entry) -> bool:
        return not isinstance(entry, Measurement) or entry.machine_id == machine_id

    return Records(filter(is_kept, entries))
