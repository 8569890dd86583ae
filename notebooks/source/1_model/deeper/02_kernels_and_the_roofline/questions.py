"""The questions of "Kernels and the roofline": cases from plain to special, each with its
sentence.
"""

import numpy as np

from grading.builder.questions import (
    another,
    at_most,
    domain,
    pick,
    prediction,
    question,
)

prediction(
    "kernels.order",
    "By what factor does each order beat the textbook's?",
    about={"kind": "latency", "option": "matmul-rows"},
    unit="×",
    between=(0.05, 10_000),
    rows="the best order of the loops",
    blas="BLAS",
)


@question(
    "kernels.transactions",
    "The memory transactions of a warp",
    points=1,
    hint="Which sector contains the byte 100? How many *different* sectors does the warp "
    "read?",
)
def transactions(random):
    first = 32 * int(random.integers(3, 90))
    yield (
        ([0, 4, 8, 12],),
        "All four addresses are in sector 0, which memory delivers once for all.",
    )
    yield (
        ([0, 32, 64, 96],),
        "Each of these addresses is in a different sector: a sector has 32 bytes.",
    )
    yield (
        ([28, 32],),
        "Sector 0 ends with byte 31, so these two are in different sectors.",
    )
    yield (
        ([0, 4, 1024, 1028],),
        "The warp reads two sectors. Memory does not deliver the sectors between them.",
    )
    yield (
        ([604, 676, 584],),
        "604 and 584 lie in the same sector, though another address stands between them.",
    )
    eight_threads = [first + 20 + 4 * thread for thread in range(8)]
    yield (
        (eight_threads,),
        "These 32 bytes begin in the middle of a sector.",
    )
    yield ([first, first, first, first + 96],), ""


@domain("kernels.transactions")
def any_warp(random):
    first = 16 * int(random.integers(0, 50))
    threads = random.integers(1, 12)
    addresses = first + 4 * random.integers(0, 40, threads)
    return (addresses.tolist(),)


RUN_RULES = [
    ("lost", "", "{lost}"),
    ("error", "", "It ends with an error: {error}"),
]

WAIT_RULES = [
    (
        "raced",
        0,
        "One thread reads {raced} numbers of the tiles and another one writes them, without "
        "a wait between. Call `cuda.syncthreads()` twice per tile: before the tiles are "
        "read, and before they are filled again.",
    ),
]

PRODUCT_RULES = [
    (
        "off_whole",
        at_most(1e-3),
        "If the sizes are multiples of TILE, a number of the product is wrong by "
        "{off_whole:.3g}. (`c` is full of other numbers at first.)",
    ),
    (
        "off_ragged",
        at_most(1e-3),
        "It is right if the tiles fit, but wrong by {off_ragged:.3g} if they reach "
        "beyond the edge: load 0 there.",
    ),
]

MEMORY_RULES = [
    (
        "reads",
        at_most(1.01),
        "It reads global memory {reads:.2f} × as often as tiles need: load each number "
        "once per tile.",
    ),
    (
        "transactions",
        at_most(1.25),
        "The product is right, but it takes {transactions:.2f} × the transactions that "
        "tiles need: let the threads of a warp load neighbours in a row.",
    ),
]

question(
    "kernels.shared",
    "A CUDA kernel with tiles in shared memory",
    points=4,
    hint="Each thread loads one number of each tile. When may the others read it, and "
    "when may you overwrite it?",
    file="labs.deeper.kernels.judge:shared_kernel",
    rules=RUN_RULES + WAIT_RULES + PRODUCT_RULES + MEMORY_RULES,
    good={
        "lost": "",
        "error": "",
        "reads": 1.0,
        "raced": 0,
        "transactions": 1.0,
        "off_whole": 0.0,
        "off_ragged": 0.0,
    },
)


@question(
    "kernels.bound",
    "The least time of a convolution",
    points=1,
    hint="How long does the arithmetic take alone, and how long does the memory take?",
)
def bound(random):
    dot = [1, 1, 1, 1]
    fast = 1e12
    yield (
        (dot, dot, dot, 1.0, fast),
        "One multiplication and one addition are two operations, at one per second: 2 s.",
    )
    yield (
        (dot, dot, dot, fast, 1.0),
        "Input, weights and output have one number of 4 bytes each: 12 bytes, at one "
        "byte per second.",
    )
    yield (
        (dot, dot, dot, 1.0, 4.0),
        "The arithmetic takes 2 s and the memory 3 s, at the same time. The longer time "
        "counts.",
    )
    yield (
        ([1, 8, 1, 1], [2, 8, 1, 1], [1, 2, 1, 1], 1.0, fast),
        "Each of the two outputs is the sum of 8 products, one per input channel.",
    )
    yield (
        ([1, 8, 4, 4], [8, 1, 3, 3], [1, 8, 4, 4], 1.0, fast),
        "This layer is depthwise: an output uses 9 numbers of one channel, as the shape "
        "of the weights shows.",
    )
    x, w, y = [1, 2, 4, 7], [4, 2, 1, 5], [1, 4, 4, 3]
    yield (
        (x, w, y, 1000.0, fast),
        "Photos and kernels need not be square: each of the 4 × 4 × 3 outputs adds up "
        "2 × 1 × 5 products, and the time has decimals.",
    )
    yield (
        (x, w, y, fast, 1000.0),
        "The memory decides here, for 56 numbers of input, 40 weights and 48 outputs.",
    )
    channels, side = random.integers((8, 7), (64, 28)).tolist()
    x, y = [1, channels, side, side], [1, 24, side, side]
    w = [24, channels, 1, 1]
    yield (x, w, y, fast, 1e9), ""


@domain("kernels.bound")
def any_convolution(random):
    inputs, outputs = random.integers(1, 9, 2).tolist()
    groups = int(random.integers(1, 4))
    height, width = random.integers(1, 12, 2).tolist()
    rows, columns = random.integers(1, 5, 2).tolist()
    stride = pick(random, 1, 2)
    x = [1, inputs * groups, height * stride, width * stride]
    w = [outputs * groups, inputs, rows, columns]
    y = [1, outputs * groups, height, width]
    return x, w, y, pick(random, 1e3, 1e9, 1e12), pick(random, 1e3, 1e9)
