"""Figures that others published or that were recorded on other machines, for comparison only."""

import json
from pathlib import Path

import pandas as pd

from labs.stats import paired_proportions

#: Each file names its source and its conditions.
REFERENCE_DIR = Path(__file__).resolve().parents[2] / "assets" / "reference"


def published() -> pd.DataFrame:
    """Return published results of the models and of serving them, one row each, with its machine.

    Columns are those of ``assets/reference/published.json``, such as ``configuration``, ``p50_ms``
    (median latency), ``mean_ms`` (mean latency), ``photos_per_s`` (in batches of 32) and
    ``requests_per_s`` (of a service with ``clients`` clients); NaN if nothing was published.
    ``threads`` are those of the whole machine; NaN if they are not known.
    """
    document = json.loads((REFERENCE_DIR / "published.json").read_text(encoding="utf-8"))
    results = pd.DataFrame.from_dict(document["results"], orient="index")
    threads = {name: facts["threads"] for name, facts in document["machines"].items()}
    threads_of_row = results["machine"].map(pd.Series(threads, dtype=float))
    return results.assign(threads=threads_of_row)


def recorded_on_epyc_7763() -> pd.DataFrame:
    """Return how the course's INT8 files answered 220 photos with VNNI, and on an EPYC 7763, which
    QEMU imitated.

    The difference is in points, with the ends of its 95 % interval over the drawings that the
    photos show.

    Source: ``assets/reference/epyc-7763-emulated.json``: every third photo of the evaluation split.
    """
    from labs import assets  # late: the grader judges recommendations, and fetches nothing

    text = (REFERENCE_DIR / "epyc-7763-emulated.json").read_text(encoding="utf-8")
    recorded = json.loads(text)["formats"]
    drawings = assets.drawings("evaluation", "food11-mini")[::3]
    rows = {}
    for name, option in _RECORDED_FORMATS.items():
        run = recorded[option]
        on_epyc = run["epyc_7763"]
        on_vnni = run["vnni"]
        difference = paired_proportions(on_epyc, on_vnni, drawings).interval
        rows[name] = {
            "right of 220, VNNI": sum(on_vnni),
            "right of 220, EPYC 7763": sum(on_epyc),
            "points": 100 * difference.value,
            "at least": 100 * difference.low,
            "at most": 100 * difference.high,
            "same logits": run["same_logits"],
        }
    return pd.DataFrame.from_dict(rows, orient="index")


#: The options whose files were recorded there, by quantization format.
_RECORDED_FORMATS = {
    "U8S8": "int8-static-qdq",
    "U8S8-7bit": "int8-static-7bit",
    "S8S8": "int8-static-s8s8",
}


def published_imagenet() -> pd.DataFrame:
    """Return top-1 accuracy in per cent and millions of weights of some of timm's networks, one row
    a network.

    Source: the address in ``assets/reference/imagenet.json``: timm's table of results, Apache-2.0.
    """
    document = json.loads((REFERENCE_DIR / "imagenet.json").read_text(encoding="utf-8"))
    results = pd.DataFrame(document["results"]).set_index("network").rename_axis(None)
    headings = {"top1": "top-1 %", "million_weights": "million weights"}
    return results[list(headings)].rename(columns=headings)
