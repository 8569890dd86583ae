"""A ledger's entries, frozen: measurements with their raw samples, and predictions, answers and
observations.

A record keeps samples; percentiles, rates and intervals are derived from them each time, so a
summary never has to be trusted. Times are seconds, sizes are bytes; milliseconds appear only on
screen (``labs.display.format``).
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from labs import stats
from labs.machine import Fingerprint
from labs.machine.fingerprint import names_of
from labs.records.load import Load

if TYPE_CHECKING:
    import pandas as pd

#: Samples of a measurement, by kind: (unit, meaning of one sample).
KINDS = {
    "latency": ("s", "wall time of one request of batch_size images"),
    "throughput": ("s", "wall time of one batch of batch_size images, run back to back"),
    "accuracy": ("correct", "1 when the top class is the label, 0 otherwise, one sample an image"),
    "size": ("bytes", "size of the file that would be shipped"),
    # No lesson makes these three any more; a ledger that was begun with an earlier version holds
    # some.
    "peak_memory": ("bytes", "peak resident memory of a fresh process that loads and predicts"),
    "load_time": ("s", "wall time from a fresh process's start of loading to a ready model"),
    "first_prediction": ("s", "wall time of the very first prediction after loading"),
    "load": ("s", "time from when a request was due to its good answer, as the client saw it"),
}


class DifferentMachinesError(ValueError):
    """Records from different machines were about to be compared as if one machine had made them."""


@dataclass(frozen=True)
class ModelFile:
    """The file that was measured."""

    #: Name of the file, without folders.
    name: str
    #: sha256 of its bytes, as hexadecimal.
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Threads:
    """The number of threads that was set for the backend; 0 where it chose for itself."""

    #: Threads that work on one operator.
    intra_op: int = 0
    #: Threads that run operators side by side.
    inter_op: int = 0


@dataclass(frozen=True)
class Measurement:
    """One measured quantity of one option, with everything that is needed to judge it later."""

    type: ClassVar[str] = "measurement"

    #: A name from ``KINDS``; it fixes the unit.
    kind: str
    #: Short stable name of the measured option, such as 'onnx-basic'; the lessons' checkpoints look
    #: records up by it.
    option: str
    #: Raw samples in the kind's unit, in the order in which they were taken.
    samples: tuple[float, ...] = field(repr=False)
    batch_size: int
    model: ModelFile
    #: Runtime that ran it: 'torch', 'torch-compiled', 'onnxruntime', 'openvino'.
    backend: str
    #: The requested provider, such as 'CUDAExecutionProvider'; a device name if there are no
    #: providers.
    provider_requested: str
    #: Nodes of the graph by the provider that really ran them, read from profiling; empty where not
    #: applicable.
    providers_used: dict[str, int]
    #: Precision that was computed in: 'fp32', 'bf16', 'int8', …
    precision: str
    threads: Threads
    #: Calls made and thrown away before the first sample.
    warmup_count: int
    #: Whether warm-up ended because timings had settled (True) or because it ran out of patience.
    warmup_settled: bool
    #: UTC, ISO 8601, when the first sample began.
    started_at: str
    #: Monotonic clock in seconds when the first sample began; only differences within one boot mean
    #: anything.
    monotonic_start_s: float
    #: The same clock when the last sample had ended.
    monotonic_end_s: float
    machine: Fingerprint
    libraries: dict[str, str]
    #: Version of this course's code, with the commit where one is known.
    code_version: str
    #: Requests in flight at once.
    concurrency: int = 1
    #: How the model was opened, as plain JSON (``labs.runtimes.opening``); empty in records of
    #: earlier versions.
    settings: dict = field(default_factory=dict)
    #: Anything else a lesson needs, as plain JSON (labels predicted, tuner steps, …).
    details: dict = field(default_factory=dict)
    #: How requests were sent to a server, and the server's load; set only in ``load`` records.
    load: Load | None = None
    #: Share of the machine's processors that other programs used meanwhile, 0 to 1; None where it
    #: is not known, as in records of earlier versions.
    others_share: float | None = None
    record_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def machine_id(self) -> str:
        """Hash of the machine that made it; records of one machine may be compared."""
        return self.machine.machine_id

    @property
    def fell_back(self) -> bool:
        """Whether the requested provider ran no node at all: the figure belongs to whatever did."""
        used = {name for name, nodes in self.providers_used.items() if nodes}
        return bool(used) and self.provider_requested not in used

    @functools.cached_property
    def value(self) -> stats.Interval:
        """The record's headline number with its 95 % interval: median in the kind's unit, or
        accuracy as a fraction.
        """
        if self.kind == "accuracy":
            return stats.accuracy_interval(self.samples, self.details.get("drawings"))
        # Neither requests that waited in one queue nor a machine's neighbouring calls are
        # independent.
        if self.load:
            order = np.argsort(self.load.offsets_s, kind="stable")
            return stats.steady_interval(np.asarray(self.samples)[order], q=50)
        return self._call_s

    @functools.cached_property
    def _call_s(self) -> stats.Interval:
        """The median call; of the few long calls of a batch, blocks cannot be made: they are taken
        as independent.
        """
        of_calls = stats.median_interval if self.kind == "throughput" else stats.steady_interval
        return of_calls(self.samples, q=50)

    @functools.cached_property
    def throughput_fps(self) -> stats.Interval:
        """Pictures a second: batch size over the median call, with its 95 % interval."""
        if KINDS[self.kind][0] != "s":
            raise ValueError(f"a {self.kind} record has no throughput")
        call = self._call_s
        slowest_fps = self.batch_size / call.high
        fastest_fps = self.batch_size / call.low
        return stats.Interval(
            self.batch_size / call.value, slowest_fps, fastest_fps, call.confidence
        )

    @property
    def throughput_rps(self) -> stats.Interval:
        """Good answers a second of a load run, with its 95 % interval."""
        if self.load is None:
            raise ValueError(
                f"a {self.kind} record has no requests a second; only a load record does"
            )
        return self.load.answered_per_s(self.samples)

    @property
    def blocks(self) -> tuple[tuple[float, ...], ...]:
        """The samples of a compared record, turn by turn, in the order in which they ran.

        Raises:
            ValueError: It was measured alone; its samples saw no partner.
        """
        size = self.details.get("block_calls")
        if not size:
            raise ValueError(
                f"{self.option} was measured alone; only options that took turns have a ratio"
            )
        begins = range(0, len(self.samples), size)
        return tuple(self.samples[begin : begin + size] for begin in begins)

    def percentile(self, q: float) -> float:
        """Return a percentile of the samples, in their unit."""
        return stats.percentile(self.samples, q)

    def to_json(self) -> dict:
        """Return the record as plain JSON values."""
        fields = asdict(self)
        fields["samples"] = list(self.samples)
        fields["machine"] = self.machine.to_json()
        return {"type": self.type, **fields}

    @classmethod
    def from_json(cls, values: dict) -> Measurement:
        """Return the record that ``to_json`` wrote.

        Raises:
            KeyError: A field is missing; validate against the schema first for a readable message.
        """
        known = {name: values[name] for name in names_of(cls) if name in values}
        known["samples"] = tuple(known["samples"])
        known["model"] = ModelFile(**known["model"])
        known["threads"] = Threads(**known["threads"])
        known["machine"] = Fingerprint.from_json(known["machine"])
        known["load"] = Load.from_json(known["load"]) if known.get("load") else None
        return cls(**known)


@dataclass(frozen=True)
class Comparison:
    """Records of one side-by-side run."""

    #: One record per option and batch size, in the order given; ``details`` names the run and the
    #: calls in a turn.
    records: tuple[Measurement, ...]

    def __iter__(self) -> Iterator[Measurement]:
        return iter(self.records)

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the options, in the order given."""
        return tuple(dict.fromkeys(record.option for record in self.records))

    def record(self, option: str, batch_size: int | None = None) -> Measurement:
        """Return an option's record: of the first batch size, unless another is named.

        Raises:
            KeyError: It was not part of this run.
        """
        for record in self.records:
            if record.option == option and batch_size in (None, record.batch_size):
                return record
        raise KeyError(f"{option!r} took no part in this run; {', '.join(self.options)} did")

    def ratio(self, option: str, baseline: str) -> stats.Ratio:
        """Return how many times as long ``option`` takes as ``baseline``, with interval and
        detectable difference.

        Raises:
            KeyError: One of the two was not part of this run.
        """
        return stats.ratio_of_medians(self.record(option).blocks, self.record(baseline).blocks)

    def table(self, baseline: str) -> pd.DataFrame:
        """Return one row per option.

        Columns: ``one photo, ms`` with the 95 % interval of that median (``low`` and ``high``); the
        speed-up over the baseline with its interval (``at least``, ``at most``); and photos a
        second for each batch size beyond 1, such as ``32 at once, photos/s``. In a run of batches
        alone, ``median ms`` is a batch's.

        Raises:
            KeyError: The baseline was not part of this run.
        """
        import pandas as pd  # late: the providers' environments measure without it

        rows = {}
        for option in self.options:
            first = self.record(option)
            faster = self.ratio(baseline, option).interval
            heading = "one photo, ms" if first.batch_size == 1 else "median ms"
            row = {
                heading: 1e3 * first.percentile(50),
                "low": 1e3 * first.value.low,
                "high": 1e3 * first.value.high,
                "times as fast": faster.value,
                "at least": faster.low,
                "at most": faster.high,
            }
            for record in self.records:
                if record.option == option and record.batch_size > 1:
                    column = f"{record.batch_size} at once, photos/s"
                    row[column] = record.throughput_fps.value
            rows[option] = row
        return pd.DataFrame.from_dict(rows, orient="index")


