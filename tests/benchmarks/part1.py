"""The part 1 table: every option of this machine, and the race of all of them against float32 in one run."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from labs import assets, bench
from labs.data.dataset import load_split
from labs.display.format import megabytes, milliseconds, percent, rate
from labs.records.options import summarize
from labs.runtimes.progress import OnProgress, part, silent
from tests.benchmarks.part1_models import options

#: The option that all ratios are taken against: float32 with every graph optimization.
BASELINE = "onnx-all"

#: Images in a batch.
BATCH_SIZE = 32


def tables(
    rounds: int = 20, on_progress: OnProgress = silent, models: Path | None = None
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Return titled tables as soon as each is there: the race against float32, and the options in numbers."""
    images, labels = load_split(assets.dataset("food11-mini"), "evaluation")
    targets = options(models, part(on_progress, 0.0, 0.25))
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
