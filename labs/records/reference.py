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


def recorded_on_epyc_7763() -> pd.DataFrame:
    """Return how the course's INT8 files answered 220 photos with VNNI, and on an EPYC 7763, which QEMU imitated.

    Source: ``assets/reference/epyc-7763-emulated.json``: every third photo of the evaluation split.
    """
    text = PUBLISHED_PATH.with_name("epyc-7763-emulated.json").read_text(encoding="utf-8")
    names = {"qdq": "U8S8", "7bit": "U8S8-7bit", "s8s8": "S8S8"}
    runs = {names.get(name.split("-")[-1]): run for name, run in json.loads(text)["formats"].items()}
    rows = {
        name: (sum(run["vnni"]), sum(run["epyc_7763"]), "yes" if run["same_logits"] else "no")
        for name, run in runs.items()
        if name
    }
    columns = ["right of 220, VNNI", "right of 220, EPYC 7763", "same logits"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def published_imagenet() -> pd.DataFrame:
    """Return top-1 accuracy in per cent and millions of weights of some of timm's networks, one row a network.

    Source: the address in ``assets/reference/imagenet.json``: timm's table of results, Apache-2.0.
    """
    document = json.loads(PUBLISHED_PATH.with_name("imagenet.json").read_text(encoding="utf-8"))
    found = pd.DataFrame(document["results"]).set_index("network")[["top1", "million_weights"]]
    return found.rename(columns={"top1": "top-1 %", "million_weights": "million weights"}).rename_axis(None)
