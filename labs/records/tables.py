"""Records as a pandas table, one row an option, for one's own sorting, plotting and saving."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

import pandas as pd

from labs.records.options import OptionSummary, summarize
from labs.stats import Interval


def option_table(records: Iterable[object], *, across_machines: bool = False) -> pd.DataFrame:
    """Return one row an option with its size, accuracy, latency percentiles and batch throughput.

    Args:
        records: Measurements of any kind; a whole ledger will do, other entries are passed over.
        across_machines: Give each machine its own rows, with a ``machine`` column, instead of refusing a mix.

    Returns:
        Columns named as the fields of ``OptionSummary``, numbers without their intervals, NaN where nothing was
        measured; indexed by ``option`` in order of first appearance.

    Raises:
        DifferentMachinesError: The records come from several machines and ``across_machines`` is not set.
    """
    names = [field.name for field in fields(OptionSummary) if field.name != "machine_id"]
    rows = [
        [_plain(getattr(summary, name)) for name in names]
        for summary in summarize(records, across_machines=across_machines)
    ]
    table = pd.DataFrame(rows, columns=names).set_index("option")
    return table if across_machines else table.drop(columns="machine")


def _plain(value: object) -> object:
    return value.value if isinstance(value, Interval) else value
