"""What a lesson has ready when its answer cells run, built from the ledger instead of from a model: no torch, no
runtime.

A lesson's cells load models, measure, and leave names behind that its answer cells use: ``latency``, ``comparison``,
``summaries``. In the sandbox the same names are set from the records. ``bench`` replays what was measured.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

import labs.results.ledger
from labs import stats
from labs.results import Measurement
from labs.results.format import duration, megabytes, milliseconds, percent, rate, times
from labs.results.options import summarize
from labs.results.targets import target
from labs.workspace import ledger, workspace_dir

# The records in this folder are the grader's own, and each of them was checked when it was taken in.
labs.results.ledger.parse_line = json.loads


@functools.lru_cache(maxsize=1)
def _records() -> tuple[Measurement, ...]:
    """Return the records, read once: reading checks every line."""
    return tuple(ledger().measurements())


def _newest_of(**wanted: object) -> Measurement | None:
    fitting = [one for one in _records() if all(getattr(one, name) == value for name, value in wanted.items())]
    return fitting[-1] if fitting else None


_LEVELS = ("disabled", "basic", "extended", "all")


@dataclass(frozen=True)
class Comparison:
    """Records that took turns, with the ratio that a lesson's comparison has."""

    #: One record an option.
    records: tuple[Measurement, ...]

    def ratio(self, option: str, baseline: str) -> stats.Ratio:
        """Return how many times as long one option takes as the other."""
        blocks = {made.option: _blocks(made) for made in self.records}
        return stats.ratio_of_medians(blocks[option], blocks[baseline])


def names(lesson: int) -> dict[str, object]:
    """Return the names that a lesson's answer cells may use."""
    base = {
        **{"np": np, "pd": pd, "stats": stats, "ledger": ledger, "target": target, "summarize": summarize},
        **{"duration": duration, "megabytes": megabytes, "milliseconds": milliseconds, "percent": percent},
        **{"rate": rate, "times": times},
    }
    return {**base, **_STAGES.get(lesson, dict)()}


def _measuring() -> dict[str, object]:
    """Lesson 11: the eager model's records, and the comparison with the compiled one."""
    alone = [one for one in _latencies("torch-eager") if "comparison_id" not in one.details]
    latency = alone[-1] if alone else None
    comparison = _newest("torch-compiled", "torch-eager")
    return {
        "latency": latency,
        "samples": np.array(latency.samples) if latency else None,
        "accuracy": _newest_of(kind="accuracy", option="torch-eager"),
        "comparison": comparison,
        "options": {one.option: None for one in comparison.records} if comparison else {"torch-eager": None},
        "bench": SimpleNamespace(throughput=_replayed),
        **{"eager": None, "compiled": None, "images": np.empty((660, 0)), "labels": None, "model_path": ""},
    }


def _exporting() -> dict[str, object]:
    """Lesson 12: the exercise's numbers."""
    return {"comparison": _newest("onnx-disabled", "torch-eager"), **_BATCH_NORM}


_BATCH_NORM = {"w": 0.8, "b": 0.0, "gamma": 1.5, "beta": -0.2, "mu": 0.4, "sigma": 0.5}


def _optimizing() -> dict[str, object]:
    """Lesson 13: node counts, and the four levels side by side."""
    return {
        "levels": _LEVELS,
        "watched": ("BatchNormalization", "Clip", "Add"),
        "nodes": carried().get("m.graph.fewer", {}).get("nodes", {}),
        "comparison": _newest("onnx-basic", "onnx-disabled", "onnx-extended", "onnx-all"),
    }


def _quantizing() -> dict[str, object]:
    """Lesson 14: the dynamic graph's operators, the forms side by side, and the accuracy records."""
    comparison = _newest("int8-dynamic", "onnx-all")
    newest = {name: _newest_of(kind="accuracy", option=name) for name in ("onnx-all", "int8-static-qdq", *_BUDGETS)}
    return {
        "values": [-0.5, -0.02, 0.0, 0.33, 1.0],
        "dynamic_ops": carried().get("m.quantize.searches", {}).get("op_counts", {}),
        "comparison": comparison,
        "backends": {one.option: None for one in comparison.records} if comparison else {},
        "before": newest["onnx-all"].samples if newest["onnx-all"] else (),
        "after": newest["int8-static-qdq"].samples if newest["int8-static-qdq"] else (),
        "accuracies": {name: newest[name].value.value for name in ("onnx-all", *_BUDGETS) if newest[name]},
        "results": dict.fromkeys(_BUDGETS),
    }


_BUDGETS = ("int8-budget-05", "int8-budget-01")


def _choosing() -> dict[str, object]:
    """Lesson 16: the summaries and the last races."""
    one, many = _race("latency", 1), _race("throughput", 32)
    racers = [made.option for made in one.records] if one else []
    return {
        "one": one,
        "many": many,
        "racers": dict.fromkeys(racers),
        "chosen": [name for name in racers if name != "onnx-all"],
        "finalists": [name for name in racers if name != "onnx-all"],
        "specs": dict.fromkeys({made.option for made in _records()}),
        "summaries": {made.option: made for made in summarize(_records(), across_machines=True)},
        "records": _latencies(),
    }


_STAGES = {11: _measuring, 12: _exporting, 13: _optimizing, 14: _quantizing, 16: _choosing}


def carried() -> dict[str, dict]:
    """Return what answers carry that no record holds (counts of nodes), changed like the records."""
    path = workspace_dir() / "carried.json"
    return json.loads(path.read_text(encoding="utf-8")) if Path(path).is_file() else {}


def _latencies(option: str | None = None) -> list[Measurement]:
    return [one for one in _records() if one.kind == "latency" and option in (None, one.option)]


def _newest(*options: str) -> Comparison | None:
    """Return the newest run in which these options took turns, or None."""
    runs: dict[str, list[Measurement]] = {}
    for made in _latencies():
        if "comparison_id" in made.details and made.batch_size == 1:
            runs.setdefault(made.details["comparison_id"], []).append(made)
    fitting = [run for run in runs.values() if set(options) <= {made.option for made in run}]
    return Comparison(tuple(fitting[-1])) if fitting else None


def _race(kind: str, batch_size: int) -> Comparison | None:
    runs: dict[str, list[Measurement]] = {}
    for made in (one for one in _records() if (one.kind, one.batch_size) == (kind, batch_size)):
        if "comparison_id" in made.details:
            runs.setdefault(made.details["comparison_id"], []).append(made)
    fitting = [run for run in runs.values() if any(made.option == "onnx-all" for made in run)]
    return Comparison(tuple(fitting[-1])) if fitting else None


def _replayed(backend: object, images: object, *, option: str, batch_sizes=(1, 4, 16, 32), **settings: object) -> list:
    """Return the throughput records that were measured, for the batch sizes that are asked for."""
    return [
        made
        for size in batch_sizes
        if (made := _newest_of(kind="throughput", option=option, batch_size=size)) is not None
    ]


def _blocks(made: Measurement) -> list[list[float]]:
    size = made.details["block_calls"]
    return [list(made.samples[begin : begin + size]) for begin in range(0, len(made.samples), size)]
