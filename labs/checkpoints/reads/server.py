"""The nodes that ran on a GPU, as the benchmark read them from profiles."""

from labs.course.question import MissingEvidenceError
from labs.records import Records
from labs.records.targets import GPU_PROVIDERS


def on_gpu(records: Records) -> dict:
    """Return for the newest option that asked for a GPU: the number of nodes that ran there, and
    the options it was compared with.
    """
    providers = set(GPU_PROVIDERS) - {"cuda"}  # torch's, which has no nodes
    on_gpus = [
        record
        for record in records.measurements(kind="latency")
        if record.provider_requested in providers
    ]
    if not on_gpus:
        raise MissingEvidenceError(
            "Nothing was measured on a GPU yet: that waits for a node that has one."
        )
    newest = on_gpus[-1]
    latencies = records.comparison(newest.option, kind="latency")
    throughputs = records.comparison(newest.option, kind="throughput")
    return {
        "option": newest.option,
        "nodes": newest.providers_used.get(newest.provider_requested, 0),
        "beside_cpu": latencies is not None and "cpu" in latencies.options,
        "in_batches": throughputs is not None,
    }
