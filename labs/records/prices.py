"""The price of machines per hour: one table for all lessons, the board and the checks.

*Batch or online*, *Choose, and defend it* and *Start cold, scale, isolate* price by it, so a
machine costs the same in all three. A processor is rented by the thread, a GPU whole.
"""

import json
import math

import pandas as pd

from labs.records.reference import REFERENCE_DIR

#: Row of ``hourly_prices`` for each processor that has no row.
OTHER_PROCESSOR = "any other processor"


def hourly_prices() -> pd.DataFrame:
    """Return the price table, one row per processor or GPU, by a word of its name.

    Columns: ``kind`` (processor or GPU), ``rented_as``, ``threads`` (of the rented machine),
    ``usd_per_hour`` (dollars an hour for all of them).

    Source: the address in ``assets/reference/prices.json``.
    """
    document = json.loads((REFERENCE_DIR / "prices.json").read_text(encoding="utf-8"))
    tables = {
        "processor": pd.DataFrame.from_dict(document["processors"], orient="index"),
        "GPU": pd.DataFrame.from_dict(document["gpus"], orient="index"),
    }
    table = pd.concat(tables, names=["kind", ""]).reset_index(level="kind")
    return table[["kind", "rented_as", "threads", "usd_per_hour"]]


def processor_usd_per_hour(
    machine: str, threads: float, prices: pd.DataFrame | None = None
) -> float:
    """Return what threads of a machine's processor cost, in dollars an hour.

    Args:
        machine: Its name, such as ``fingerprint().label``.
        threads: How many are rented, such as ``fingerprint().cpu_count`` for all of them; NaN if
            that is not known.
        prices: As ``hourly_prices`` returns them.

    Returns:
        NaN if the number of threads is not known: the price is unknown then.
    """
    prices = hourly_prices() if prices is None else prices
    row = _row(machine, "processor", prices)
    if row is None:
        row = prices.loc[OTHER_PROCESSOR]
    return float(threads * row["usd_per_hour"] / row["threads"])


def gpu_usd_per_hour(machine: str, prices: pd.DataFrame | None = None) -> float:
    """Return what a machine with one such GPU costs, in dollars an hour.

    Args:
        machine: A name that the GPU's name is part of.
        prices: As ``hourly_prices`` returns them.

    Returns:
        NaN if its GPU has no row: the price is unknown then.
    """
    row = _row(machine, "GPU", hourly_prices() if prices is None else prices)
    return math.nan if row is None else float(row["usd_per_hour"])


def _row(machine: str, kind: str, prices: pd.DataFrame) -> pd.Series | None:
    """Return the first row of a kind whose name is part of the machine's; None if there is none."""
    for name, row in prices[prices["kind"] == kind].iterrows():
        if str(name) in machine:
            return row
    return None
