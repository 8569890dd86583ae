"""Facts about what execution providers ran, as the benchmark read it from profiles."""

from __future__ import annotations

from labs.course.question import MissingEvidenceError
from labs.records import Records
from labs.records.targets import GPU_PROVIDERS


def on_gpu(records: Records) -> dict:
    """Return of the newest option that asked for a GPU, how many nodes ran there, and what it was compared with."""
    asked = [one for one in records.measurements(kind="latency") if one.provider_requested in GPU_PROVIDERS]
    asked = [one for one in asked if one.provider_requested != "cuda"]  # torch's, which has no nodes
    if not asked:
        raise MissingEvidenceError("Nothing was measured on a GPU yet: that waits for a node that has one.")
    newest = asked[-1]
    runs = {kind: records.comparison(newest.option, kind=kind) for kind in ("latency", "throughput")}
    return {
        "option": newest.option,
        "nodes": newest.providers_used.get(newest.provider_requested, 0),
        "beside_cpu": runs["latency"] is not None and "cpu" in runs["latency"].options,
        "in_batches": runs["throughput"] is not None,
    }


def pair_of_providers(records: Records) -> dict:
    """Return what changes in the pair that an answer names, its claim, and the claim that the newest run allows.

    Args:
        records: With the answer to ``providers.fair`` and the comparison that it is about.

    Raises:
        MissingEvidenceError: The two were not measured side by side.
    """
    given = records.answer("providers.fair")
    option, baseline = given["option"], given["baseline"]
    run = records.comparison(option, baseline)
    if run is None:
        raise MissingEvidenceError("Run the cell that measures in OpenVINO's environment, then this check again.")
    one, other = run.record(option), run.record(baseline)
    interval = run.ratio(baseline, option).interval
    return {
        "changes_provider": set(one.providers_used) != set(other.providers_used),
        "changes_precision": one.precision != other.precision,
        "baseline": baseline,
        "claim": given["claim"],
        "allowed": "faster" if interval.low > 1 else "slower" if interval.high < 1 else "cannot tell",
        "low": interval.low,
        "high": interval.high,
    }
