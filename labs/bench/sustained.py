"""Load without a pause: the speed of a device in the fifth minute, when it is hot."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from statistics import median

import numpy as np

from labs.bench.targets import describe
from labs.bench.timing import Stopwatch, record, time_calls, warm_up
from labs.display.format import milliseconds
from labs.machine.sensors import Heat, read_heat
from labs.records import Measurement
from labs.runtimes.calling import caller
from labs.runtimes.progress import OnProgress, silent

#: Most samples that a record keeps; the rest is thinned evenly, but the windows count all samples.
MOST_SAMPLES = 5000


def sustained(
    target: object,
    images: np.ndarray,
    *,
    option: str,
    duration_s: float = 300.0,
    window_s: float = 5.0,
    clock: Callable[[], float] = time.perf_counter,
    heat: Callable[[], Heat] = read_heat,
    on_progress: OnProgress = silent,
) -> Measurement:
    """Return a latency record of requests without pauses, with the processor's state per window.

    ``details["windows"]`` holds for each window: its end in seconds since the start, its median
    latency, the number of answered pictures, and temperature, clock and throttle flags if the
    machine reports them.

    Args:
        images: One request, float32 (N, 3, H, W).
    """
    idle = asdict(heat())
    call = caller(target)
    about = describe(target)

    def warming_up() -> None:
        on_progress(0.0, f"{option}: warming up")

    warmup = warm_up(call, images, clock=clock, on_progress=warming_up)
    watch = Stopwatch(clock)
    samples: list[float] = []
    windows = []
    begin_s = clock()
    while (spent_s := clock() - begin_s) < duration_s:
        window: list[float] = []
        until_s = clock() + min(window_s, duration_s - spent_s)
        while clock() < until_s or not window:
            window += time_calls(call, images, 1, clock)
        samples += window
        t_s = clock() - begin_s
        p50_s = median(window)
        now = heat()
        windows.append({"t_s": t_s, "p50_s": p50_s, "calls": len(window), **asdict(now)})
        text = f"{option}: {t_s:.0f} s, median {milliseconds(p50_s)}"
        if now.temperature_c is not None:
            text += f", {now.temperature_c:.0f} °C"
        on_progress(min(1.0, t_s / duration_s), text)
    step = max(1, math.ceil(len(samples) / MOST_SAMPLES))
    details = {
        "sustained": True,
        "idle": idle,
        "windows": windows,
        "calls": len(samples),
        "kept_every": step,
        "unreadable": list(heat().unreadable),
    }
    return record("latency", option, samples[::step], about, watch, warmup=warmup, details=details)
