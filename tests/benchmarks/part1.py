"""The part 1 table: every option of this machine, and the race of all of them against float32 in one run."""

from __future__ import annotations

import contextlib
import functools
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from labs import assets, bench
from labs.backends import Backend, BackendSpec
from labs.bench import Comparison
from labs.dataset import load_split
from labs.machine import fingerprint
from labs.machine.capability import for_lesson
from labs.models import load_mobilenet_v2
from labs.optimize.budget import quantize_within_budget
from labs.optimize.calibrate import calibrate
from labs.optimize.export import export_onnx
from labs.optimize.forms import FORMS, best_form_for
from labs.optimize.quantize import prepare, quantize_dynamic, quantize_static
from labs.optimize.slim import slim_onnx
from labs.results import Measurement
from labs.results.format import megabytes, milliseconds, percent, rate
from labs.results.options import OptionSummary, summarize

#: The option that all ratios are taken against: float32 with every graph optimization.
BASELINE = "onnx-all"

#: Pictures in a batch.
BATCH_SIZE = 32

_SHIPPED = "food11-mini-mobilenetv2"
_GRAPH_LEVELS = ("disabled", "basic", "extended", "all")
_STATIC_FORMS = {
    "int8-static-qdq": "qdq-u8s8-channel",
    "int8-static-qoperator": "qoperator-u8s8-channel",
    "int8-static-s8s8": "qdq-s8s8-channel",
}


@functools.lru_cache(maxsize=1)
def _folder() -> Path:
    """Return a folder for the models of this run; the process keeps it alive and removes it at its end."""
    kept = tempfile.TemporaryDirectory(prefix="part1-")
    _folder.kept = kept
    return Path(kept.name)


@functools.lru_cache(maxsize=1)
def fp32_model() -> Path:
    """Return the shipped model as an ONNX file, exported once a process."""
    return export_onnx(load_mobilenet_v2(assets.model(_SHIPPED)), _folder() / "food11.onnx")


def options() -> dict[str, BackendSpec]:
    """Return every option that this machine can run, its model made on the way, in the lessons' order."""
    onnx_path, torch_path = str(fp32_model()), str(assets.model(_SHIPPED))
    found = {"torch-eager": BackendSpec("torch", torch_path)}
    if all(one.available for one in for_lesson("11") if one.name == "C++ compiler"):
        found["torch-compiled"] = BackendSpec("torch", torch_path, {"compiled": True})
    for level in _GRAPH_LEVELS:
        found[f"onnx-{level}"] = BackendSpec("onnxruntime", onnx_path, {"graph_level": level})
    found |= {name: BackendSpec("onnxruntime", str(path)) for name, path in quantized_models().items()}
    if find_spec("openvino"):
        has_bf16 = any(one.available for one in for_lesson("15") if one.name == "bf16 on the CPU")
        precisions = ("fp32", "bf16") if has_bf16 else ("fp32",)
        for precision in precisions:
            found[f"openvino native {precision}"] = BackendSpec("openvino", onnx_path, {"precision": precision})
        found["openvino-int8"] = BackendSpec("openvino", str(quantized_models()["int8-static-qdq"]))
    return found


@functools.lru_cache(maxsize=1)
def quantized_models() -> Mapping[str, Path]:
    """Return the quantized files by option name, made as lesson 14 makes them."""
    folder, data = _folder(), assets.dataset("food11-mini")
    prepared = prepare(fp32_model(), folder / "prepared.onnx")
    calibration = calibrate(prepared, load_split(data, "training", limit=128)[0])
    made = {"int8-dynamic": quantize_dynamic(prepared, folder / "int8-dynamic.onnx").path}
    for name, form in _STATIC_FORMS.items():
        path = quantize_static(prepared, folder / f"{name}.onnx", calibration, FORMS[form]).path
        made[name] = slim_onnx(path, path).path
    form = replace(best_form_for(fingerprint()).form, layout="qoperator")
    validation, state = load_split(data, "validation"), folder / "tuner.json"
    for name, budget in (("int8-budget-05", 0.05), ("int8-budget-01", 0.01)):
        settings = {"max_loss": budget, "state_path": state}
        path = folder / f"{name}.onnx"
        quantize_within_budget(prepared, path, calibration, form, *validation, **settings)
        made[name] = slim_onnx(path, path).path
    return made


def tables(rounds: int = 40) -> list[tuple[str, pd.DataFrame]]:
    """Return titled tables: the options in numbers, and each of them against float32 in one interleaved run.

    Args:
        rounds: Turns of each option with single pictures; batches get a quarter of them.
    """
    images, labels = load_split(assets.dataset("food11-mini"), "evaluation")
    with contextlib.ExitStack() as stack:
        backends = {name: stack.enter_context(spec.build()) for name, spec in options().items()}
        records: list[Measurement] = []
        for name, backend in backends.items():
            records.append(bench.size(backend.model_path, option=name))
            records.append(bench.accuracy(backend, images, labels, option=name))
        one = bench.compare(backends, images[:1], rounds=rounds, block_calls=5)
        many = bench.compare(backends, images[:BATCH_SIZE], rounds=max(4, rounds // 4), block_calls=2, settle_calls=1)
        records += [*one.records, *many.records]
        summaries = summarize(records)
        return [
            (f"Part 1, {len(labels)} evaluation pictures", _numbers(summaries)),
            (f"Against {BASELINE}, all options taking turns in one run", _ratios(backends, one, many)),
        ]


def _numbers(summaries: list[OptionSummary]) -> pd.DataFrame:
    """Return one row an option: size, accuracy, percentiles and batch throughput."""
    return pd.DataFrame(
        [
            {
                "option": one.option,
                "precision": one.precision,
                "size": megabytes(one.size_bytes.value),
                "accuracy": percent(one.accuracy.value),
                "p50": milliseconds(one.p50_s.value),
                "p95": milliseconds(one.p95_s.value),
                "p99": milliseconds(one.p99_s.value),
                f"batch {BATCH_SIZE}": rate(one.batch_fps.value),
            }
            for one in summaries
        ]
    )


def _ratios(backends: Mapping[str, Backend], one: Comparison, many: Comparison) -> pd.DataFrame:
    """Return one row an option: latency and throughput over the baseline's, with intervals."""
    rows = []
    for name in backends:
        if name == BASELINE:
            continue
        time, batch = one.ratio(name, BASELINE), many.ratio(name, BASELINE).interval
        rows.append(
            {
                "option": name,
                "p50": f"{time.interval.value:.3f} ×",
                "95 % interval": f"{time.interval.low:.3f} to {time.interval.high:.3f}",
                "detectable": f"{time.minimum_detectable_effect:.1%}",
                "throughput": f"{1 / batch.value:.2f} ×",
                "95 % interval ": f"{1 / batch.high:.2f} to {1 / batch.low:.2f}",
            }
        )
    return pd.DataFrame(rows)
