"""Triton's statistics of a model as plain data: totals, and the same for each batch size.

Triton counts since a model was loaded, so a figure for one run is the difference of two readings.

Source: Triton's statistics extension, ``GET /v2/models/<model>/stats``: counts, and nanoseconds summed over requests
(for ``batch_stats``, over executions).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

_NS = 1e-9


@dataclass(frozen=True)
class BatchStatistics:
    """Executions of one batch size."""

    #: Pictures in each of these executions.
    batch_size: int
    #: How many executions there were.
    executions: int
    #: Seconds in which inputs were gathered, summed over the executions.
    input_s: float
    #: Seconds in which the model ran, summed.
    infer_s: float
    #: Seconds in which outputs were copied, summed.
    output_s: float

    @property
    def mean_infer_s(self) -> float:
        """Mean seconds of one execution."""
        return self.infer_s / self.executions if self.executions else 0.0


@dataclass(frozen=True)
class ModelStatistics:
    """What a model did between two readings, or since it was loaded."""

    #: The model's name.
    name: str
    #: Requests answered well.
    requests: int
    #: Requests that failed.
    failures: int
    #: Pictures in the requests that were answered well.
    inferences: int
    #: Times that the model was run.
    executions: int
    #: Seconds that requests waited in the queue, summed over requests.
    queue_s: float
    #: Seconds in which their inputs were gathered, summed over requests.
    input_s: float
    #: Seconds in which the model ran, summed over requests: the whole batch's time counts for each of its requests.
    infer_s: float
    #: Seconds in which their outputs were copied, summed over requests.
    output_s: float
    #: The same by batch size, the smallest first.
    batches: tuple[BatchStatistics, ...] = ()

    @property
    def mean_batch(self) -> float:
        """Pictures in one execution, on average; 0 before the first."""
        return self.inferences / self.executions if self.executions else 0.0

    @property
    def mean_queue_s(self) -> float:
        """Seconds that a request waited, on average."""
        return self.queue_s / self.requests if self.requests else 0.0

    @property
    def mean_compute_s(self) -> float:
        """Seconds between leaving the queue and the answer, on average."""
        return (self.input_s + self.infer_s + self.output_s) / self.requests if self.requests else 0.0

    def since(self, before: ModelStatistics) -> ModelStatistics:
        """Return what was added since an earlier reading; everything, where the model was loaded anew in between."""
        if self.requests < before.requests or self.executions < before.executions:
            return self
        counts = {key: getattr(self, key) - getattr(before, key) for key in _TOTALS}
        earlier = {one.batch_size: one for one in before.batches}
        batches = tuple(_minus(one, earlier.get(one.batch_size)) for one in self.batches)
        return ModelStatistics(self.name, **counts, batches=tuple(one for one in batches if one.executions))

    def to_json(self) -> dict:
        """Return plain JSON values."""
        return {**asdict(self), "batches": [asdict(one) for one in self.batches]}


_TOTALS = (
    "requests",
    "failures",
    "inferences",
    "executions",
    "queue_s",
    "input_s",
    "infer_s",
    "output_s",
)


def parse_statistics(entry: dict) -> ModelStatistics:
    """Return one entry of ``model_stats``, as Triton's HTTP API gives it.

    Args:
        entry: The entry; fields that Triton leaves out because they are zero may be missing.
    """
    inference = entry.get("inference_stats", {})
    batches = (
        BatchStatistics(
            int(one["batch_size"]),
            int(one["compute_infer"].get("count", 0)),
            *(_seconds(one, key) for key in ("compute_input", "compute_infer", "compute_output")),
        )
        for one in entry.get("batch_stats", ())
    )
    return ModelStatistics(
        entry["name"],
        requests=int(inference.get("success", {}).get("count", 0)),
        failures=int(inference.get("fail", {}).get("count", 0)),
        inferences=int(entry.get("inference_count", 0)),
        executions=int(entry.get("execution_count", 0)),
        queue_s=_seconds(inference, "queue"),
        input_s=_seconds(inference, "compute_input"),
        infer_s=_seconds(inference, "compute_infer"),
        output_s=_seconds(inference, "compute_output"),
        batches=tuple(sorted(batches, key=lambda one: one.batch_size)),
    )


def _seconds(entry: dict, key: str) -> float:
    return int(entry.get(key, {}).get("ns", 0)) * _NS


def _minus(one: BatchStatistics, before: BatchStatistics | None) -> BatchStatistics:
    if before is None:
        return one
    keys = ("executions", "input_s", "infer_s", "output_s")
    return BatchStatistics(one.batch_size, **{key: getattr(one, key) - getattr(before, key) for key in keys})
