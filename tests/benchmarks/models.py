"""The models that a student has at the end: all of them in turns, and the best that keeps its
accuracy against float32.

ONNX Runtime and OpenVINO, float32 and INT8, three widths, fewer pixels, half of the last layers'
channels.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from labs import assets, bench, stats
from labs.data.dataset import load_split
from labs.data.models import ARCHITECTURES, load_model
from labs.display.format import megabytes, milliseconds, rate
from labs.edge.files import part_1_files, with_input_size
from labs.machine.quantization_format import quantization_format
from labs.optimize.export import export_onnx
from labs.optimize.prune import narrow
from labs.optimize.static_quantization import ImageReader, activations_of
from labs.optimize.train import fit, split
from labs.records import Measurement
from labs.records.targets import MAY_LOSE
from labs.runtimes.opening import open_model
from labs.runtimes.progress import OnProgress, part, silent
from tests.benchmarks.bars import Result

#: The baseline of all comparisons: float32 in ONNX Runtime, with every graph optimization.
BASELINE = "onnxruntime, float32"

#: Images at once, beside one.
BATCH_SIZE = 32

#: Side in pixels of the smaller photos.
SMALL_PX = 192


@dataclass(frozen=True)
class Model:
    """A file, the runtime that opens it, and the side of the photos that it takes."""

    path: Path
    runtime: str = "onnxruntime"
    side_px: int = 224

    def opened(self) -> object:
        """Return a session, or a compiled model, that the benchmark knows."""
        settings = {"INFERENCE_PRECISION_HINT": "f32"} if self.runtime == "openvino" else {}
        target = open_model(self.path, self.runtime, settings)
        bench.describe(target, model_path=self.path)
        return target


@dataclass(frozen=True)
class Candidate:
    """An option that keeps its accuracy: its file's size, and its ratios to the baseline."""

    option: str
    size_mb: float
    latency_ratio: stats.Interval
    rate_ratio: stats.Interval


def models(folder: Path) -> dict[str, Model]:
    """Return every option, with its file made as the lessons make it unless the folder has it
    already.
    """
    float_path = part_1_files(folder)["edge-fp32"]
    floats = {
        "": float_path,
        ", 192 px": with_input_size(float_path, folder / "food11-192px.onnx", SMALL_PX),
    }
    for name in ("mobilenetv2-075", "mobilenetv2-050"):
        floats[f", {ARCHITECTURES[name][2]['width_mult']} wide"] = path = folder / f"{name}.onnx"
        if not path.is_file():
            export_onnx(load_model(name, assets.model(f"food11-mini-{name}")), path)
    floats[", pruned"] = _pruned(float_path, folder / "pruned.onnx")
    options = {}
    for what, path in floats.items():
        side_px = SMALL_PX if "px" in what else 224
        int8 = _quantized(path, side_px)
        for runtime in ("onnxruntime", "openvino"):
            if not what:
                options[f"{runtime}, float32"] = Model(path, runtime)
            options[f"{runtime}, INT8{what}"] = Model(int8, runtime, side_px)
    return options


def _quantized(path: Path, side_px: int) -> Path:
    """Return the file's INT8 version in this processor's format, calibrated with photos of its
    input size.
    """
    from onnxruntime.quantization import quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    int8, prepared = (
        path.with_name(f"{path.stem}-int8.onnx"),
        path.with_name(f"{path.stem}-prepared.onnx"),
    )
    if not int8.is_file():
        images, _ = load_split(assets.dataset(), "training", limit=128, size_px=side_px)
        quant_pre_process(path, prepared)
        quantize_static(prepared, int8, ImageReader(images), **quantization_format().settings())
    return int8


def _pruned(float_path: Path, path: Path) -> Path:
    """Return the network with half of its last layers' channels, after one round of training with
    the teacher's answers.
    """
    import torch
    from torch.nn.functional import cross_entropy, softmax

    if path.is_file():
        return path
    images, _ = load_split(assets.dataset(), "training")
    inside = "features.14.conv.2/Conv"
    seen = activations_of(float_path, images, [inside, "output"])
    maps, teacher = torch.from_numpy(seen[inside]), torch.from_numpy(seen["output"])
    trunk, tail = split(assets.model(), stages=15)

    def loss(logits: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        return 4 * cross_entropy(logits / 2, softmax(teacher[places] / 2, dim=1))

    mended = fit(narrow(tail), maps, loss, seed=0, epochs=1)
    export_onnx(torch.nn.Sequential(trunk, mended).eval(), path)
    return path


def measure(
    folder: Path, rounds: int = 20, on_progress: OnProgress = silent
) -> tuple[pd.DataFrame, dict[str, Result]]:
    """Return a table with one row per option, and the figures for the models' bars.

    Args:
        folder: Keeps the models' files, or has a student's by the lessons' names.
    """
    on_progress(0.0, "models: making the files")
    options = models(folder)
    targets = {name: model.opened() for name, model in options.items()}
    photos = {
        side_px: load_split(assets.dataset("food11-mini"), "evaluation", size_px=side_px)
        for side_px in {model.side_px for model in options.values()}
    }
    shown = {name: photos[model.side_px][0] for name, model in options.items()}
    measuring = part(on_progress, 0.2, 0.7)
    run = bench.compare(
        targets, shown, batches=(1, BATCH_SIZE), rounds=rounds, on_progress=measuring
    )
    right = {}
    for place, (name, target) in enumerate(targets.items()):
        on_progress(0.7 + 0.3 * place / len(targets), "models: answers")
        labels = photos[options[name].side_px][1]
        right[name] = bench.accuracy(target, shown[name], labels, option=name).samples
    drawings = assets.drawings("evaluation")
    rows = {}
    candidates = []
    for name, model in options.items():
        single = run.record(name, 1)
        batch = run.record(name, BATCH_SIZE)
        latency_ratio = _ratio(single, run.record(BASELINE, 1))
        rate_ratio = _ratio(run.record(BASELINE, BATCH_SIZE), batch)
        size_bytes = model.path.stat().st_size
        loss = stats.paired_proportions(right[name], right[BASELINE], drawings)
        accuracy = loss.kept(MAY_LOSE)
        if accuracy == "kept":
            candidates.append(Candidate(name, size_bytes / 1e6, latency_ratio, rate_ratio))
        right_column = f"right of {len(right[name])}"
        rows[name] = {
            "p50": milliseconds(single.value.value),
            "× float32's": _spread(latency_ratio),
            "batch 32": rate(batch.throughput_fps.value),
            "× float32's ": _spread(rate_ratio),
            "size": megabytes(size_bytes),
            right_column: int(sum(right[name])),
            "accuracy": accuracy,
        }
    table = pd.DataFrame(rows).T.rename_axis("option").reset_index()
    return table, _results(candidates)


def _results(candidates: list[Candidate]) -> dict[str, Result]:
    """Return the best candidate of each bar."""
    fastest = min(candidates, key=lambda candidate: candidate.latency_ratio.value)
    most = max(candidates, key=lambda candidate: candidate.rate_ratio.value)
    smallest = min(candidates, key=lambda candidate: candidate.size_mb)
    return {
        "p50": Result.of(fastest.latency_ratio, fastest.option),
        "batch": Result.of(most.rate_ratio, most.option),
        "size": Result(smallest.size_mb, smallest.option),
    }


def _ratio(record: Measurement, baseline: Measurement) -> stats.Interval:
    return stats.ratio_of_medians(record.blocks, baseline.blocks).interval


def _spread(interval: stats.Interval) -> str:
    return f"{interval.value:.2f} ({interval.low:.2f} to {interval.high:.2f})"
