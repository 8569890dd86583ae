"""What lesson 13b finds in kernels: each known mistake leaves the trace that its message speaks of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from grading.builder.solve import AnswerKey
from grading.calls import call, decode, encode
from grading.checkpoints import all_checkpoints
from grading.checkpoints.model.lesson_13b import inspect_kernel, shared_kernel
from labs.records import Records
from labs.traced import Traced

HEAD = "from numba import cuda, float32\n\nTILE = 16\n\n\n"
GRID, BARRIER = "column, row = cuda.grid(2)", "        cuda.syncthreads()\n"


@pytest.fixture(scope="module")
def kernel() -> str:
    """Return the answer key's CUDA kernel, with the file's head."""
    return HEAD + AnswerKey.read().answers["m.kernel.shared"]


def without_tiles(kernel: str) -> str:
    """Return a kernel that makes no tiles."""
    return HEAD + (
        "def multiply_shared(a, b, c):\n"
        f"    {GRID}\n"
        "    if row < c.shape[0] and column < c.shape[1]:\n"
        "        total = float32(0)\n"
        "        for k in range(a.shape[1]):\n"
        "            total += a[row, k] * b[k, column]\n"
        "        c[row, column] = total\n"
    )


def turned(kernel: str) -> str:
    """Return the kernel with rows and columns of threads changed over: right, and against the grain of memory."""
    there = "x, y = cuda.threadIdx.x"
    return kernel.replace(GRID, "row, column = cuda.grid(2)").replace(there, "y, x = cuda.threadIdx.x")


SPOILED = {
    "ended": lambda kernel: kernel.replace("if row < a.shape[0] and k0 + x < a.shape[1] else float32(0)", ""),
    "not_tiled": without_tiles,
    "barrier": lambda kernel: kernel.replace(BARRIER, "", 1),
    "wrong": lambda kernel: kernel.replace("total +=", "total ="),
    "edges": lambda kernel: kernel.replace("range(0, a.shape[1], TILE)", "range(0, a.shape[1] // TILE * TILE, TILE)"),
    "uncoalesced": turned,
}


def test_the_answers_kernel_passes_in_the_simulator(kernel: str, tmp_path: Path) -> None:
    """It reads global memory as seldom as tiles of that size allow, and no more sectors than they have."""
    (tmp_path / "kernel.py").write_text(kernel)
    facts = inspect_kernel(tmp_path / "kernel.py")
    assert shared_kernel(facts, Records()).ok
    assert facts["whole"]["reads"] * 8 == facts["whole"]["naive_reads"]
    assert facts["whole"]["transactions"] == facts["whole"]["least_transactions"]


@pytest.mark.parametrize("mistake", SPOILED)
def test_a_spoiled_kernel_is_named(kernel: str, mistake: str, tmp_path: Path) -> None:
    """The facts about a kernel that ran lead to the mistake that was made."""
    spoiled = SPOILED[mistake](kernel)
    assert spoiled != kernel
    (tmp_path / "kernel.py").write_text(spoiled)
    assert shared_kernel(inspect_kernel(tmp_path / "kernel.py"), Records()).mistake == mistake


def test_a_traced_matrix_travels_as_json_and_comes_back_with_an_empty_log() -> None:
    """Numbers stay; what was done to them is told, and forgotten by whoever reads it."""
    one = Traced([[1, 2], [3, 4]])
    assert one[0, 1] == 2
    kept = encode(one)
    assert (kept["reads"], kept["fetched"]) == (1, 1)
    again = decode(kept)
    assert again.values.tolist() == [[1, 2], [3, 4]]
    assert again.log == []


def test_a_kernel_is_worth_what_it_did_to_all_of_its_matrices() -> None:
    """It returns the last, and the reads of the first count."""

    def double(a, c):
        for j in range(2):
            c[0, j] = a[0, j] * 2
        return c

    case = encode([Traced([[1, 2]]), Traced([[0, 0]])])
    assert [one["reads"] for one in call(double, [case])[0]["value"]] == [2, 0]
    assert call(lambda a, c: None, [case]) == [{"value": None}]


@pytest.mark.parametrize("rows", [2, 4])
def test_several_rows_at_once_are_a_kernel_too(rows: int) -> None:
    """A student who goes further than was asked reads b less often, and is not taken for one who copied it."""

    def blocked(a, b, c):
        c[:] = 0
        for first in range(0, c.shape[0], rows):
            for k in range(a.shape[1]):
                for j in range(c.shape[1]):
                    from_b = b[k, j]
                    for i in range(first, min(first + rows, c.shape[0])):
                        c[i, j] += a[i, k] * from_b
        return c

    asked = all_checkpoints()["m.kernel.rows"].asks
    cases = asked.drawn(np.random.default_rng(3))
    assert cases.verdict(call(blocked, cases.cases)).ok


def test_three_loops_over_tiles_are_as_good_as_two() -> None:
    """Tiling the rows of a as well is what many textbooks do."""

    def thrice(a, b, c, tile):
        c[:] = 0
        for i0 in range(0, c.shape[0], tile):
            for j0 in range(0, c.shape[1], tile):
                for k0 in range(0, a.shape[1], tile):
                    for i in range(i0, min(i0 + tile, c.shape[0])):
                        for k in range(k0, min(k0 + tile, a.shape[1])):
                            for j in range(j0, min(j0 + tile, c.shape[1])):
                                c[i, j] += a[i, k] * b[k, j]
        return c

    asked = all_checkpoints()["m.kernel.tiles"].asks
    for seed in range(3):
        cases = asked.drawn(np.random.default_rng(seed))
        assert cases.verdict(call(thrice, cases.cases)).ok
