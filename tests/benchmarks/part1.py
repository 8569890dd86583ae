"""The part 1 table: every option of this machine, and the race of all of them against float32 in one run."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import torch

from labs import assets, bench
from labs.data.dataset import load_split
from labs.data.models import ARCHITECTURES, load_model
from labs.display.format import megabytes, milliseconds, percent, rate
from labs.edge.files import part_1_files
from labs.machine.capability import capabilities
from labs.optimize.export import export_onnx
from labs.records.options import summarize
from labs.runtimes.opening import open_model
from labs.runtimes.progress import OnProgress, silent

#: The option that all ratios are taken against: float32 with every graph optimization.
BASELINE = "food11"

#: For the models of this run; it goes with the process.
TEMPORARY = tempfile.TemporaryDirectory(prefix="part1-")

#: Images in a batch.
BATCH_SIZE = 32


def options(folder: Path) -> dict[str, object]:
    """Return every option that this machine can run, made as the lessons make it."""
    torch_path, files = assets.model("food11-mini-mobilenetv2"), part_1_files(folder)
    found = {"torch-eager": _opened(torch_path, "torch")}
    if all(one.available for one in capabilities() if one.name == "C++ compiler"):
        found["torch-compiled"] = torch.compile(open_model(torch_path, "torch"))
        bench.describe(found["torch-compiled"], model_path=torch_path)
    for name, level in {"disabled": "ORT_DISABLE_ALL", "extended": "ORT_ENABLE_EXTENDED"}.items():
        found[f"onnx-{name}"] = _opened(files["edge-fp32"], graph_optimization_level=level)
    found |= {path.stem: _opened(path) for path in files.values()}
    for name in ARCHITECTURES:
        path = folder / f"{name}.onnx"
        if not path.is_file():
            export_onnx(load_model(name, assets.model(f"food11-mini-{name}")), path)
        found[name] = _opened(path)
    return found


def _opened(path: Path, runtime: str = "onnxruntime", **settings: object) -> object:
    """Return a native object whose file is known to the benchmark."""
    target = open_model(path, runtime, settings)
    bench.describe(target, model_path=path)
    return target


def tables(
    rounds: int = 20, on_progress: OnProgress = silent, models: Path | None = None
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Return titled tables as soon as each is there: the race against float32, and the options in numbers."""
    images, labels = load_split(assets.dataset("food11-mini"), "evaluation")
    on_progress(0.0, "making the models")
    targets = options(models or Path(TEMPORARY.name))
    on_progress(0.25, f"race of {len(targets)} options, one image at a time")
    one = bench.compare(targets, images[:1], rounds=rounds, block_calls=5)
    on_progress(0.5, f"race of {len(targets)} options, {BATCH_SIZE} images at a time")
    settings = {"rounds": max(4, rounds // 2), "block_calls": 3, "settle_calls": 1}
    many = bench.compare(targets, images[:BATCH_SIZE], **settings)
    rows = []
    for name in targets:
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
    yield f"Against {BASELINE}, all options taking turns in one run", pd.DataFrame(rows)
    records = [*one, *many]
    for index, (name, target) in enumerate(targets.items()):
        on_progress(0.7 + 0.3 * index / len(targets), f"accuracy of {name}")
        records.append(bench.size(target, option=name))
        records.append(bench.accuracy(target, images, labels, option=name))
    rows = [
        {
            "option": one.option,
            "size": megabytes(one.size_bytes.value),
            "accuracy": percent(one.accuracy.value),
            "p50": milliseconds(one.p50_s.value),
            f"batch {BATCH_SIZE}": rate(one.batch_fps.value),
        }
        for one in summarize(records)
    ]
    yield f"Part 1, {len(labels)} evaluation images", pd.DataFrame(rows)
