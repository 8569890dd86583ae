"""Records as pandas tables, one row an option: what lessons and widgets show."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from labs.results.record import Measurement, require_same_machine


def option_table(records: Iterable[Measurement], *, across_machines: bool = False) -> pd.DataFrame:
    """Return one row an option with its size, accuracy, latency percentiles and throughputs.

    The newest record of each kind (and batch size) counts. Missing measurements are NaN.

    Args:
        records: Measurements of any kind; a whole ledger will do, other entries are passed over.
        across_machines: Give each machine its own rows, with a ``machine`` column, instead of refusing a mix.

    Returns:
        Columns ``size_bytes``, ``accuracy``, ``p50_s``, ``p95_s``, ``p99_s``, ``batch_fps`` (largest batch size
        measured), ``batch_size``, ``provider``, ``precision``; indexed by ``option`` in order of first appearance.

    Raises:
        DifferentMachinesError: The records come from several machines and ``across_machines`` is not set.
    """
    records = [record for record in records if isinstance(record, Measurement)]
    if not across_machines:
        require_same_machine(records)
    rows: dict[tuple[str, str], dict] = {}
    for record in records:
        row = rows.setdefault((record.option, record.machine.machine_id), {"machine": record.machine.label})
        row.update(_cells(record, row))
    columns = ["size_bytes", "accuracy", "p50_s", "p95_s", "p99_s", "batch_fps", "batch_size"]
    columns += ["provider", "precision", "machine"]
    table = pd.DataFrame(
        [{"option": option, **row} for (option, _), row in rows.items()], columns=["option", *columns]
    ).set_index("option")
    return table if across_machines else table.drop(columns="machine")


def sample_table(records: Iterable[Measurement]) -> pd.DataFrame:
    """Return raw samples in long form: columns ``option``, ``kind``, ``batch_size``, ``sample``, ``unit``."""
    return pd.DataFrame(
        [
            {
                "option": record.option,
                "kind": record.kind,
                "batch_size": record.batch_size,
                "sample": sample,
                "unit": record.unit,
            }
            for record in records
            for sample in record.samples
        ],
        columns=["option", "kind", "batch_size", "sample", "unit"],
    )


def _cells(record: Measurement, row: dict) -> dict:
    """Return the table cells that one record fills."""
    ran_on = max(record.providers_used, key=record.providers_used.get, default=record.provider_requested)
    cells: dict = {"provider": ran_on, "precision": record.precision}
    if record.kind == "size":
        # Only the file is known here; provider and precision come from what ran it.
        return {"size_bytes": record.samples[-1]}
    if record.kind == "accuracy":
        cells["accuracy"] = record.value.value
    elif record.kind == "latency" and record.batch_size == 1:
        cells |= {
            "p50_s": record.percentile(50),
            "p95_s": record.percentile(95),
            "p99_s": record.percentile(99),
        }
    elif record.kind == "throughput" and record.batch_size >= row.get("batch_size", 0):
        cells |= {"batch_fps": record.throughput_fps.value, "batch_size": record.batch_size}
    return cells
