"""Accuracy and size, one call that measures an option the way every lesson does, and the option opened again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from labs import assets
from labs.bench.targets import Description, describe, model_file
from labs.bench.timing import Clock, Stopwatch, latency, record, throughput
from labs.display.format import percent
from labs.records import Ledger, Measurement
from labs.runtimes.calling import caller
from labs.runtimes.progress import OnProgress, part, silent


def measure_option(
    target: object,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    option: str,
    ledger: Ledger | None = None,
    dataset: str | None = None,
    batch_sizes: Sequence[int] = (1, 4, 16, 32),
    clock: Clock = time.perf_counter,
    on_progress: OnProgress = silent,
    **said: object,
) -> list[Measurement]:
    """Return records of size, accuracy, single-sample latency and throughput of one option.

    Args:
        target: What is measured; see ``labs.bench.targets``.
        images: Labelled images, float32 (N, 3, 224, 224); the first is the request whose latency is measured.
        labels: Integers (N,), 0 to 10.
        option: Name under which the records are kept.
        ledger: Each record is appended as soon as it exists, so stopping later loses nothing.
        dataset: Name of the data set and split; the course's evaluation split when None.
        batch_sizes: Batch sizes whose throughput is measured.
        clock: Monotonic clock in seconds.
        on_progress: Told how far it is; may raise ``Cancelled``.
        said: What the target does not show of itself, as for ``describe``.
    """
    about = describe(target, **said)
    records: list[Measurement] = []

    def keep(*made: Measurement) -> None:
        records.extend(ledger.append(one) if ledger else one for one in made)

    keep(_size_record(option, about))
    # In batches whose throughput is measured too: torch.compile, TensorRT and others build anew for each further size,
    # which takes longer than all the images together.
    batches = {"batch_size": max(batch_sizes)} if batch_sizes else {}
    report = part(on_progress, 0.0, 0.35)
    keep(accuracy(target, images, labels, option=option, dataset=dataset, on_progress=report, **batches))
    keep(latency(target, images[:1], option=option, clock=clock, on_progress=part(on_progress, 0.35, 0.6)))
    for index, batch_size in enumerate(batch_sizes):
        # One at a time, so that each is in the ledger before the next, longer one begins.
        report = part(on_progress, *(0.6 + 0.4 * (index + step) / len(batch_sizes) for step in (0, 1)))
        only = {"batch_sizes": (batch_size,), "clock": clock, "on_progress": report}
        keep(*throughput(target, images, option=option, **only))
    on_progress(1.0, f"{option}: done")
    return records


def accuracy(
    target: object,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    option: str,
    dataset: str | None = None,
    batch_size: int = 8,
    on_progress: OnProgress = silent,
    **said: object,
) -> Measurement:
    """Return a record with 1 for each image whose top class is its label, and 0 for the others.

    The record keeps what was predicted, so that two options can be compared image by image.

    Args:
        target: What predicts; see ``labs.bench.targets``.
        images: float32 (N, 3, 224, 224).
        labels: Integers (N,), 0 to 10.
        option: Name under which the record is kept.
        dataset: Name of the data set and split, kept with the record; the course's evaluation split when None.
        batch_size: Images in one call. Hardly any runtime is faster with more; torch in eager mode takes nearly twice
            as long for each image in batches of 32, whose tensors are claimed from the system anew by every layer.
        on_progress: Told how far it is; may raise ``Cancelled``.
        said: What the target does not show of itself, as for ``describe``.

    Raises:
        ValueError: There are no images, or not one label for each.
    """
    if len(images) == 0 or len(images) != len(labels):
        raise ValueError(f"{len(images)} images and {len(labels)} labels: one label for each image is needed")
    call, about = caller(target), describe(target, **said)
    watch, predicted = Stopwatch(), []
    for begin in range(0, len(images), batch_size):
        batch = images[begin : begin + batch_size]
        # The last batch is filled up with images of its own: torch.compile, TensorRT and others build anew for a shape
        # that they have not met.
        filled = np.resize(batch, (batch_size, *batch.shape[1:])) if begin else batch
        logits = np.asarray(call(np.ascontiguousarray(filled)))[: len(batch)]
        predicted += [int(label) for label in logits.argmax(axis=1)]
        done = len(predicted)
        correct = float(np.mean(np.array(predicted) == labels[:done]))
        on_progress(done / len(images), f"{option}: {done} of {len(images)} images, {percent(correct)} right")
    samples = [float(p == int(label)) for p, label in zip(predicted, labels, strict=True)]
    details = {
        "dataset": dataset or f"{assets.default_dataset()}/evaluation",
        "predicted": predicted,
        "labels": [int(label) for label in labels],
    }
    if dataset is None and len(labels) == len(shown := assets.drawings("evaluation")):
        details["drawings"] = shown
    return record("accuracy", option, samples, about, watch, batch_size=batch_size, details=details)


def size(what: object, *, option: str, backend: str = "file", precision: str = "") -> Measurement:
    """Return a record of a file's size in bytes.

    Args:
        what: Path of the file that would be shipped, or the target that was made from it.
        option: Name of the option.
        backend: What a path's file is meant for.
        precision: Precision of its weights, if known.
    """
    if not isinstance(what, str | Path):
        return _size_record(option, describe(what))
    return _size_record(option, Description(backend, model_file(what), "", precision=precision))


def _size_record(option: str, about: Description) -> Measurement:
    # A file has a size whatever runs it: no provider, so that none can have been fallen back from.
    bare = Description(about.backend, about.model, "", precision=about.precision, settings=about.settings)
    return record("size", option, [about.model.size_bytes], bare, Stopwatch())
