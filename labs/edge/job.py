"""A device's measuring job as plain data, and the records that it returns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

from labs import bench
from labs.records import Ledger, Measurement
from labs.records.ledger import parse_line
from labs.runtimes.opening import open_model
from labs.runtimes.progress import OnProgress, silent

#: Kinds of job, with their results.
TASKS: dict[str, str] = {
    "options": "size, accuracy, latency and throughput of each candidate, one after the other",
    "answers": "size and accuracy of each candidate",
    "compare": "latency of all candidates in turns",
    "sustained": "latency, temperature, clock and power of the first candidate under load "
    "without a pause",
}


@dataclass(frozen=True)
class Candidate:
    """One option on the device."""

    #: Name under which its records are kept, such as 'edge-int8-s8s8'.
    option: str
    #: Name of its file in the folder of models.
    file: str
    #: Threads; the runtime's own choice when None.
    threads: int | None = None
    #: Runtime that opens the file: 'onnxruntime', or 'openvino' in float32 (or in the file's INT8).
    runtime: str = "onnxruntime"
    #: Side of the pictures that it takes, in pixels.
    input_px: int = 224

    def open(self, models: Path) -> object:
        """Return a native object of its runtime on its file, and describe it to ``bench``."""
        settings: dict[str, object] = {}
        threads_setting = "intra_op_num_threads"
        if self.runtime == "openvino":
            # Left alone, it would compute in bf16 on a processor that can, under the name of
            # float32.
            settings["INFERENCE_PRECISION_HINT"] = "f32"
            threads_setting = "INFERENCE_NUM_THREADS"
        if self.threads:
            settings[threads_setting] = self.threads
        path = models / self.file
        opened = open_model(path, self.runtime, settings)
        bench.describe(opened, model_path=path)
        return opened


@dataclass(frozen=True)
class Effort:
    """How much is measured; a device deserves more than its rehearsal."""

    #: Requests timed at least, for a latency alone.
    latency_samples: int = 200
    #: Seconds after which a latency stops once it has those.
    latency_limit_s: float = 20.0
    #: Labelled pictures; all when None.
    pictures: int | None = None
    #: Batches timed at least, for a throughput.
    batches: int = 10
    #: Turns of each candidate in a comparison, and timed calls in each.
    rounds: int = 20
    block_calls: int = 10
    #: Seconds of load without a pause, and seconds of one look at it.
    sustained_s: float = 300.0
    window_s: float = 5.0


#: Size of a rehearsal's measurement: enough to see how it works, since its figures do not hold for
#: the device.
REHEARSAL = Effort(40, 1.0, None, 3, 20, 5, 4.0, 0.5)


@dataclass(frozen=True)
class Job:
    """A measurement to be made on a device."""

    #: A key of ``TASKS``.
    task: str
    candidates: tuple[Candidate, ...]
    effort: Effort = field(default_factory=Effort)
    #: Batch sizes that are measured, for 'options' and 'compare'.
    batch_sizes: tuple[int, ...] = (1, 8)

    @property
    def key(self) -> str:
        """A short name of exactly this job: asking again for a job that still runs finds it."""
        text = json.dumps(self.to_json(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def to_json(self) -> dict:
        """Return plain JSON values."""
        return json.loads(json.dumps(asdict(self)))

    @classmethod
    def from_json(cls, values: dict) -> Job:
        """Return what ``to_json`` wrote."""
        candidates = tuple(Candidate(**candidate) for candidate in values["candidates"])
        effort = Effort(**values["effort"])
        return cls(values["task"], candidates, effort, tuple(values["batch_sizes"]))


class RemoteDevice(Protocol):
    """The interface of a machine that this package needs, for any connection.

    Paths are relative to the course's folder on the machine.
    """

    #: Whether this computer only plays it.
    rehearsed: bool

    def write(self, path: str, text: str) -> None:
        """Write a small text."""

    def python(
        self,
        arguments: Sequence[str],
        *,
        name: str,
        on_line: Callable[[str], None],
        timeout_s: float,
    ) -> None:
        """Run the device's Python with the course, as a job that survives a lost connection."""

    def fetch(self, path: str) -> bytes:
        """Return a file."""


def measure_on(
    device: RemoteDevice,
    job: Job,
    ledger: Ledger | None = None,
    *,
    on_progress: OnProgress = silent,
) -> list[Measurement]:
    """Measure on a device, fetch the records, and return them.

    Args:
        device: Where; ``provisioning.lab.device.open_device`` returns one.
        ledger: Where they are kept; nowhere when None.
        on_progress: Told how far it is; raising stops the watching, while the device continues.

    Raises:
        ValueError: The answer does not fit the request.
    """
    folder = "workspace/jobs"
    job_path = f"{folder}/{job.key}.json"
    records_path = f"{folder}/{job.key}.jsonl"
    device.write(job_path, json.dumps(job.to_json()))

    def report(line: str) -> None:
        if line.startswith("progress "):
            _, fraction, text = line.split(" ", 2)
            on_progress(float(fraction), text)

    arguments = ["-m", "labs.edge", "measure", job_path, "--records", records_path]
    device.python(arguments, name=f"measure-{job.key}", on_line=report, timeout_s=3600.0)
    # Each line is checked like a line of the ledger: what an emulated processor timed is refused
    # here, too.
    lines = device.fetch(records_path).decode().splitlines()
    records = [Measurement.from_json(parse_line(line)) for line in lines]
    if ledger:
        for record in records:
            ledger.append(record)
    return records
