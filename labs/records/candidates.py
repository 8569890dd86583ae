"""Which measured options can be chosen between on one machine."""

from collections.abc import Iterable

from labs.records.collection import Lookup, Records
from labs.records.options import summarize
from labs.records.record import Measurement
from labs.records.targets import GPU_PROVIDERS


def choosable(records: Lookup, baseline: str = "food11") -> list[dict]:
    """Return name, p95_ms, accuracy, right and size_bytes of the options that one machine has measured in full.

    It is the machine that measured the baseline last. Options that compute on a GPU are left out: a server with one has
    another price.
    """
    newest = records.latest(kind="latency", option=baseline, batch_size=1)
    rows = []
    for one in summarize(of_machine(records, newest.machine_id)) if newest else ():
        right = next((record for record in reversed(one.records) if record.kind == "accuracy"), None)
        if right and one.p95_s and one.size_bytes and one.provider not in GPU_PROVIDERS:
            row = {"name": one.option, "p95_ms": 1000 * one.p95_s.value, "accuracy": one.accuracy.value}
            rows.append(row | {"right": round(sum(right.samples)), "size_bytes": round(one.size_bytes.value)})
    return rows


def of_machine(entries: Iterable[object], machine_id: str) -> Records:
    """Return the measurements of one machine, with everything else that is no measurement."""
    return Records(one for one in entries if not isinstance(one, Measurement) or one.machine_id == machine_id)
