"""Accuracy, size, and the time of a request's stages."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from labs import assets
from labs.bench.targets import describe
from labs.bench.timing import Stopwatch, record
from labs.display.format import percent
from labs.records import Measurement, Threads
from labs.runtimes.calling import caller
from labs.runtimes.progress import OnProgress, silent


def accuracy(
    target: object,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    option: str,
    dataset: str | None = None,
    batch_size: int = 8,
    on_progress: OnProgress = silent,
) -> Measurement:
    """Return a record with 1 for each image whose top class is its label, and 0 for the others.

    The record keeps what was predicted, so that two options can be compared image by image.

    Args:
        images: float32 (N, 3, 224, 224).
        labels: Integers (N,), 0 to 10.
        dataset: Name of the data set and split, kept with the record; the course's evaluation split
            when None.
        batch_size: Images in one call. Hardly any runtime is faster with more; torch in eager mode
            takes nearly twice as long for each image in batches of 32, because every layer requests
            new memory for its tensors.

    Raises:
        ValueError: There are no images, or not one label for each.
    """
    if len(images) == 0 or len(images) != len(labels):
        raise ValueError(
            f"{len(images)} images and {len(labels)} labels: one label for each image is needed"
        )
    call = caller(target)
    about = describe(target)
    watch = Stopwatch()
    predicted: list[int] = []
    for begin in range(0, len(images), batch_size):
        batch = images[begin : begin + batch_size]
        # The last batch is filled up with its own images, because torch.compile, TensorRT and
        # others build again for a new shape.
        filled = np.resize(batch, (batch_size, *batch.shape[1:])) if begin else batch
        logits = np.asarray(call(np.ascontiguousarray(filled)))[: len(batch)]
        predicted += [int(label) for label in logits.argmax(axis=1)]
        done = len(predicted)
        right = float(np.mean(np.array(predicted) == labels[:done]))
        text = f"{option}: {done} of {len(images)} images, {percent(right)} right"
        on_progress(done / len(images), text)
    wanted = [int(label) for label in labels]
    is_right = [answer == label for answer, label in zip(predicted, wanted, strict=True)]
    details = {
        "dataset": dataset or f"{assets.default('dataset')}/evaluation",
        "predicted": predicted,
        "labels": wanted,
    }
    if dataset is None:
        drawings = assets.drawings("evaluation")
        if len(drawings) == len(labels):
            details["drawings"] = drawings
    samples = list(map(float, is_right))
    return record("accuracy", option, samples, about, watch, batch_size=batch_size, details=details)


def size(target: object, *, option: str) -> Measurement:
    """Return a record of the size in bytes of the file that a target was made from."""
    about = describe(target)
    # A file has a size whatever runs it: no provider, so that none can have been fallen back from.
    bare = replace(about, provider_requested="", providers_used={}, threads=Threads(), libraries={})
    return record("size", option, [about.model.size_bytes], bare, Stopwatch())


def stage_times(
    stages: Mapping[str, Callable], value: object, *, turns: int = 60
) -> dict[str, float]:
    """Return the median processor time of each stage in seconds, of all threads of this process.

    Args:
        stages: Called one after the other; each gets what the one before it returned, and the first
            ``value``.
    """
    rows = []
    for _ in range(turns):
        result = value
        marks_s = [time.process_time()]
        for stage in stages.values():
            result = stage(result)
            marks_s.append(time.process_time())
        rows.append(np.diff(marks_s))
    medians_s = np.median(rows, axis=0).tolist()
    return dict(zip(stages, medians_s, strict=True))
