"""What a worker process costs: one call through the pipe, and the same loop run over there."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from labs import bench, stats
from labs.backends import Backend, BackendSpec
from labs.bench import Comparison
from labs.bench.compare import blocks_of
from labs.providers.client import ProviderBackend

#: Fresh sessions and workers that the rounds are shared among. Two processes of one program differ by chance, in where
#: their memory lies, for as long as they live: a single pair, however often it is asked, would show that too.
STARTS = 5

HERE, THERE, PIPED = "in this process", "in the worker, timed over there", "in the worker, timed from here"


class ThroughThePipe(ProviderBackend):
    """A worker whose calls are timed from this side, pictures and logits travelling each time."""

    time_calls = Backend.time_calls


def race(model_path: Path, rounds: int) -> Comparison:
    """Return one start's comparison: a session of this process and two new workers, in short turns."""
    spec = BackendSpec("onnxruntime", str(model_path))
    images = np.random.default_rng(0).normal(size=(1, 3, 224, 224)).astype(np.float32)
    # The same interpreter on both sides, so that nothing but the process differs.
    with (
        spec.build() as local,
        ProviderBackend(spec, sys.executable) as remote,
        ThroughThePipe(spec, sys.executable) as pipe,
    ):
        return bench.compare({HERE: local, THERE: remote, PIPED: pipe}, images, rounds=rounds, block_calls=5)


def rounds_of(option: str, found: Sequence[Comparison]) -> list[list[float]]:
    """Return an option's rounds of seconds, those of all starts one after the other."""
    return [block for one in found for made in one.records if made.option == option for block in blocks_of(made)]


def table(model_path: Path, rounds: int = 100) -> pd.DataFrame:
    """Return one row for each way of timing a prediction in a worker, against the same backend in this process."""
    found = [race(model_path, max(2, rounds // STARTS)) for _ in range(STARTS)]
    sides = {name: rounds_of(name, found) for name in (HERE, THERE, PIPED)}
    rows = []
    for name, side in sides.items():
        row = {"call": name, "p50": f"{np.median(np.concatenate(side)) * 1e3:.3f} ms"}
        if name != HERE:
            ratio = stats.ratio_of_medians(side, sides[HERE]).interval
            each = [one.ratio(name, HERE).interval.value for one in found]
            row |= {
                "ratio": f"{ratio.value:.4f}",
                "95 % interval": f"{ratio.low:.4f} to {ratio.high:.4f}",
                f"in each of {STARTS} starts": f"{min(each):.3f} to {max(each):.3f}",
            }
        rows.append(row)
    return pd.DataFrame(rows).fillna("")
