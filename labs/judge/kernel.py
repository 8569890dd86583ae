"""A CUDA kernel: what it computes in numba's simulator, and what it reads of a memory that the judge holds."""

from collections import Counter

import numpy as np

from labs.judge.drawn import dice
from labs.judge.program import Lost, Outside, Program, Start, at_home
from labs.judge.verdicts import Handed, content_of, noting
from labs.optimize.traced import SECTOR_BYTES, Touch, transactions

#: Rows of a, columns of a, columns of b: one case that tiles fit into, and one that they do not.
_WHOLE, _RAGGED = (16, 16, 16), (11, 21, 14)

#: The side of a tile and of a block: small enough for a thread of Python's each.
_TILE = 8

#: Reads and writes of a case; a kernel without tiles makes half of them.
_MOST_CALLS = 20_000

#: Seconds after which a kernel hangs: threads wait for each other, where a barrier stands in a branch.
_WITHIN_S = 60

_REPLY = {"error": str, "barriers": int}

_TOUCH = {"name": str, "at": [int], "line": int, "block": [int], "thread": int}


class _Memory:
    """Global memory: three matrices, and who touched them."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        random, (rows, inner, columns) = dice(), shape
        a, b = random.integers(-4, 5, (rows, inner)), random.integers(-4, 5, (inner, columns))
        self.matrices = {
            "a": a.astype(float),
            "b": b.astype(float),
            "c": np.full((rows, columns), 99.0),
        }
        self.reads: dict[str, list[Touch]] = {"a": [], "b": [], "c": []}
        self._turns: Counter[tuple] = Counter()

    def _place(self, name: str, at: list[int]) -> tuple[int, int]:
        if name not in self.matrices or len(at) != 2:
            raise Lost("It touches what is neither a number of `a`, nor of `b`, nor of `c`.")
        shape = self.matrices[name].shape
        if not all(0 <= one < side for one, side in zip(at, shape, strict=True)):
            raise Lost(f"It touches {name}{at}, which lies beyond the edge of {list(shape)}.")
        return at[0], at[1]

    def read(self, name: str, at: list, line: int, block: list, thread: int) -> float:
        place = self._place(name, at)
        who = name, tuple(block), thread, line
        self._turns[who] += 1
        number = place[0] * self.matrices[name].shape[1] + place[1]
        self.reads[name].append(Touch(number, False, tuple(block), thread, line, self._turns[who]))
        return float(self.matrices[name][place])

    def write(self, name: str, at: list, value: float, line: int, block: list, thread: int) -> None:
        place = self._place(name, at)
        self.matrices[name][place] = value

    def off(self) -> float:
        """Return the largest difference from the product."""
        difference = np.abs(self.matrices["c"] - self.matrices["a"] @ self.matrices["b"])
        return float(np.nan_to_num(difference, nan=1e9, posinf=1e9).max())


def shared_kernel(handed: Handed, start: Start = at_home) -> dict:
    """Return what a kernel with tiles in shared memory did on matrices that its tiles fit into, and on others.

    It is the file's ``multiply_shared(a, b, c)``, for blocks of ``TILE`` × ``TILE`` threads.

    Returns:
        ``error`` (empty if it ran), ``barriers`` (calls of ``cuda.syncthreads()`` in it), ``off_whole`` and
        ``off_ragged`` (largest difference from the product); where the tiles fit, ``reads`` of global memory and
        ``transactions``, both over the fewest that tiles need.
    """
    facts = {
        "error": "",
        "barriers": 0,
        "off_whole": 1e9,
        "off_ragged": 1e9,
        "reads": 0.0,
        "transactions": 0.0,
    }
    content, memory = content_of(handed, "shared_kernel.py"), _Memory(_WHOLE)
    outside = {
        "read": Outside(_TOUCH, lambda **touch: memory.read(**touch)),
        "write": Outside({**_TOUCH, "value": float | int}, lambda **touch: memory.write(**touch)),
    }
    with (
        noting(facts),
        Program("kernel", content, outside, start, wall_s=90, most_calls=_MOST_CALLS) as program,
    ):
        for name, (rows, inner, columns) in (("off_whole", _WHOLE), ("off_ragged", _RAGGED)):
            memory = memory if name == "off_whole" else _Memory(_RAGGED)
            blocks = [-(-side // _TILE) for side in (columns, rows)]
            shapes = {name: matrix.shape for name, matrix in memory.matrices.items()}
            reply = program.reply(program.begin(blocks=blocks, shapes=shapes), _REPLY, _WITHIN_S)
            facts |= {"error": reply["error"], "barriers": reply["barriers"], name: memory.off()}
            if name == "off_whole":
                # Each block reads a strip of a and one of b, each number once.
                fewest = blocks[0] * rows * inner + blocks[1] * inner * columns
                touched = sum(map(transactions, memory.reads.values())) * SECTOR_BYTES / 4
                facts |= {
                    "reads": sum(map(len, memory.reads.values())) / fewest,
                    "transactions": touched / fewest,
                }
            if facts["error"]:
                break
    return facts
