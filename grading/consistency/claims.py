"""Claims against what is possible at all, and against each other. Wide bands: a person looks, no point is taken."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from grading.consistency.finding import Finding, flag, named

#: A MobileNetV2 takes 0.6 billion operations a picture. No machine of the course answers one request in less than this,
#: or more pictures a second; an A100 with TensorRT was published with 0.63 ms and 9,274 a second.
_LEAST_LATENCY_S = 30e-6
_MOST_FPS = 200_000

#: The same option, measured alone and in batches of one on one machine, seconds apart. In 203 real runs beside up to
#: sixteen other jobs on two cores, five were more than 8 times apart and the worst 13 times: that is noise. A hundred
#: times is a slip of the unit, or another machine.
_APART = 100


def are_possible(records: list[dict]) -> Iterator[Finding]:
    """Yield times that no machine of the course can reach."""
    for record in records:
        if record["kind"] not in ("latency", "throughput"):
            continue
        median_s = float(np.median(record["samples"]))
        fps = record["batch_size"] / median_s if median_s else float("inf")
        if median_s < _LEAST_LATENCY_S or fps > _MOST_FPS:
            message = f"The {named(record)}: {median_s * 1e3:.3g} ms, faster than any machine of this course."
            yield flag("faster-than-any", message, record)


def agree_with_each_other(records: list[dict]) -> Iterator[Finding]:
    """Yield options whose latency and batch-of-one throughput are worlds apart on one machine."""
    medians: dict[tuple, dict[str, tuple[float, dict]]] = {}
    for record in records:
        alone = "comparison_id" not in record["details"]
        if alone and record["batch_size"] == 1 and record["kind"] in ("latency", "throughput"):
            key = (record["option"], record["machine"]["machine_id"], record["model"]["sha256"])
            medians.setdefault(key, {})[record["kind"]] = (float(np.median(record["samples"])), record)
    for (option, _, _), found in medians.items():
        if len(found) < 2:
            continue
        (one, first), (other, second) = found.values()
        if min(one, other) <= 0 or max(one, other) / min(one, other) > _APART:
            message = (
                f"{option}: one request takes {one * 1e3:.3g} ms in one record and {other * 1e3:.3g} ms in another."
            )
            yield flag("claims-disagree", message, first, second)
