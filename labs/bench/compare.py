"""Options side by side in one run: ABAB…, so that a machine that slows down slows both."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from labs import stats
from labs.backends import Backend
from labs.bench.recording import Stopwatch, record
from labs.bench.warmup import warm_up
from labs.progress import OnProgress, silent
from labs.records import Measurement

#: Rest before each turn, in seconds. A runtime's threads go on spinning for a while in the hope of another call, and
#: whoever is measured meanwhile shares the processors with them: without a rest, OpenVINO behind ONNX Runtime read
#: nearly twice as slow as it is. Measured with ONNX Runtime 1.32 on two cores: its second thread burns about 35 ms of
#: processor time after its last call, then sleeps.
SETTLE_S: float = 0.05


@dataclass(frozen=True)
class Comparison:
    """Records of options that took turns."""

    #: One record an option, in the order given; ``details`` names the run and the number of calls in a block.
    records: tuple[Measurement, ...]

    def ratio(self, option: str, baseline: str) -> stats.Ratio:
        """Return how many times as long ``option`` takes as ``baseline``, with interval and detectable difference.

        Raises:
            KeyError: One of the two was not part of this run.
        """
        blocks = {made.option: blocks_of(made) for made in self.records}
        return stats.ratio_of_medians(blocks[option], blocks[baseline])


def blocks_of(made: Measurement) -> list[list[float]]:
    """Return a compared record's samples block by block, in the order in which they ran.

    Raises:
        ValueError: The record was not made by ``compare``; its samples saw no partner.
    """
    size = made.details.get("block_calls")
    if not size:
        raise ValueError(f"{made.option} was measured alone; only options that took turns have a ratio")
    return [list(made.samples[begin : begin + size]) for begin in range(0, len(made.samples), size)]


def compare(
    backends: Mapping[str, Backend],
    images: np.ndarray,
    *,
    rounds: int = 20,
    block_calls: int = 10,
    settle_calls: int = 2,
    settle_s: float = SETTLE_S,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
    on_progress: OnProgress = silent,
) -> Comparison:
    """Return records of all options, measured in turns in one run.

    Args:
        backends: Loaded backends by option name.
        images: One batch, float32 (N, 3, 224, 224), the same for all.
        rounds: How often each option has its turn; every second round runs in reverse order.
        block_calls: Timed calls in a turn.
        settle_calls: Calls before them that are thrown away: the caches hold the other option's weights.
        settle_s: Seconds of rest before those, until the previous option's threads have stopped spinning.
        clock: Monotonic clock in seconds.
        sleep: Rests for some seconds.
        on_progress: Told how far it is; may raise ``Cancelled``.

    Raises:
        ValueError: Fewer than two options, or fewer than two rounds.
    """
    if len(backends) < 2 or rounds < 2:
        raise ValueError("a comparison needs at least two options and two rounds")
    warmups = {option: warm_up(backend, images, clock=clock) for option, backend in backends.items()}
    samples: dict[str, list[float]] = {option: [] for option in backends}
    watch = Stopwatch(clock)
    for turn in range(rounds):
        order = list(backends) if turn % 2 == 0 else list(reversed(backends))
        for option in order:
            sleep(settle_s)
            backends[option].time_calls(images, settle_calls, clock)
            samples[option] += backends[option].time_calls(images, block_calls, clock)
        on_progress((turn + 1) / rounds, f"side by side: round {turn + 1} of {rounds}")
    run = {"comparison_id": uuid.uuid4().hex, "block_calls": block_calls, "settle_s": settle_s}
    kind = "latency" if len(images) == 1 else "throughput"
    return Comparison(
        tuple(
            record(
                kind,
                option,
                samples[option],
                backend,
                watch,
                batch_size=len(images),
                warmup=warmups[option],
                details=run,
            )
            for option, backend in backends.items()
        )
    )
