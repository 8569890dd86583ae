"""What a load run leaves behind beside its latencies: when requests began, which failed, and what the server felt.

The samples of a ``load`` record are the latencies of the requests that were answered well. A refusal takes no time, so
a server that refuses everything would have the best percentiles of all: failures are kept apart, each with its status.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from labs.stats import Interval, mean_interval

#: Most that a GPU may be busy beside another one to count as idle, as a share of the other's readings.
MOST_IDLE = 0.5

#: Parts into which a run is cut to see how much its throughput varies.
_BLOCKS = 12

#: Largest mean that a Poisson count of 0 leaves possible at 95 % (two-sided), Garwood (1936): -ln(0.025).
_MOST_UNSEEN = 3.69


@dataclass(frozen=True)
class Failure:
    """A request that got no good answer."""

    #: Seconds after the run's start at which it should have begun.
    offset_s: float
    #: Seconds from then until it was known to have failed.
    latency_s: float
    #: HTTP status (gRPC codes translated, see ``labs.load.sender``); 0 when nothing came back at all.
    status: int


@dataclass(frozen=True)
class ServerSide:
    """What the server itself counted during a run: where its requests spent their time."""

    #: Requests that it finished well.
    requests: int
    #: Times that the model was run; fewer than requests where they were batched, 0 where the server does not tell.
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
        pictures = sum(int(size) * count for size, count in self.batches.items())
        return pictures / sum(self.batches.values()) if self.batches else 0.0


@dataclass(frozen=True)
class Usage:
    """Samples of how busy the machine was, column by column; all columns are as long as ``offsets_s``."""

    #: Seconds after the run's start.
    offsets_s: tuple[float, ...] = ()
    #: Share of all processors that was busy, 0 to 1, whoever kept them busy.
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
    def from_json(cls, values: dict) -> Usage:
        """Return the samples that ``to_json`` of a record wrote."""
        made = {
            name: tuple(column)
            for name, column in values.items()
            if name in cls.__dataclass_fields__
        }
        for name in ("gpu", "gpu_memory_bytes"):
            made[name] = tuple(tuple(column) for column in made.get(name, ()))
        return cls(**made)


@dataclass(frozen=True)
class Load:
    """How requests were sent, and everything about them but the latencies of the good ones."""

    #: 'closed': each client waits for its answer; 'open': requests begin when they are due, answered or not.
    mode: str
    #: What was asked for, such as 'POST /predict' or 'gRPC food_classifier_onnx'; no address.
    target: str
    #: Seconds in which requests were begun.
    duration_s: float
    #: Seconds after the run's start at which each sample's request began, or was due (open loop).
    offsets_s: tuple[float, ...] = field(repr=False)
    #: Requests a second that were due, on average; None in a closed loop, which has no rate of its own.
    offered_rps: float | None = None
    #: Seconds after the run's start at which each request really left; empty in a closed loop, where it is the same.
    sent_offsets_s: tuple[float, ...] = field(default=(), repr=False)
    failures: tuple[Failure, ...] = field(default=(), repr=False)
    #: What the server counted; None where it does not tell.
    server: ServerSide | None = None
    usage: Usage = field(default_factory=Usage, repr=False)

    @property
    def error_rate(self) -> float:
        """Share of all requests that failed, 0 to 1."""
        return len(self.failures) / (len(self.failures) + len(self.offsets_s))

    def answered_per_s(self, latencies_s: tuple[float, ...]) -> Interval:
        """Return good answers a second while requests were sent, with a 95 % interval from how much it varied.

        Answers that came after the sending had stopped are not counted: the server worked them off alone. The interval
        comes from parts of the run, since single requests are not independent (see ``stats.mean_interval``). It is
        never narrower than one answer more or less, and where none came, its upper end is that of a Poisson count of 0.
        """
        ended_s = np.asarray(self.offsets_s) + np.asarray(latencies_s)
        edges = np.linspace(0, self.duration_s, _BLOCKS + 1)
        rates = np.histogram(ended_s, edges)[0] / (self.duration_s / _BLOCKS)
        found = mean_interval(rates)
        one = (1.0 if found.value else _MOST_UNSEEN) / self.duration_s
        low, high = min(found.low, found.value - one), max(found.high, found.value + one)
        return Interval(found.value, max(0.0, low), high)

    @classmethod
    def from_json(cls, values: dict) -> Load:
        """Return what ``to_json`` of a record wrote; unknown keys are ignored."""
        made = {name: values[name] for name in values if name in cls.__dataclass_fields__}
        for name in ("offsets_s", "sent_offsets_s"):
            made[name] = tuple(made.get(name, ()))
        made["failures"] = tuple(Failure(**one) for one in made.get("failures", ()))
        made["server"] = ServerSide(**made["server"]) if made.get("server") else None
        made["usage"] = Usage.from_json(made.get("usage", {}))
        return cls(**made)
