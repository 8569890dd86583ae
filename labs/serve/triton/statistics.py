"""Triton's statistics of a model as plain data: totals, and how often each batch size was run.

Triton counts since a model was loaded, so a figure for one run is the difference of two readings.

Source: Triton's statistics extension, ``GET /v2/models/<model>/stats``: counts, and nanoseconds summed over requests.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_NS = 1e-9


@dataclass(frozen=True)
class ModelStatistics:
    """What a model did between two readings, or since it was loaded."""

    #: The model's name.
    name: str
    #: Requests answered well.
    requests: int
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
    #: Executions by batch size, the smallest first.
    batches: dict[int, int] = field(default_factory=dict)

    def since(self, before: ModelStatistics) -> ModelStatistics:
        """Return what was added since an earlier reading; everything, where the model was loaded anew in between."""
        if self.requests < before.requests or self.executions < before.executions:
            return self
        counts = {key: getattr(self, key) - getattr(before, key) for key in _TOTALS}
        batches = {size: count - before.batches.get(size, 0) for size, count in self.batches.items()}
        return ModelStatistics(self.name, **counts, batches={size: count for size, count in batches.items() if count})


_TOTALS = ("requests", "inferences", "executions", "queue_s", "input_s", "infer_s", "output_s")


def parse_statistics(entry: dict) -> ModelStatistics:
    """Return one entry of ``model_stats``, as Triton's HTTP API gives it.

    Args:
        entry: The entry; fields that Triton leaves out because they are zero may be missing.
    """
    inference = entry.get("inference_stats", {})
    runs = sorted(entry.get("batch_stats", ()), key=lambda one: int(one["batch_size"]))
    return ModelStatistics(
        entry["name"],
        requests=int(inference.get("success", {}).get("count", 0)),
        inferences=int(entry.get("inference_count", 0)),
        executions=int(entry.get("execution_count", 0)),
        queue_s=_seconds(inference, "queue"),
        input_s=_seconds(inference, "compute_input"),
        infer_s=_seconds(inference, "compute_infer"),
        output_s=_seconds(inference, "compute_output"),
        batches={int(one["batch_size"]): int(one["compute_infer"].get("count", 0)) for one in runs},
    )


def _seconds(entry: dict, key: str) -> float:
    return int(entry.get(key, {}).get("ns", 0)) * _NS
