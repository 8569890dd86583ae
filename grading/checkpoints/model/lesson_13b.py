"""Write a kernel: loop order and tiles, judged by what they fetch; the memory of a warp, and shared memory."""

from __future__ import annotations

import math

import numpy as np

from grading.checkpoints import (
    Mistake,
    Verdict,
    artefact_question,
    close,
    failed_as,
    function_question,
    passed,
    prediction,
)
from labs.display.format import times
from labs.optimize.traced import Traced
from labs.records import Records

#: What a right kernel may fetch beside the reference: other orders of tiles are as good.
_ROOM = 1.3

#: A kernel that reads b this many times less often has copied it and let numpy multiply. Eight rows at once are fine.
_MOST_SHARED = 8


@prediction(
    "m.kernel.order_guess",
    about={"kind": "latency", "option": "matmul-rows"},
    title="Predict how many times as fast the same loops are in another order",
    between=(0.05, 1000),
    show=times,
)
def order_gain(records: Records) -> float | None:
    """Return how many times shorter the median is with the inner loop along rows than down columns."""
    run = records.comparison("matmul-columns", "matmul-rows")
    return None if run is None else run.ratio("matmul-columns", "matmul-rows").interval.value


@prediction(
    "m.kernel.gpu_guess",
    about={"kind": "latency", "option": "cuda-shared"},
    title="Predict how many times as fast shared memory makes the kernel on the GPU",
    between=(0.05, 1000),
    show=times,
    gate=("CUDA provider",),
)
def shared_gain(records: Records) -> float | None:
    """Return how many times shorter the median is with tiles in shared memory than without."""
    run = records.comparison("cuda-coalesced", "cuda-shared")
    return None if run is None else run.ratio("cuda-coalesced", "cuda-shared").interval.value


def _matrices(random: np.random.Generator, rows: int, inner: int, columns: int) -> tuple[Traced, Traced, Traced]:
    shapes = ((rows, inner), (inner, columns), (rows, columns))
    return tuple(Traced(random.integers(1, 6, shape)) for shape in shapes)


def _row_cases(random: np.random.Generator) -> list[tuple]:
    # More rows of b than the cache has lines, so that a column is gone before its neighbour is read.
    sizes = ((9, 18, 8), (10, int(random.integers(18, 24)), 12), (int(random.integers(11, 14)), 19, 16))
    return [_matrices(random, *one) for one in sizes]


def _tile_cases(random: np.random.Generator) -> list[tuple]:
    sizes = ((16, 16, 16), (13, int(random.integers(17, 20)), 20), (int(random.integers(12, 14)), 18, 20))
    return [(*_matrices(random, *one), 8) for one in sizes]


def _as_good(given: object, wanted: object) -> bool:
    """Judge a kernel by its result, by reading b itself, and by what the cache fetched."""
    exactly = close(abs=1e-3)
    if not (isinstance(wanted, list) and isinstance(wanted[0], dict)):
        return exactly(given, wanted)
    right = exactly(given[-1]["values"], wanted[-1]["values"])
    itself = given[1]["reads"] * _MOST_SHARED >= wanted[1]["reads"]
    fetched, room = (sum(one["fetched"] for one in side) for side in (given, wanted))
    return right and itself and fetched <= _ROOM * room


def _columns(a, b, c, tile: int = 0):
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            total = np.float32(0)
            for k in range(a.shape[1]):
                total += a[i, k] * b[k, j]
            c[i, j] = total
    return c


def _copied(a, b, c, tile: int = 0):
    c[:] = (a[:, :] * 1) @ (b[:, :] * 1)
    return c


def _not_emptied(a, b, c, tile: int = 0):
    for i in range(c.shape[0]):
        for k in range(a.shape[1]):
            for j in range(c.shape[1]):
                c[i, j] += a[i, k] * b[k, j]
    return c


def _overwritten(a, b, c):
    for i in range(c.shape[0]):
        for k in range(a.shape[1]):
            for j in range(c.shape[1]):
                c[i, j] = a[i, k] * b[k, j]
    return c


_NOT_A_KERNEL = "That is numpy's product, which hands the work to BLAS. Write the three loops yourself."
_NOT_EMPTIED = "`c` holds old numbers when it comes: set it to 0 before anything is added."
_COPIED = "Each number of `b` is read once and then multiplied elsewhere: the loops are to do it."


