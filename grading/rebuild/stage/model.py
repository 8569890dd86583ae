"""Part 1: what lessons 11 to 16 have ready."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from grading.rebuild.stage.records import carried, compared, measured, newest
from labs.records.options import summarize


def measuring() -> dict[str, object]:
    """Lesson 11: the eager model's records, and the comparison with the compiled one."""
    alone = [one for one in measured(kind="latency", option="torch-eager") if "comparison_id" not in one.details]
    latency = alone[-1] if alone else None
    comparison = compared("torch-compiled", "torch-eager")
    return {
        "latency": latency,
        "samples": np.array(latency.samples) if latency else None,
        "accuracy": newest(kind="accuracy", option="torch-eager"),
        "comparison": comparison,
        "options": {one.option: None for one in comparison.records} if comparison else {"torch-eager": None},
        "bench": SimpleNamespace(throughput=_replayed),
        **{"eager": None, "compiled": None, "images": np.empty((660, 0)), "labels": None, "model_path": ""},
    }


def exporting() -> dict[str, object]:
    """Lesson 12: the exercise's numbers."""
    return {"comparison": compared("onnx-disabled", "torch-eager"), **_BATCH_NORM}


_BATCH_NORM = {"w": 0.8, "b": 0.0, "gamma": 1.5, "beta": -0.2, "mu": 0.4, "sigma": 0.5}


def optimizing() -> dict[str, object]:
    """Lesson 13: node counts, and the four levels side by side."""
    return {
        "levels": ("disabled", "basic", "extended", "all"),
        "watched": ("BatchNormalization", "Clip", "Add"),
        "nodes": carried().get("m.graph.fewer", {}).get("nodes", {}),
        "comparison": compared("onnx-basic", "onnx-disabled", "onnx-extended", "onnx-all"),
    }


def quantizing() -> dict[str, object]:
    """Lesson 14: the dynamic graph's operators, the forms side by side, and the accuracy records."""
    comparison = compared("int8-dynamic", "onnx-all")
    of_option = {name: newest(kind="accuracy", option=name) for name in ("onnx-all", "int8-static-qdq", *_BUDGETS)}
    return {
        "values": [-0.5, -0.02, 0.0, 0.33, 1.0],
        "dynamic_ops": carried().get("m.quantize.searches", {}).get("op_counts", {}),
        "comparison": comparison,
        "backends": {one.option: None for one in comparison.records} if comparison else {},
        "before": of_option["onnx-all"].samples if of_option["onnx-all"] else (),
        "after": of_option["int8-static-qdq"].samples if of_option["int8-static-qdq"] else (),
        "accuracies": {name: of_option[name].value.value for name in ("onnx-all", *_BUDGETS) if of_option[name]},
        "results": dict.fromkeys(_BUDGETS),
    }


_BUDGETS = ("int8-budget-05", "int8-budget-01")


def choosing() -> dict[str, object]:
    """Lesson 16: the summaries and the last races."""
    one, many = compared("onnx-all"), compared("onnx-all", kind="throughput", batch_size=32)
    racers = [made.option for made in one.records] if one else []
    return {
        "one": one,
        "many": many,
        "racers": dict.fromkeys(racers),
        "chosen": [name for name in racers if name != "onnx-all"],
        "finalists": [name for name in racers if name != "onnx-all"],
        "specs": dict.fromkeys({made.option for made in measured()}),
        "summaries": {made.option: made for made in summarize(measured(), across_machines=True)},
        "records": measured(kind="latency"),
    }


def _replayed(backend: object, images: object, *, option: str, batch_sizes=(1, 4, 16, 32), **settings: object) -> list:
    """Return the throughput records that were measured, for the batch sizes that are asked for."""
    return [
        made for size in batch_sizes if (made := newest(kind="throughput", option=option, batch_size=size)) is not None
    ]


STAGES = {11: measuring, 12: exporting, 13: optimizing, 14: quantizing, 16: choosing}
