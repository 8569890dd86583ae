"""Published results of an earlier lab, for a look beside one's own: labelled with their machines, never ours.

They come without samples, so they have no intervals and take no part in any comparison that needs one machine.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pandas as pd

#: The data, with its source and conditions. Read by its place in the checkout: the catalogue of models and data sets
#: would bring more with it than a table of numbers needs.
PUBLISHED_PATH = Path(__file__).resolve().parents[2] / "assets" / "reference" / "published.json"


@functools.lru_cache(maxsize=1)
def _document() -> dict:
    return json.loads(PUBLISHED_PATH.read_text(encoding="utf-8"))


def reference_table(*options: str) -> pd.DataFrame:
    """Return published rows as a table of size, accuracy, latency, throughput in batches, and the machine of each row.

    Args:
        options: Stable names such as 'torch-eager', as one's own records have them; all when none is named. A name
            without a published row adds nothing.

    Source: the address in the file's ``source``.
    """
    document = _document()
    columns = ["size_bytes", "accuracy", "p50_s", "p95_s", "p99_s", "batch_fps", "batch_size", "machine"]
    found = pd.DataFrame(document["results"]).set_index("option")
    found["batch_size"] = document["conditions"]["batch_size"]
    found["machine"] = found["machine"].map(document["machines"])
    return found.loc[found.index.isin(options) if options else slice(None), columns]


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


def recorded_on_epyc_7763() -> dict:
    """Return what the course's files did on an EPYC 7763, which QEMU imitated: numbers, and no times.

    ``images`` of the evaluation split, every third; for each file of ``formats`` the decibels of its logits against the
    float model's and a 1 or 0 for each image that was right, with VNNI and on the emulated EPYC 7763 (AVX2, no VNNI).
    """
    return json.loads(PUBLISHED_PATH.with_name("epyc-7763-emulated.json").read_text(encoding="utf-8"))
