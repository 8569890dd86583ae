"""What to expect of a device before anybody has it: a latency from first principles, with error bars.

A layer takes as long as its multiplications or its memory traffic, whichever is longer. The peak rates are published,
and the work is counted from a model's graph. What nobody publishes is which share of the peak a real kernel reaches, so
each such share is a range here, and the estimate is the spread of results over all ranges. It is a prediction for a
measurement to test. It is never a result: nothing here makes a ledger entry.

Source: Williams, Waterman and Patterson 2009, 'Roofline: an insightful visual performance model'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from labs.display.format import milliseconds
from labs.stats import Interval

if TYPE_CHECKING:
    import onnx
    import pandas as pd


@dataclass(frozen=True)
class Board:
    """A device's arithmetic, as its makers state it."""

    #: The board.
    name: str
    #: Its cores.
    core: str
    #: How many.
    cores: int
    #: Clock in Hz, as long as nothing holds it back.
    clock_hz: float
    #: float32 multiply-accumulates that a core can begin in a cycle.
    fp32_per_cycle: int
    #: 8-bit ones in a dense layer.
    int8_per_cycle: int
    #: 8-bit ones in a depthwise layer, where the dot product has nothing to sum over.
    int8_depthwise_per_cycle: int
    #: Memory bandwidth on paper, in bytes a second.
    bandwidth_bytes_s: float
    #: Where the figures come from.
    source: str


PI_5 = Board(
    name="Raspberry Pi 5",
    core="Cortex-A76",
    cores=4,
    clock_hz=2.4e9,
    # Two 128-bit pipes, each with four float32 FMLA, or one SDOT of four times four 8-bit products, a cycle.
    fp32_per_cycle=8,
    int8_per_cycle=32,
    int8_depthwise_per_cycle=16,
    bandwidth_bytes_s=4267e6 * 4,
    source=(
        "Arm Cortex-A76 Software Optimization Guide (FMLA and SDOT: both vector pipes); Raspberry Pi 5 product brief "
        "(four cores at 2.4 GHz, LPDDR4X-4267, 32 bits wide)"
    ),
)

PI_4 = Board(
    name="Raspberry Pi 4",
    core="Cortex-A72",
    cores=4,
    clock_hz=1.5e9,
    # A 128-bit FMLA a cycle, and no dot product: 8-bit products are widened to 16 bits first.
    fp32_per_cycle=4,
    int8_per_cycle=8,
    int8_depthwise_per_cycle=8,
    bandwidth_bytes_s=3200e6 * 4,
    source=(
        "Arm Cortex-A72 Software Optimization Guide (FMLA, 128 bits); Raspberry Pi 4 product brief (four cores at "
        "1.5 GHz, LPDDR4-3200, 32 bits wide)"
    ),
)

BOARDS: dict[str, Board] = {board.name: board for board in (PI_5, PI_4)}


@dataclass(frozen=True)
class Published:
    """A latency that others measured, against which the estimate is held."""

    #: Board by name.
    board: str
    #: Precision.
    precision: str
    #: Threads.
    threads: int
    #: Median latency of one picture in seconds.
    p50_s: float
    #: What was measured, by whom.
    source: str


_ARM = (
    "Arm's ExecuTorch course: MobileNetV2 with XNNPACK on a Raspberry Pi 5, {} (eager torch takes 72.6 ms there); it "
    "gives its INT8 figure as 4.0 ms"
)
_XNNPACK = "XNNPACK's README: {}, 224 pixels, all cores, 64-bit ARM, Raspbian, February 2022"

#: Other libraries on other systems, with the same network: the estimate has to allow them.
LANDMARKS: tuple[Published, ...] = (
    Published("Raspberry Pi 4", "fp32", 4, 0.046, _XNNPACK.format("MobileNet v2 1.0X in float32")),
    Published("Raspberry Pi 4", "int8", 4, 0.017, _XNNPACK.format("MobileNet v2 1.0X in INT8, a scale a channel")),
    Published("Raspberry Pi 5", "fp32", 4, 0.0109, _ARM.format("float32")),
    Published("Raspberry Pi 5", "int8", 4, 0.00398, _ARM.format("INT8, the median")),
)


