"""The part 1 table: every option of this machine, and the race of all of them against float32 in one run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from labs import assets, bench
from labs.bench import Comparison
from labs.data.dataset import load_split
from labs.display.format import megabytes, milliseconds, percent, rate
from labs.records import Measurement
from labs.records.options import OptionSummary, summarize
from labs.runtimes.progress import OnProgress, part, silent
from tests.benchmarks.part1_models import SMALL_PX, options, small_model, smaller_options

#: The option that all ratios are taken against: float32 with every graph optimization.
BASELINE = "onnx-all"

#: Images in a batch.
BATCH_SIZE = 32

#: Single photos this many times as slow as the baseline's: such an option's batches are timed alone and briefly. In the
#: race they would take most of the time, and nobody waits to see by how much they lose.
HOPELESS = 1.5

#: Accuracy that an option may lose against the baseline to count for the bars, as a share of the images.
MOST_LOST = 0.01


def tables(
    rounds: int = 20, on_progress: OnProgress = silent, models: Path | None = None
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Return titled tables as soon as each is there: the race against float32, the options in numbers, the bars.

    The other architectures' float32 files take part: they are the frontier of 'Choose an architecture'. So does the
    model with fewer pixels, each of its images made small before the race.

    Args:
        rounds: Turns of each option with single pictures; batches get half of them.
        on_progress: Told what is under way.
        models: Folder that keeps the models, and holds those of an earlier run; a temporary one when None.
    """
    images, labels = load_split(assets.dataset("food11-mini"), "evaluation")
    targets = options(models, part(on_progress, 0.0, 0.25))
    small, _ = load_split(assets.dataset("food11-mini"), "evaluation", size_px=SMALL_PX)
    path = small_model(models)
    smaller = smaller_options(path)
    racers = targets | {name: _with_its_own(target, small[:BATCH_SIZE], path) for name, target in smaller.items()}
    one, many, records = _race(racers, images, rounds, part(on_progress, 0.25, 0.7))
    yield f"Against {BASELINE}, all options taking turns in one run", _ratios(racers, one, many)
    for index, (name, target) in enumerate((targets | smaller).items()):
        on_progress(0.7 + 0.3 * index / len(racers), f"accuracy of {name}")
        records.append(bench.size(target, option=name))
        records.append(bench.accuracy(target, small if name in smaller else images, labels, option=name))
    summaries = {one.option: one for one in summarize(records)}
    yield f"Part 1, {len(labels)} evaluation images", _numbers(summaries)
    yield f"The bars; only what loses at most {MOST_LOST:.0%} counts for the first three", _bars(summaries, one, many)


def _with_its_own(target: object, small: np.ndarray, path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Return a target that takes the same images as all, and is called with its own of fewer pixels, made before."""
    call, about = bench.caller(target), bench.describe(target)

    def with_small(images: np.ndarray) -> np.ndarray:
        return call(small[: len(images)])

    bench.describe(with_small, model_path=path, backend=about.backend, precision=about.precision)
    return with_small


def _race(
    targets: Mapping[str, object], images: np.ndarray, rounds: int, on_progress: OnProgress
) -> tuple[Comparison, Comparison, list[Measurement]]:
    """Return the race with single photos, the one with batches, and all records."""
    on_progress(0.0, f"race of {len(targets)} options, one image at a time")
    one = bench.compare(targets, images[:1], rounds=rounds, block_calls=5)
    slow = [name for name in targets if one.ratio(name, BASELINE).interval.low > HOPELESS]
    racers = {name: target for name, target in targets.items() if name not in slow}
    on_progress(0.5, f"race of {len(racers)} options, {BATCH_SIZE} images at a time")
    settings = {"rounds": max(4, rounds // 2), "block_calls": 3, "settle_calls": 1}
    many = bench.compare(racers, images[:BATCH_SIZE], **settings)
    records = [*one.records, *many.records]
    for name in slow:
        on_progress(0.9, f"batches of {name}")
        few = {"batch_sizes": (BATCH_SIZE,), "min_batches": 5, "min_s": 0.0}
        records += bench.throughput(targets[name], images, option=name, **few)
    return one, many, records


def _numbers(summaries: Mapping[str, OptionSummary]) -> pd.DataFrame:
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
            for one in summaries.values()
        ]
    )


def _ratios(targets: Mapping[str, object], one: Comparison, many: Comparison) -> pd.DataFrame:
    """Return one row an option: latency and throughput over the baseline's, with intervals."""
    raced = {record.option for record in many.records}
    rows = []
    for name in targets:
        if name == BASELINE:
            continue
        time = one.ratio(name, BASELINE)
        row = {
            "option": name,
            "p50": f"{time.interval.value:.3f} ×",
            "95 % interval": f"{time.interval.low:.3f} to {time.interval.high:.3f}",
            "detectable": f"{time.minimum_detectable_effect:.1%}",
            "throughput": "not raced",
            "95 % interval ": "",
        }
        if name in raced:
            batch = many.ratio(name, BASELINE).interval
            row["throughput"] = f"{1 / batch.value:.2f} ×"
            row["95 % interval "] = f"{1 / batch.high:.2f} to {1 / batch.low:.2f}"
        rows.append(row)
    return pd.DataFrame(rows)


def _bars(summaries: Mapping[str, OptionSummary], one: Comparison, many: Comparison) -> pd.DataFrame:
    """Return one row a bar: the best option, what it reaches, and whether that is enough."""
    accuracy = {name: summary.accuracy.value for name, summary in summaries.items()}
    rounding = 1e-9
    kept = {name for name, share in accuracy.items() if accuracy[BASELINE] - share <= MOST_LOST + rounding}
    raced = {record.option for record in many.records}
    p50 = {name: one.ratio(name, BASELINE).interval.value for name in kept - {BASELINE}}
    images = {name: 1 / many.ratio(name, BASELINE).interval.value for name in (kept & raced) - {BASELINE}}
    size = {name: summaries[name].size_bytes.value for name in kept}
    # What is asked, figures by option, whether less is better, how it is shown, the bar, the aim.
    asked = [
        (f"p50 over {BASELINE}'s", p50, True, "{:.3f} ×".format, 0.40, 0.30),
        (f"images a second over {BASELINE}'s", images, False, "{:.2f} ×".format, 3.5, 4.5),
        ("size of the file", size, True, megabytes, 1.9e6, 1.5e6),
        (f"accuracy of {BASELINE}", {BASELINE: accuracy[BASELINE]}, False, percent, 0.81, 0.81),
        ("best accuracy", accuracy, False, percent, 0.85, 0.88),
    ]
    rows = []
    for what, found, less, show, bar, aim in asked:
        name = (min if less else max)(found, key=found.get)
        stands = [value >= found[name] if less else value <= found[name] for value in (aim, bar)]
        says = "aim reached" if stands[0] else "bar kept" if stands[1] else "missed"
        rows.append({"": what, "bar": show(bar), "aim": show(aim), "best": show(found[name]), "by": name, "so": says})
    return pd.DataFrame(rows)
