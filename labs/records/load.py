"""The data of a load run besides latencies: begin and failure of each request, and the server's
resources.

The samples of a ``load`` record are the latencies of the requests that were answered well. A
refusal takes no time, so a server that refuses everything would have the best percentiles of all.
Failures are therefore stored separately, each with its status.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from labs.machine.fingerprint import names_of
from labs.stats import Interval, mean_interval

#: Most that a GPU may be busy beside another one to count as idle, as a share of the other's
#: readings.
MOST_IDLE = 0.5

#: Parts into which a run is cut to see how much its throughput varies.
_BLOCKS = 12

#: Largest mean that a Poisson count of 0 leaves possible at 95 % (two-sided), Garwood (1936):
#: -ln(0.025).
_MOST_UNSEEN = 3.69


@dataclass(frozen=True)
class Failure:
    """A request that got no good answer."""

    #: Seconds after the run's start at which it should have begun.
    offset_s: float
    #: Seconds from then until it was known to have failed.
    latency_s: float
    #: HTTP status (gRPC codes translated, see ``labs.load.sender``); 0 when nothing came back at
    #: all.
    status: int


@dataclass(frozen=True)
class ServerSide:
    """The server's own counters during a run: where its requests spent their time."""

    #: Requests that it finished well.
    requests: int
    #: Times that the model was run; fewer than requests where they were batched, 0 where the server
    #: does not tell.
    executions: int
    #: Mean seconds that a request waited in the queue.
    queue_s: float
    #: Mean seconds in which its input was gathered and copied.
    input_s: float
    #: Mean seconds in which the model ran.
    infer_s: float
    #: Mean seconds in which its output was copied back.
    output_s: float
    #: Model executions by their batch size; empty where the server does not tell.
    batches: dict[str, int] = field(default_factory=dict)

    @property
    def compute_s(self) -> float:
        """Mean seconds from leaving the queue to the answer."""
        return self.input_s + self.infer_s + self.output_s

    @property
    def mean_batch(self) -> float:
        """Pictures in one execution of the model, on average; 0 where the server does not tell."""
        if not self.batches:
            return 0.0
        pictures = 0
        for size, count in self.batches.items():
            pictures += int(size) * count
        return pictures / sum(self.batches.values())


@dataclass(frozen=True)
class MachineUsage:
    """Samples of how busy the machine was, column by column; all columns are as long as
    ``offsets_s``.
    """

    #: Seconds after the run's start.
    offsets_s: tuple[float, ...] = ()
    #: Busy share of all processors, 0 to 1, for any program.
    cpu: tuple[float, ...] = ()
    #: Processors that the sender kept busy, 0 to the machine's count.
    sender_cores: tuple[float, ...] = ()
    #: Processors that the server and its children kept busy; empty where its process is not known.
    server_cores: tuple[float, ...] = ()
    #: Memory in use by everybody, in bytes.
    memory_bytes: tuple[int, ...] = ()
    #: For each GPU, the share of time in which a kernel ran on it, 0 to 1.
    gpu: tuple[tuple[float, ...], ...] = ()
    #: For each GPU, its memory in use, in bytes.
    gpu_memory_bytes: tuple[tuple[int, ...], ...] = ()

    @classmethod
    def from_json(cls, values: dict) -> MachineUsage:
        """Return the samples that ``to_json`` of a record wrote."""
        columns = {name: tuple(values[name]) for name in names_of(cls) if name in values}
        for name in ("gpu", "gpu_memory_bytes"):
            columns[name] = tuple(map(tuple, columns.get(name, ())))
        return cls(**columns)


@dataclass(frozen=True)
class Load:
    """How requests were sent, and everything about them but the latencies of the good ones."""

    #: 'closed': each client waits for its answer; 'open': requests begin when they are due,
    #: answered or not.
    mode: str
    #: The request, such as 'POST /predict' or 'gRPC food_classifier_onnx', without an address.
    target: str
    #: Seconds in which requests were begun.
    duration_s: float
    #: Seconds after the run's start at which each sample's request began, or was due (open loop).
    offsets_s: tuple[float, ...] = field(repr=False)
    #: Requests a second that were due, on average; None in a closed loop, which has no rate of its
    #: own.
    offered_rps: float | None = None
    #: Seconds after the run's start at which each request really left; empty in a closed loop,
    #: where it is the same.
    sent_offsets_s: tuple[float, ...] = field(default=(), repr=False)
    failures: tuple[Failure, ...] = field(default=(), repr=False)
    #: The server's counters; None if it reports none.
    server: ServerSide | None = None
    usage: MachineUsage = field(default_factory=MachineUsage, repr=False)

    @property
    def error_rate(self) -> float:
        """Share of all requests that failed, 0 to 1."""
        failed = len(self.failures)
        answered = len(self.offsets_s)
        return failed / (failed + answered)

    def answered_per_s(self, latencies_s: tuple[float, ...]) -> Interval:
        """Return good answers a second while requests were sent, with a 95 % interval from its
        variation.

        Answers that came after the sending had stopped are not counted: the server worked them off
        alone. The interval comes from parts of the run, since single requests are not independent
        (see ``stats.mean_interval``). It is at least as wide as one answer more or less. If no
        answer came, its upper end is that of a Poisson count of 0.
        """
        ended_s = np.asarray(self.offsets_s) + np.asarray(latencies_s)
        edges = np.linspace(0, self.duration_s, _BLOCKS + 1)
        rates = np.histogram(ended_s, edges)[0] / (self.duration_s / _BLOCKS)
        mean = mean_interval(rates)
        least_answers = 1.0 if mean.value else _MOST_UNSEEN
        least_width = least_answers / self.duration_s
        low = min(mean.low, mean.value - least_width)
        high = max(mean.high, mean.value + least_width)
        return Interval(mean.value, max(0.0, low), high)

    @classmethod
    def from_json(cls, values: dict) -> Load:
        """Return what ``to_json`` of a record wrote; unknown keys are ignored."""
        known = {name: values[name] for name in names_of(cls) if name in values}
        for name in ("offsets_s", "sent_offsets_s"):
            known[name] = tuple(known.get(name, ()))
        failures = [Failure(**failure) for failure in known.get("failures", ())]
        known["failures"] = tuple(failures)
        known["server"] = ServerSide(**known["server"]) if known.get("server") else None
        known["usage"] = MachineUsage.from_json(known.get("usage", {}))
        return cls(**known)
