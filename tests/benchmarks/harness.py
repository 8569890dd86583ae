"""Measure the cost of measuring: the harness against a bare loop around the same session, call by
call in turns.
"""

import time
from pathlib import Path

import numpy as np
import pandas as pd

from labs import bench, stats
from labs.bench.timing import warm_up
from labs.runtimes.opening import open_model

#: Largest allowed difference of the two medians, as a fraction.
BAR = 0.01

#: Calls of each side in a round: one pair of medians.
_ROUND_CALLS = 10


def table(model_path: Path, rounds: int = 200) -> pd.DataFrame:
    """Return one row: both medians, their ratio with its interval, and the smallest difference that
    would show.
    """
    # Both sides time the same session, call by call in turns: another one would have its weights at
    # other addresses.
    images = np.random.default_rng(0).normal(size=(1, 3, 224, 224)).astype(np.float32)
    session = open_model(model_path)
    call = bench.caller(session)
    warm_up(call, images)
    outputs, feed = [session.get_outputs()[0].name], {session.get_inputs()[0].name: images}

    def harness() -> float:
        return bench.time_calls(call, images, 1)[0]

    def bare() -> float:
        begin_s = time.perf_counter()
        session.run(outputs, feed)
        return time.perf_counter() - begin_s

    sides = {"harness": harness, "bare loop": bare}
    blocks: dict[str, list[list[float]]] = {name: [[] for _ in range(rounds)] for name in sides}
    for turn in range(rounds):
        for number in range(_ROUND_CALLS):
            for name in sides if number % 2 == 0 else reversed(sides):
                blocks[name][turn].append(sides[name]())
    ratio = stats.ratio_of_medians(*blocks.values())
    interval = ratio.interval
    row = {}
    for name, seconds in blocks.items():
        row[name] = f"{np.median(seconds) * 1e3:.3f} ms"
    row["calls"] = f"2 × {rounds * _ROUND_CALLS}"
    row["ratio"] = f"{interval.value:.4f}"
    row["95 % interval"] = f"{interval.low:.4f} to {interval.high:.4f}"
    row["detectable"] = f"{ratio.minimum_detectable_effect:.2%}"
    row[f"within {BAR * 100:g} %"] = _within_bar(interval.low - 1, interval.high - 1)
    return pd.DataFrame([row])


def _within_bar(low: float, high: float) -> str:
    """Return whether a difference, a fraction between these two, lies within the bar."""
    if max(abs(low), abs(high)) <= BAR:
        return "yes"
    if low > BAR or high < -BAR:
        return "no"
    return "cannot tell: more rounds"
