"""What to expect of a device before anybody has it: a latency from first principles, with error bars.

A layer takes as long as its multiplications or its memory traffic, whichever is longer. The peak rates are published
(``labs.edge.boards``), and the work is counted (``labs.edge.work``). What nobody publishes is which share of the peak
a real kernel reaches, so each such share is a range here, and the estimate is the spread of results over all ranges.
It is a prediction for a measurement to test. It is never a result: nothing here makes a ledger entry.

Source: Williams, Waterman and Patterson 2009, 'Roofline: an insightful visual performance model'.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labs.edge.boards import PI_5, Board
from labs.edge.work import Work
from labs.records.format import milliseconds
from labs.stats import Interval

#: Draws, and their seed: the same estimate each time.
_DRAWS, _SEED = 4000, 0

#: Share of the draws that lies within the error bars.
CONFIDENCE = 0.9


@dataclass(frozen=True)
class Assumption:
    """Something that nobody publishes, as a range."""

    #: What it is.
    name: str
    #: Smallest and largest value that would not surprise.
    low: float
    high: float
    #: Why this range.
    because: str


ASSUMPTIONS: dict[str, Assumption] = {
    one.name: one
    for one in (
        Assumption(
            "share of peak, dense, fp32",
            0.30,
            0.80,
            "good matrix kernels reach 80 % on large matrices; these are small, and some are rearranged first",
        ),
        Assumption(
            "share of peak, dense, int8",
            0.20,
            0.60,
            "four times the products from the same loads, and every result is scaled and rounded once more",
        ),
        Assumption(
            "share of peak, depthwise, fp32",
            0.03,
            0.20,
            "nine products a number: loading and shuffling cost more than multiplying",
        ),
        Assumption(
            "share of peak, depthwise, int8",
            0.08,
            0.40,
            "as above, with a quarter of the bytes, and kernels made for 3 × 3",
        ),
        Assumption("share of memory bandwidth", 0.30, 0.70, "a few cores do not saturate it, and rows are short"),
        Assumption("gain of each further core", 0.55, 0.95, "layers wait for their slowest part, some are too small"),
        Assumption("seconds a node", 2e-6, 1e-5, "starting an operator and waking its threads"),
    )
}


@dataclass(frozen=True)
class Estimate:
    """A predicted latency."""

    #: The board.
    board: Board
    #: 'fp32' or 'int8'.
    precision: str
    #: Threads.
    threads: int
    #: Seconds for one picture, with error bars; 90 % of the draws lie within.
    latency_s: Interval

    def allows(self, latency_s: float) -> bool:
        """Return whether a measured latency lies within the error bars."""
        return self.latency_s.low <= latency_s <= self.latency_s.high

    def __str__(self) -> str:
        low, high = milliseconds(self.latency_s.low), milliseconds(self.latency_s.high)
        return f"{self.precision}, {self.threads} thread{'s' if self.threads > 1 else ''}: {low} to {high} (prediction)"


def estimate(work: Work, *, precision: str, threads: int = 4, board: Board = PI_5) -> Estimate:
    """Return what one picture should take on a board.

    Args:
        work: The model's work, from ``count_work``.
        precision: 'fp32', or 'int8' for a statically quantized file.
        threads: Cores that work on it.
        board: The device.

    Raises:
        ValueError: There is no such precision, or there are not so many cores.
    """
    return Estimate(board, precision, threads, _bars(_drawn_s(work, precision, threads, board)))


def estimate_ratio(work: Work, *, threads: int = 4, board: Board = PI_5) -> Interval:
    """Return how many times as long static INT8 should take as float32 on a board, with error bars.

    Both are drawn together and divided draw by draw, so that what they share, such as the memory, falls out.

    Args:
        work: The model's work, from ``count_work``.
        threads: Cores that work on it.
        board: The device.

    Raises:
        ValueError: There are not so many cores.
    """
    int8_s, fp32_s = (_drawn_s(work, precision, threads, board) for precision in ("int8", "fp32"))
    return _bars(int8_s / fp32_s)


def _drawn_s(work: Work, precision: str, threads: int, board: Board) -> np.ndarray:
    """Return a latency in seconds for each draw; the same draws each time."""
    if precision not in ("fp32", "int8"):
        raise ValueError(f"no estimate for {precision!r}: 'fp32' or 'int8'")
    if not 1 <= threads <= board.cores:
        raise ValueError(f"{board.name} has {board.cores} cores, so 1 to {board.cores} threads, not {threads}")
    drawn = _draw(np.random.default_rng(_SEED), _DRAWS)
    cores = 1 + (threads - 1) * drawn["gain of each further core"]
    bandwidth = board.bandwidth_bytes_s * drawn["share of memory bandwidth"]
    bytes_a_number = 4 if precision == "fp32" else 1
    seconds = (len(work.layers) + work.other_nodes) * drawn["seconds a node"]
    for kind in ("dense", "depthwise"):
        rate = (
            board.clock_hz * cores * _per_cycle(board, kind, precision) * drawn[f"share of peak, {kind}, {precision}"]
        )
        for layer in work.of_kind(kind):
            moved = (layer.weights + layer.activations) * bytes_a_number / bandwidth
            seconds = seconds + np.maximum(layer.macs / rate, moved)
    return seconds


def _bars(drawn: np.ndarray) -> Interval:
    tail = 50 * (1 - CONFIDENCE)
    low, value, high = (float(x) for x in np.percentile(drawn, [tail, 50, 100 - tail]))
    return Interval(value, low, high, CONFIDENCE)


def _per_cycle(board: Board, kind: str, precision: str) -> int:
    if precision == "fp32":
        return board.fp32_per_cycle
    return board.int8_per_cycle if kind == "dense" else board.int8_depthwise_per_cycle


def _draw(generator: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    """Return values of every assumption; equal ratios are equally likely."""
    return {
        name: np.exp(generator.uniform(np.log(one.low), np.log(one.high), count)) for name, one in ASSUMPTIONS.items()
    }
