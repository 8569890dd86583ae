"""The questions of "Kernels and the roofline": cases from plain to special, each with its sentence."""

import numpy as np

from grading.builder.questions import another, at_least, at_most, prediction, question

prediction(
    "kernels.order",
    "How many times as fast as the textbook's order is each way?",
    about={"kind": "latency", "option": "matmul-rows"},
    unit="×",
    between=(0.05, 10_000),
    rows="the best order of the loops",
    blas="BLAS",
)


@question(
    "kernels.transactions",
    "The memory transactions of a warp",
    points=2,
    hint="In which sector does the byte 100 lie? And how many *different* sectors does the warp want?",
)
def transactions(random):
    first = 32 * int(random.integers(3, 90))
    yield (
        ([0, 4, 8, 12],),
        "All four addresses lie in sector 0, which comes once for all of them.",
    )
    yield (
        ([0, 32, 64, 96],),
        "Each of these addresses lies in a sector of its own. A sector has 32 bytes.",
    )
    yield (
        ([28, 32],),
        "Sector 0 ends with byte 31, so these two do not share one, near as they are.",
    )
    yield (
        ([0, 4, 1024, 1028],),
        "Two sectors are wanted. What lies between them is not fetched.",
    )
    yield (
        ([first + 20 + 4 * thread for thread in range(8)],),
        "These 32 bytes begin in the middle of a sector.",
    )
    yield ([first] * 3 + [first + 96],), ""


question(
    "kernels.shared",
    "A CUDA kernel with tiles in shared memory",
    points=3,
    hint="Each thread brings one number of each tile. When may the others read it, and when may it be overwritten?",
    file="labs.judge.kernel:shared_kernel",
    rules=[
        ("lost", "", "{lost}"),
        ("error", "", "It ends with an error: {error}"),
        (
            "reads",
            at_most(1.01),
            "It reads global memory {reads:.2f} × as often as tiles need: each number should come once per tile.",
        ),
        (
            "barriers",
            at_least(2),
            "`cuda.syncthreads()` stands in it {barriers} ×. Without two of them a thread reads a tile before all have "
            "filled it, or fills it while others still read.",
        ),
        (
            "off_whole",
            at_most(1e-3),
            "Where the tiles fit exactly, a number of the product is off by {off_whole:.3g}.",
        ),
        (
            "off_ragged",
            at_most(1e-3),
            "Right where the tiles fit, and off by {off_ragged:.3g} where they reach beyond the edge: load 0 there.",
        ),
        (
            "transactions",
            at_most(1.5),
            "Right, and it needs {transactions:.2f} × the transactions that tiles need: the threads of a warp should "
            "load neighbours in a row.",
        ),
    ],
    good={"lost": "", "error": "", "reads": 1.0, "barriers": 2, "transactions": 1.0}
    | dict.fromkeys(("off_whole", "off_ragged"), 0.0),
)


@question(
    "kernels.bound",
    "The least time of a convolution",
    points=2,
    hint="How long would the arithmetic take alone, and how long the memory?",
)
def bound(random):
    dot, fast = [1, 1, 1, 1], 1e12
    yield (
        (dot, dot, dot, 1.0, fast),
        "One multiplication and one addition are two operations, at one a second.",
    )
    yield (
        (dot, dot, dot, fast, 1.0),
        "Input, weights and output are a number each, of 4 bytes, at one byte a second.",
    )
    yield (
        (dot, dot, dot, 1.0, 4.0),
        "The arithmetic takes 2 s and the memory 3 s, at the same time. The slower one decides.",
    )
    yield (
        ([1, 8, 1, 1], [2, 8, 1, 1], [1, 2, 1, 1], 1.0, fast),
        "Each of the two outputs adds up 8 products, one for each channel of the input.",
    )
    yield (
        ([1, 8, 4, 4], [8, 1, 3, 3], [1, 8, 4, 4], 1.0, fast),
        "This layer is depthwise: an output sees 9 numbers of one channel. The weight's shape says so.",
    )
    channels, side = (int(one) for one in random.integers((8, 7), (64, 28)))
    yield (
        ([1, channels, side, side], [24, channels, 1, 1], [1, 24, side, side], fast, 1e9),
        "",
    )
