"""Accuracy on labelled pictures: one sample a picture, so that two options can be compared picture by picture."""

from __future__ import annotations

import numpy as np

from labs.backends import Backend
from labs.bench.recording import Stopwatch, record
from labs.progress import OnProgress, silent
from labs.records import Measurement
from labs.records.format import percent


def accuracy(
    backend: Backend,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    option: str,
    dataset: str = "",
    batch_size: int = 8,
    on_progress: OnProgress = silent,
) -> Measurement:
    """Return a record with 1 for each picture whose top class is its label, and 0 for the others.

    Args:
        backend: A loaded backend.
        images: float32 (N, 3, 224, 224).
        labels: Integers (N,), 0 to 10.
        option: Name under which the record is kept.
        dataset: Name of the data set and split, such as 'food11-mini/evaluation'; kept with the record.
        batch_size: Pictures in one call. Hardly any runtime is faster with more; torch in eager mode takes nearly twice
            as long for each picture in batches of 32, whose tensors are claimed from the system anew by every layer.
        on_progress: Told how far it is; may raise ``Cancelled``.

    Raises:
        ValueError: There are no pictures, or not one label for each.
    """
    if len(images) == 0 or len(images) != len(labels):
        raise ValueError(f"{len(images)} pictures and {len(labels)} labels: one label for each picture is needed")
    watch, predicted = Stopwatch(), []
    for begin in range(0, len(images), batch_size):
        batch = images[begin : begin + batch_size]
        # The last batch is filled up with pictures of its own: torch.compile, TensorRT and others build anew for a
        # shape that they have not met.
        filled = np.resize(batch, (batch_size, *batch.shape[1:])) if begin else batch
        logits = backend.predict(np.ascontiguousarray(filled))[: len(batch)]
        predicted += [int(label) for label in logits.argmax(axis=1)]
        done = len(predicted)
        correct = float(np.mean(np.array(predicted) == labels[:done]))
        on_progress(done / len(images), f"{option}: {done} of {len(images)} pictures, {percent(correct)} right")
    samples = [float(p == int(label)) for p, label in zip(predicted, labels, strict=True)]
    details = {"dataset": dataset, "predicted": predicted, "labels": [int(label) for label in labels]}
    return record("accuracy", option, samples, backend, watch, batch_size=batch_size, details=details)