@dataclass(frozen=True)
class Layer:
    """One convolution or matrix product."""

    #: Name of its node, or of the value that it makes where nodes have no names.
    name: str
    #: 'depthwise', where each channel is convolved for itself, or 'dense'.
    kind: str
    #: Multiply-accumulates for one picture.
    macs: int
    #: Numbers in its weights and bias.
    weights: int
    #: Numbers that it reads and writes beside them, for one picture.
    activations: int


@dataclass(frozen=True)
class Work:
    """What one prediction takes."""

    #: The layers with weights, in running order.
    layers: tuple[Layer, ...]
    #: Nodes beside those layers: additions, pooling.
    other_nodes: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one picture."""
        return sum(layer.macs for layer in self.layers)

    def of_kind(self, kind: str) -> tuple[Layer, ...]:
        """Return the layers of one kind."""
        return tuple(layer for layer in self.layers if layer.kind == kind)

    def table(self) -> pd.DataFrame:
        """Return one row a kind of layer: how many, millions of multiply-accumulates and of weights, and the shares."""
        import pandas as pd

        rows = []
        for kind in Counter(layer.kind for layer in self.layers):
            layers = self.of_kind(kind)
            macs, moved = sum(one.macs for one in layers), sum(one.activations + one.weights for one in layers)
            rows.append((kind, len(layers), macs / 1e6, macs / self.macs, moved / 1e6, macs / moved))
        columns = ["kind", "layers", "million MACs", "share of MACs", "million numbers moved", "MACs a number"]
        return pd.DataFrame(rows, columns=columns).set_index("kind").round(2)


def count_work(path: str | Path, *, input_px: int | None = None) -> Work:
    """Return the work in a float model.

    Quantizing changes how fast a multiplication is, not how many there are: count the float file.

    Args:
        path: A float ``.onnx`` file.
        input_px: Side of the input; the file's own when None.

    Raises:
        ValueError: The file has no convolution with float weights; often it is a quantized one.
    """
    import onnx

    model = onnx.load(path)
    given = model.graph.input[0].type.tensor_type.shape.dim
    input_px = input_px or given[2].dim_value or 224
    for dimension, size in zip(given, (1, 3, input_px, input_px), strict=True):
        dimension.dim_value = size
    del model.graph.value_info[:]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(model).graph
    shapes = _shapes(inferred)
    found = [_layer(node, shapes) for node in inferred.node]
    layers = tuple(layer for layer in found if layer)
    if not any(node.op_type in ("Conv", "FusedConv") for node in inferred.node) or not layers:
        raise ValueError(f"{Path(path).name} has no float convolutions; count the float file that it was made from")
    fused = sum(node.op_type in ("Clip", "Relu", "BatchNormalization", "Constant") for node in inferred.node)
    return Work(layers, len(inferred.node) - len(layers) - fused)


def _shapes(graph: onnx.GraphProto) -> dict[str, tuple[int, ...]]:
    found = {
        value.name: tuple(dimension.dim_value for dimension in value.type.tensor_type.shape.dim)
        for value in _values(graph)
    }
    return found | {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}


def _values(graph: onnx.GraphProto) -> Iterable[onnx.ValueInfoProto]:
    yield from graph.input
    yield from graph.value_info
    yield from graph.output


def _layer(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> Layer | None:
    if node.op_type not in ("Conv", "Gemm", "MatMul") or node.input[1] not in shapes:
        return None
    weight, made, read = shapes[node.input[1]], shapes[node.output[0]], shapes[node.input[0]]
    if node.op_type == "Conv":
        # (out, in / groups, height, width): each output number takes as many products as one filter has weights.
        macs, depthwise = prod(made) * prod(weight[1:]), weight[1] == 1 and weight[0] > 1 and weight[2] > 1
    else:
        macs, depthwise = prod(weight) * made[0], False
    bias = prod(shapes[node.input[2]]) if len(node.input) > 2 and node.input[2] in shapes else 0
    kind = "depthwise" if depthwise else "dense"
    return Layer(node.name or node.output[0], kind, macs, prod(weight) + bias, prod(made) + prod(read))


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