@function_question(
    "m.kernel.rows",
    points=2,
    title="Multiply with the inner loop along the rows",
    hints=(
        "Which loop must be the innermost, so that both `b[k, j]` and `c[i, j]` go along a row?",
        "Set `c` to 0; then `for i`, `for k`, `for j`: `c[i, j] += a[i, k] * b[k, j]`, and `return c`.",
    ),
    cases=_row_cases,
    compare=_as_good,
    mistakes=(
        Mistake("numpy", lambda a, b, c: a @ b, _NOT_A_KERNEL),
        Mistake("copied", _copied, _COPIED),
        Mistake("not emptied", _not_emptied, _NOT_EMPTIED),
        Mistake("overwritten", _overwritten, "Each step replaces `c[i, j]`; it has to be added to."),
        Mistake(
            "columns",
            _columns,
            "Right, and the inner loop still goes down the columns of `b`: another line of the cache at every step.",
        ),
    ),
    right="The same multiplications, and a quarter of the lines or less.",
)
def multiply_rows(a, b, c):
    """Return c, filled with the product, its rows and those of b read in order."""
    c[:] = 0
    for i in range(c.shape[0]):
        for k in range(a.shape[1]):
            for j in range(c.shape[1]):
                c[i, j] += a[i, k] * b[k, j]
    return c


def _tiles(a, b, c, tile: int, end):
    c[:] = 0
    for k0 in range(0, a.shape[1], tile):
        for j0 in range(0, c.shape[1], tile):
            for i in range(c.shape[0]):
                for k in range(k0, end(k0 + tile, a.shape[1])):
                    for j in range(j0, end(j0 + tile, c.shape[1])):
                        c[i, j] += a[i, k] * b[k, j]
    return c


