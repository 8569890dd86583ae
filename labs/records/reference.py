"""Figures that others published or that were recorded elsewhere: for a look beside one's own, never as ours."""

import json
from pathlib import Path

import pandas as pd

from labs.stats import paired_proportions

#: Each file names its source and its conditions.
REFERENCE_DIR = Path(__file__).resolve().parents[2] / "assets" / "reference"


def published() -> pd.DataFrame:
    """Return what others published of the models and of serving them, one row per result, with its machine.

    Columns are those of ``assets/reference/published.json``, such as ``configuration``, ``p50_ms`` (median latency),
    ``mean_ms`` (mean latency), ``photos_per_s`` (in batches of 32) and ``requests_per_s`` (of a service, with so many
    ``clients``); NaN if nothing was published. ``threads`` are those of the whole machine; NaN if they are not known.
    """
    document = json.loads((REFERENCE_DIR / "published.json").read_text(encoding="utf-8"))
    results = pd.DataFrame.from_dict(document["results"], orient="index")
    threads = pd.Series(
        {name: facts["threads"] for name, facts in document["machines"].items()}, dtype=float
    )
    return results.assign(threads=results["machine"].map(threads))


def recorded_on_epyc_7763() -> pd.DataFrame:
    """Return how the course's INT8 files answered 220 photos with VNNI, and on an EPYC 7763, which QEMU imitated.

    The difference is in points, with the ends of its 95 % interval over the drawings that the photos show.

    Source: ``assets/reference/epyc-7763-emulated.json``: every third photo of the evaluation split.
    """
    from labs import assets  # late: the grader judges recommendations, and fetches nothing

    formats = json.loads((REFERENCE_DIR / "epyc-7763-emulated.json").read_text(encoding="utf-8"))[
        "formats"
    ]
    drawings, rows = assets.drawings("evaluation", "food11-mini")[::3], {}
    for name, kept in {
        "U8S8": "int8-static-qdq",
        "U8S8-7bit": "int8-static-7bit",
        "S8S8": "int8-static-s8s8",
    }.items():
        run = formats[kept]
        pair = paired_proportions(run["epyc_7763"], run["vnni"], drawings).interval
        rows[name] = {
            "right of 220, VNNI": sum(run["vnni"]),
            "right of 220, EPYC 7763": sum(run["epyc_7763"]),
            "points": 100 * pair.value,
            "at least": 100 * pair.low,
            "at most": 100 * pair.high,
            "same logits": run["same_logits"],
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def published_imagenet() -> pd.DataFrame:
    """Return top-1 accuracy in per cent and millions of weights of some of timm's networks, one row a network.

    Source: the address in ``assets/reference/imagenet.json``: timm's table of results, Apache-2.0.
    """
    document = json.loads((REFERENCE_DIR / "imagenet.json").read_text(encoding="utf-8"))
    found = pd.DataFrame(document["results"]).set_index("network")[["top1", "million_weights"]]
    return found.rename(
        columns={"top1": "top-1 %", "million_weights": "million weights"}
    ).rename_axis(None)
