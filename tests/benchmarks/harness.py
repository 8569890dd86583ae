"""Does measuring cost anything? The harness against a bare loop around the very same session, call by call in turns."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from labs import bench, stats
from labs.bench.timing import warm_up
from labs.runtimes import open_model

#: How far the two medians may be apart, as a fraction.
BAR = 0.01

#: Calls of each side in a round: one pair of medians.
_ROUND_CALLS = 10


#: Returns wall times in seconds of so many calls on a batch.
Timed = Callable[[np.ndarray, int], list[float]]


def bare_loop(session) -> Timed:
    """Return a session timed the way one would by hand: nothing between the clock and ``session.run``.

    It is the harness's own session. Another one would have its weights at other addresses and threads that get in the
    way of the other's: differences of some per cent, and none of them the harness's.
    """
    run, outputs, name = session.run, [session.get_outputs()[0].name], session.get_inputs()[0].name

    def time_calls(images: np.ndarray, count: int) -> list[float]:
        feed, durations_s = {name: images}, [0.0] * count
        for index in range(count):
            begin_s = time.perf_counter()
            run(outputs, feed)
            durations_s[index] = time.perf_counter() - begin_s
        return durations_s

    return time_calls


def in_turns(
    harness: Timed, bare: Timed, images: np.ndarray, rounds: int
) -> tuple[list[list[float]], list[list[float]]]:
    """Return rounds of seconds of both sides, which took turns call by call and each went first every other time.

    A machine that slows down for a second slows both sides of the same round.
    """
    rounds_s: tuple[list[list[float]], list[list[float]]] = ([], [])
    for _ in range(rounds):
        pair = [(harness, []), (bare, [])]
        for call in range(_ROUND_CALLS):
            for side, seconds in pair if call % 2 == 0 else reversed(pair):
                seconds += side(images, 1)
        for kept, (_, seconds) in zip(rounds_s, pair, strict=True):
            kept.append(seconds)
    return rounds_s


def verdict(interval: stats.Interval) -> str:
    """Return whether the whole interval lies within the bar, none of it does, or the run cannot tell."""
    if abs(interval.low - 1) <= BAR and abs(interval.high - 1) <= BAR:
        return "yes"
    return "no" if interval.low > 1 + BAR or interval.high < 1 - BAR else "cannot tell: more rounds"


def table(model_path: Path, rounds: int = 200) -> pd.DataFrame:
    """Return one row: both medians, their ratio with its interval, and the smallest difference that would show."""
    images = np.random.default_rng(0).normal(size=(1, 3, 224, 224)).astype(np.float32)
    session = open_model(model_path)
    call = bench.caller(session)
    warm_up(call, images)
    blocks = in_turns(lambda batch, count: bench.time_calls(call, batch, count), bare_loop(session), images, rounds)
    ratio = stats.ratio_of_medians(*blocks)
    medians = {
        name: f"{np.median(np.concatenate(side)) * 1e3:.3f} ms"
        for name, side in zip(("harness", "bare loop"), blocks, strict=True)
    }
    row = {
        **medians,
        "calls": f"2 × {rounds * _ROUND_CALLS}",
        "ratio": f"{ratio.interval.value:.4f}",
        "95 % interval": f"{ratio.interval.low:.4f} to {ratio.interval.high:.4f}",
        "detectable": f"{ratio.minimum_detectable_effect:.2%}",
        f"within {BAR * 100:g} %": verdict(ratio.interval),
    }
    return pd.DataFrame([row])
