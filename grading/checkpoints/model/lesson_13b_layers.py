"""Write a kernel, the layers: where a number lies in three layouts, what a convolution moves, and the roofline."""

from __future__ import annotations

import math

import numpy as np

from grading.checkpoints import Mistake, function_question, prediction
from labs.records import Records

_LAYOUTS = ("NCHW", "NHWC", "blocked")


@prediction(
    "m.kernel.layout_guess",
    about={"kind": "latency", "option": "conv-NHWC"},
    title="Predict in which layout the depthwise convolution is fastest",
    choices=_LAYOUTS,
)
def fastest_layout(records: Records) -> str | None:
    """Return the layout with the shortest median, from one run."""
    run = records.comparison(*(f"conv-{name}" for name in _LAYOUTS))
    return None if run is None else min(_LAYOUTS, key=lambda name: run.record(f"conv-{name}").percentile(50))


def _places(random: np.random.Generator) -> list[tuple]:
    cases = []
    for layout in (*_LAYOUTS, *_LAYOUTS):
        channels, height, width = (int(one) for one in random.integers((3, 5, 14), (6, 12, 20)))
        shape = [8 * channels, height, width]
        place = [8 + int(random.integers(1, 8)), int(random.integers(1, height)), int(random.integers(1, width))]
        cases.append((layout, shape, place))
    return cases


def _offset(layout: str, shape: list[int], place: list[int], block: int = 8) -> int:
    (channels, height, width), (c, h, w) = shape, place
    if layout == "NCHW":
        return (c * height + h) * width + w
    if layout == "NHWC":
        return (h * width + w) * channels + c
    return ((c // block * height + h) * width + w) * block + c % block


@function_question(
    "m.kernel.offset",
    points=2,
    title="Find a number in three layouts",
    hints=(
        "The axis named last is the one whose neighbours lie side by side; each axis before it takes longer steps.",
        "Blocked: `((c // 8 * height + h) * width + w) * 8 + c % 8`: an image for each eight channels.",
    ),
    cases=_places,
    mistakes=(
        Mistake(
            "always NCHW",
            lambda layout, shape, place: _offset("NCHW", shape, place),
            "Right for NCHW; in the others, channels lie side by side.",
        ),
        Mistake(
            "blocked as NHWC",
            lambda layout, shape, place: _offset("NHWC" if layout == "blocked" else layout, shape, place),
            "Blocked is not NHWC: only eight channels lie side by side, and then comes the next pixel.",
        ),
        Mistake(
            "height for width",
            lambda layout, shape, place: _offset(layout, [shape[0], shape[2], shape[1]], place),
            "A row has `width` numbers: height and width have changed places.",
        ),
        Mistake(
            "block not left out",
            lambda layout, shape, place: (
                _offset(layout, shape, place)
                if layout != "blocked"
                else ((place[0] * shape[1] + place[1]) * shape[2] + place[2]) * 8 + place[0] % 8
            ),
            "There is one image for each *eight* channels: `c // 8` of them come before.",
        ),
    ),
    right="Three addresses for one number, and that is all that a layout is.",
)
def offset(layout: str, shape: list[int], place: list[int]) -> int:
    """Return how many numbers lie before that of a channel, row and column."""
    return _offset(layout, shape, place)


def _layers(random: np.random.Generator) -> list[tuple]:
    cases = []
    for into, out, kernel, group in ((3, 32, 3, 1), (24, 144, 1, 1), (96, 96, 3, 96), (64, 48, 5, 4)):
        side = int(random.integers(7, 60))
        cases.append(([1, into, side, side + 2], [out, into // group, kernel, kernel], [1, out, side, side + 2]))
    return cases


def _work(x: list[int], w: list[int], y: list[int]) -> list[float]:
    return [2 * math.prod(y) * math.prod(w[1:]), 4 * (math.prod(x) + math.prod(w) + math.prod(y))]


@function_question(
    "m.kernel.work",
    points=2,
    title="Count a convolution's operations and the bytes that it must move",
    hints=(
        "Each number of the output is a sum of how many products? The shape of the weights says it, groups included.",
        "`2 * prod(y) * prod(w[1:])` operations; `4 * (prod(x) + prod(w) + prod(y))` bytes.",
    ),
    cases=_layers,
    mistakes=(
        Mistake(
            "multiplications alone",
            lambda x, w, y: [_work(x, w, y)[0] / 2, _work(x, w, y)[1]],
            "A multiplication and an addition are two operations.",
        ),
        Mistake(
            "without groups",
            lambda x, w, y: [2 * math.prod(y) * x[1] * w[2] * w[3], _work(x, w, y)[1]],
            "`w[1]` is how many channels an output looks at; with groups, that is fewer than the input has.",
        ),
        Mistake(
            "all the weights",
            lambda x, w, y: [2 * math.prod(y) * math.prod(w), _work(x, w, y)[1]],
            "One output channel uses its own weights only: leave `w[0]` out.",
        ),
        Mistake(
            "numbers",
            lambda x, w, y: [_work(x, w, y)[0], _work(x, w, y)[1] / 4],
            "These are numbers, not bytes: a float32 has four.",
        ),
        Mistake(
            "weights left out",
            lambda x, w, y: [_work(x, w, y)[0], 4 * (math.prod(x) + math.prod(y))],
            "The weights have to be read as well.",
        ),
    ),
    right="Their quotient says which ceiling a layer lives under.",
)
def work(x: list[int], w: list[int], y: list[int]) -> list[float]:
    """Return floating-point operations, and the bytes of input, weights and output."""
    return _work(x, w, y)


def _ceilings(random: np.random.Generator) -> list[tuple]:
    peak, bandwidth = float(random.integers(40, 200)) * 1e9, float(random.integers(8, 40)) * 1e9
    intensities = (0.25, 0.5, *(float(one) for one in random.uniform(0.3, 30, 3)), 60.0, 200.0)
    return [(round(one * 1e7), 10_000_000, peak, bandwidth) for one in intensities]


@function_question(
    "m.kernel.bound",
    points=2,
    title="Say how fast a piece of work can be at best",
    hints=(
        "How long would the arithmetic take alone, and how long the memory? They can go on at the same time.",
        "`max(operations / peak_flops, bytes / bandwidth)`.",
    ),
    cases=_ceilings,
    mistakes=(
        Mistake(
            "one after the other",
            lambda operations, bytes, peak_flops, bandwidth: operations / peak_flops + bytes / bandwidth,
            "While one tile is computed, the next can be fetched: the longer of the two decides.",
        ),
        Mistake(
            "the shorter",
            lambda operations, bytes, peak_flops, bandwidth: min(operations / peak_flops, bytes / bandwidth),
            "Both have to be done, so the longer of the two decides.",
        ),
        Mistake(
            "arithmetic alone",
            lambda operations, bytes, peak_flops, bandwidth: operations / peak_flops,
            "Where there is little to compute for each byte, the memory decides.",
        ),
        Mistake(
            "a rate",
            lambda operations, bytes, peak_flops, bandwidth: min(peak_flops, operations / bytes * bandwidth),
            "That is the roof itself, in operations a second; seconds are asked for.",
        ),
    ),
    right="That is the whole roofline, in seconds.",
)
def bound(operations: float, bytes: float, peak_flops: float, bandwidth: float) -> float:
    """Return the least seconds that a piece of work takes."""
    return max(operations / peak_flops, bytes / bandwidth)