def _whole_tiles(a, b, c, tile: int):
    c[:] = 0
    for k0 in range(0, a.shape[1] // tile * tile, tile):
        for j0 in range(0, c.shape[1] // tile * tile, tile):
            for i in range(c.shape[0]):
                for k in range(k0, k0 + tile):
                    for j in range(j0, j0 + tile):
                        c[i, j] += a[i, k] * b[k, j]
    return c


@function_question(
    "m.kernel.tiles",
    points=3,
    title="Multiply tile by tile",
    hints=(
        "Two more loops outside, over the first `k` and the first `j` of each tile. What do the inner ones run over?",
        "`for k0 in range(0, a.shape[1], tile)`, the same for `j0`; then all `i`, and "
        "`for k in range(k0, min(k0 + tile, a.shape[1]))`.",
    ),
    cases=_tile_cases,
    compare=_as_good,
    mistakes=(
        Mistake("numpy", lambda a, b, c, tile: a @ b, _NOT_A_KERNEL),
        Mistake("copied", _copied, _COPIED),
        Mistake("not emptied", _not_emptied, _NOT_EMPTIED),
        Mistake(
            "beyond the edge",
            lambda a, b, c, tile: _tiles(a, b, c, tile, lambda end, size: end),
            "The last tile reaches beyond the matrix. Python says so; compiled, it would read whatever lies there. Its "
            "end is `min(k0 + tile, a.shape[1])`.",
        ),
        Mistake(
            "whole tiles only",
            _whole_tiles,
            "What is left over beside the last whole tile is not computed: sizes need not be multiples of the tile.",
        ),
        Mistake(
            "no tiles",
            lambda a, b, c, tile: multiply_rows(a, b, c),
            "Right, and `b` is fetched anew for every row of `a`: a whole tile of it has to be used by all rows before "
            "the next one begins.",
        ),
        Mistake("columns", _columns, "Right, and the inner loop goes down the columns of `b`, without tiles."),
    ),
    right="Each tile of b is fetched once and used by every row.",
)
def multiply_tiles(a, b, c, tile: int):
    """Return c, filled with the product, tile by tile of b."""
    return _tiles(a, b, c, tile, min)


def _addresses(random: np.random.Generator) -> list[tuple]:
    first = 128 * int(random.integers(4, 90))
    width = int(random.integers(20, 60)) * 4
    steps = (4, 8, 32, width, 128)
    cases = [([first + step * thread for thread in range(32)],) for step in steps]
    cases.append(([first] * 32,))
    cases.append(([first + 20 + 4 * thread for thread in range(32)],))
    cases.append(([first + 4 * int(one) for one in random.integers(0, 100, 32)],))
    return cases


@function_question(
    "m.kernel.transactions",
    points=2,
    title="Count the memory transactions of a warp",
    hints=(
        "In which sector does address 100 lie, if sector 0 holds the bytes 0 to 31?",
        "`address // 32` is the sector; how many different ones are there? A `set` knows.",
    ),
    cases=_addresses,
    mistakes=(
        Mistake(
            "threads", lambda addresses: len(addresses), "Threads that want the same sector share one transaction."
        ),
        Mistake(
            "addresses",
            lambda addresses: len(set(addresses)),
            "These are different numbers; a sector holds eight of them, and comes as a whole.",
        ),
        Mistake(
            "span",
            lambda addresses: (max(addresses) - min(addresses)) // 32 + 1,
            "Only sectors that somebody wants are fetched, not all between the first and the last.",
        ),
        Mistake(
            "lines of 128",
            lambda addresses: len({one // 128 for one in addresses}),
            "A sector has 32 bytes: 128 are the whole line, of which single sectors can be fetched.",
        ),
        Mistake(
            "by the amount",
            lambda addresses: math.ceil(len(set(addresses)) * 4 / 32),
            "That would do if the numbers lay side by side, and began where a sector begins.",
        ),
    ),
    right="Four for neighbours, thirty-two for strangers: a factor of eight, from addresses alone.",
)
def transactions(addresses: list[int]) -> int:
    """Return in how many sectors of 32 bytes a warp's addresses lie."""
    return len({one // 32 for one in addresses})


def inspect_kernel(path) -> dict:
    """Return what a kernel did in the simulator, in a process of its own."""
    from labs.optimize.simulated import simulate

    return simulate(path)


_WHOLE = {"max_abs_diff": 0.0, "reads": 1024, "naive_reads": 8192, "transactions": 128, "least_transactions": 128}
_RAGGED = {"max_abs_diff": 0.0, "reads": 1050, "naive_reads": 6468, "transactions": 246, "least_transactions": 131}
_GOOD = {"ended": 0, "barriers": 2, "whole": _WHOLE, "ragged": _RAGGED}


@artefact_question(
    "m.kernel.shared",
    points=3,
    title="Write a CUDA kernel with tiles in shared memory",
    hints=(
        "Each thread brings one number of each tile; when may the others read it, and when may it be overwritten?",
        "In the loop over tiles: load both numbers (0 beyond the edge), `cuda.syncthreads()`, add `TILE` products, "
        "`cuda.syncthreads()` again.",
    ),
    inspect=inspect_kernel,
    mistakes={
        "ended": "It ends with an error: look at what it says. (An index out of bounds? Tiles reach beyond the edge.)",
        "not_tiled": "Every number is read from global memory again and again, as without tiles.",
        "barrier": "Some thread reads the tile before all have filled it, or fills it while others still read: there "
        "are two barriers in each turn.",
        "wrong": "The product is wrong where the tiles fit exactly.",
        "edges": "The product is right where the tiles fit, and wrong where they reach beyond the edge: load 0 there.",
        "uncoalesced": "Right, and the threads of a warp read down a column: `threadIdx.x` belongs to the column of "
        "what is loaded.",
    },
    examples={
        "good": _GOOD,
        "ended": {"ended": 1, "said": "IndexError: index 21 is out of bounds for axis 0 with size 21"},
        "not_tiled": {**_GOOD, "whole": {**_WHOLE, "reads": 8192, "transactions": 640}},
        "barrier": {**_GOOD, "barriers": 1},
        "wrong": {**_GOOD, "whole": {**_WHOLE, "max_abs_diff": 7.0}},
        "edges": {**_GOOD, "ragged": {**_RAGGED, "max_abs_diff": 7.0}},
        "uncoalesced": {**_GOOD, "whole": {**_WHOLE, "transactions": 256}},
    },
)
def shared_kernel(facts: dict, records: Records) -> Verdict:
    """Judge that it computes the product, reads global memory once a tile, waits twice, and reads along rows."""
    if facts["ended"]:
        return failed_as("ended", yours=facts["said"])
    whole = facts["whole"]
    seen = f"{whole['reads']} reads, {whole['transactions']} transactions"
    if 2 * whole["reads"] > whole["naive_reads"]:
        return failed_as("not_tiled", yours=seen)
    if facts["barriers"] < 2:
        return failed_as("barrier")
    for name, mistake in (("whole", "wrong"), ("ragged", "edges")):
        if facts[name]["max_abs_diff"] > 1e-3:
            return failed_as(mistake, yours=f"largest difference {facts[name]['max_abs_diff']:.3g}")
    if whole["transactions"] > 1.5 * whole["least_transactions"]:
        return failed_as("uncoalesced", yours=seen)
    return passed("Each number comes from global memory once for each block that needs it.", yours=seen)
