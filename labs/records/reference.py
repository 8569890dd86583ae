"""Published results of an earlier lab, for a look beside one's own: labelled with their machines, never ours.

They come without samples, so they have no intervals and take no part in any comparison that needs one machine.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

#: The data, with its source and conditions. Read by its place in the checkout: the catalogue of models and data sets
#: would bring more with it than a table of numbers needs.
PUBLISHED_PATH = Path(__file__).resolve().parents[2] / "assets" / "reference" / "published.json"


@dataclass(frozen=True)
class Published:
    """One published row."""

    #: The option's stable name, the same as for one's own records.
    option: str
    #: The option in words.
    label: str
    #: The machine in words.
    machine: str
    #: Share of test pictures that were right, 0 to 1.
    accuracy: float
    #: Median latency of a single picture in seconds.
    p50_s: float
    #: 95th percentile in seconds.
    p95_s: float
    #: 99th percentile in seconds.
    p99_s: float
    #: Pictures a second in batches of ``batch_size``.
    batch_fps: float
    #: Batch size of that throughput.
    batch_size: int
    #: Size of the file in bytes; None where it was not published.
    size_bytes: int | None = None


@functools.lru_cache(maxsize=1)
def _document() -> dict:
    return json.loads(PUBLISHED_PATH.read_text(encoding="utf-8"))


def published(*options: str) -> list[Published]:
    """Return the published rows of some options, or of all when none is named.

    Args:
        options: Stable names such as 'torch-eager'. A name without a published row adds nothing.

    Source: the address in the file's ``source``.
    """
    document = _document()
    batch_size = document["conditions"]["batch_size"]
    return [
        Published(**{**row, "machine": document["machines"][row["machine"]], "batch_size": batch_size})
        for row in document["results"]
        if not options or row["option"] in options
    ]


def reference_table(*options: str) -> pd.DataFrame:
    """Return published rows as a table of size, accuracy, latency, throughput in batches, and the machine of each row.

    Args:
        options: As for ``published``.
    """
    columns = ["size_bytes", "accuracy", "p50_s", "p95_s", "p99_s", "batch_fps", "batch_size", "machine"]
    rows = [{"option": one.option, **{name: getattr(one, name) for name in columns}} for one in published(*options)]
    return pd.DataFrame(rows, columns=["option", *columns]).set_index("option")


def source_line() -> str:
    """Return one line that says where the published figures come from and under which conditions."""
    document = _document()
    conditions = document["conditions"]
    with_results = {row["machine"] for row in document["results"]}
    without = [name for key, name in document["machines"].items() if key not in with_results]
    missing = f" No results were published for {', '.join(without)}, only targets." if without else ""
    return (
        f"Published figures: {document['source']['name']} ({document['source']['url']}), {conditions['model']}, "
        f"{conditions['dataset']}, throughput in batches of {conditions['batch_size']}.{missing}"
    )
