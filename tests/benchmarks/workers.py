"""What a worker process costs: one call through the pipe, and the same loop run over there."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from labs import bench
from labs.backends import Backend, BackendSpec
from labs.providers.client import ProviderBackend
from labs.results.format import milliseconds


class ThroughThePipe(ProviderBackend):
    """A worker whose calls are timed from this side, pictures and logits travelling each time."""

    time_calls = Backend.time_calls


def table(model_path: Path, rounds: int = 40) -> pd.DataFrame:
    """Return one row for each way of timing a prediction in a worker, against the same backend in this process."""
    spec = BackendSpec("onnxruntime", str(model_path))
    images = np.random.default_rng(0).normal(size=(1, 3, 224, 224)).astype(np.float32)
    here, there = "in this process", "in the worker, timed over there"
    piped = "in the worker, timed from here"
    # The same interpreter on both sides, so that nothing but the process differs.
    with (
        spec.build() as local,
        ProviderBackend(spec, sys.executable) as remote,
        ThroughThePipe(spec, sys.executable) as pipe,
    ):
        found = bench.compare({here: local, there: remote, piped: pipe}, images, rounds=rounds)
    rows = []
    for record in found.records:
        ratio = found.ratio(record.option, here).interval
        rows.append(
            {
                "call": record.option,
                "p50": milliseconds(record.value.value),
                "ratio": f"{ratio.value:.3f}",
                "95 % interval": f"{ratio.low:.3f} to {ratio.high:.3f}",
            }
        )
    return pd.DataFrame(rows)