def require_same_machine(records: Iterable[Measurement]) -> None:
    """Return quietly when one machine made all records.

    Raises:
        DifferentMachinesError: It did not; milliseconds from two machines cannot be put in one
            ratio.
    """
    labels = {record.machine.machine_id: record.machine.label for record in records}
    if len(labels) > 1:
        machines = "; ".join(sorted(labels.values()))
        raise DifferentMachinesError(
            "these records come from different machines and cannot be compared as one run: "
            f"{machines}. Measure both on one machine, or ask for a table that shows the machine "
            "(comparison_table)."
        )


@dataclass(frozen=True)
class _Written:
    """Going to plain JSON and back, which is the same for each of them."""

    type: ClassVar[str]

    def to_json(self) -> dict:
        """Return the entry as plain JSON values."""
        return {"type": self.type, **asdict(self)}

    @classmethod
    def from_json(cls, values: dict) -> Self:
        """Return the entry that ``to_json`` wrote."""
        known = {name: values[name] for name in names_of(cls) if name in values}
        return cls(**known)


@dataclass(frozen=True)
class _Given(_Written):
    """A student's answer to a question."""

    #: Identifier of the question, such as 'quantize.faster'.
    question: str
    #: Plain JSON: a text, a number in the question's unit, or a small dictionary of these.
    value: Any
    #: UTC, ISO 8601.
    made_at: str
    record_id: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True)
class Prediction(_Given):
    """A student's prediction, stored before the measurement that answers it."""

    type: ClassVar[str] = "prediction"


@dataclass(frozen=True)
class Answer(_Given):
    """A student's answer to a question: a choice, a number or a few sentences."""

    type: ClassVar[str] = "answer"


@dataclass(frozen=True)
class Observation(_Written):
    """Facts as a service reported them, written down by the lesson's code and not by the
    student.
    """

    type: ClassVar[str] = "observation"

    #: Subject of the observation, such as 'model.lease'.
    subject: str
    #: The observed facts, as plain JSON.
    seen: dict
    #: UTC, ISO 8601.
    made_at: str
    record_id: str = field(default_factory=lambda: uuid.uuid4().hex)


Entry = Measurement | Prediction | Answer | Observation

#: Entry classes by the value of their ``type``.
ENTRY_TYPES: dict[str, type[Entry]] = {
    Measurement.type: Measurement,
    Prediction.type: Prediction,
    Answer.type: Answer,
    Observation.type: Observation,
}
