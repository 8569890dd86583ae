"""What ran on a GPU, as the benchmark read it from profiles."""

from labs.course.question import MissingEvidenceError
from labs.records import Records
from labs.records.targets import GPU_PROVIDERS


def on_gpu(records: Records) -> dict:
    """Return of the newest option that asked for a GPU, how many nodes ran there, and what it was compared with."""
    asked = [
        one
        for one in records.measurements(kind="latency")
        if one.provider_requested in GPU_PROVIDERS
    ]
    asked = [
        one for one in asked if one.provider_requested != "cuda"
    ]  # torch's, which has no nodes
    if not asked:
        raise MissingEvidenceError(
            "Nothing was measured on a GPU yet: that waits for a node that has one."
        )
    newest = asked[-1]
    runs = {
        kind: records.comparison(newest.option, kind=kind) for kind in ("latency", "throughput")
    }
    return {
        "option": newest.option,
        "nodes": newest.providers_used.get(newest.provider_requested, 0),
        "beside_cpu": runs["latency"] is not None and "cpu" in runs["latency"].options,
        "in_batches": runs["throughput"] is not None,
    }
