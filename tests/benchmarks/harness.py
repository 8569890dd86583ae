"""Does measuring cost anything? The harness against a bare loop around the same session, side by side."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd

from labs import bench
from labs.backends import BackendSpec
from labs.backends.onnxruntime_backend import OnnxRuntimeBackend
from labs.results.format import milliseconds


class BareLoop(OnnxRuntimeBackend):
    """The same session, timed the way one would by hand: nothing between the clock and ``session.run``."""

    def time_calls(self, images: np.ndarray, count: int, clock=time.perf_counter) -> list[float]:
        """Return wall times in seconds of ``count`` calls."""
        run, outputs, feed = self._session.run, [self._output], {self._input: images}
        durations_s = [0.0] * count
        for index in range(count):
            begin_s = time.perf_counter()
            run(outputs, feed)
            durations_s[index] = time.perf_counter() - begin_s
        return durations_s


def table(model_path: Path, rounds: int = 40) -> pd.DataFrame:
    """Return one row: both medians, their ratio with its interval, and the smallest difference that would show.

    The two are told apart by name only; each has its own session with the same settings.
    """
    images = np.random.default_rng(0).normal(size=(1, 3, 224, 224)).astype(np.float32)
    with BackendSpec("onnxruntime", str(model_path)).build() as harness, BareLoop(model_path) as bare:
        found = bench.compare({"harness": harness, "bare loop": bare}, images, rounds=rounds)
    ratio = found.ratio("harness", "bare loop")
    medians = {record.option: milliseconds(record.value.value) for record in found.records}
    row = {
        **medians,
        "ratio": f"{ratio.interval.value:.4f}",
        "95 % interval": f"{ratio.interval.low:.4f} to {ratio.interval.high:.4f}",
        "detectable": f"{ratio.minimum_detectable_effect:.2%}",
        "within 1 %": "yes" if abs(ratio.interval.value - 1) <= 0.01 else "no",
    }
    return pd.DataFrame([row])
