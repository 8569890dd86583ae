"""A CUDA kernel: its results in numba's simulator, and its reads of the judge's memory."""

import math
from collections import Counter
from typing import Any

import numpy as np

from labs.deeper.kernels import TILE
from labs.judge.drawn import dice
from labs.judge.program import Lost, Outside, Program, Start, at_home
from labs.judge.traced import SECTOR_BYTES, Touch, transactions
from labs.judge.verdicts import Handed, content_of, noting

#: Rows of a, columns of a, columns of b: one case that tiles fit into, and one that they do not.
_WHOLE, _RAGGED = (16, 16, 16), (11, 21, 14)

#: Reads and writes of a case; a kernel without tiles makes half of them.
_MOST_CALLS = 20_000

#: Seconds after which a kernel hangs: threads wait for each other, where a barrier stands in a
#: branch.
_WITHIN_S = 60

_REPLY = {"error": str, "raced": int}

_TOUCH = {"name": str, "at": [int], "line": int, "block": [int], "thread": int}


class _Memory:
    """Global memory: three matrices, and who touched them."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        random = dice()
        rows, inner, columns = shape
        # Quarters: exact in float32, and no whole numbers.
        a = random.integers(-16, 17, (rows, inner)) / 4
        b = random.integers(-16, 17, (inner, columns)) / 4
        self.matrices = {"a": a, "b": b, "c": np.full((rows, columns), 99.0)}
        self.reads: dict[str, list[Touch]] = {"a": [], "b": [], "c": []}
        self._turns: Counter[tuple] = Counter()

    def _place(self, name: str, at: list[int]) -> tuple[int, int]:
        if name not in self.matrices or len(at) != 2:
            raise Lost(
                "It reads or writes an array other than `a`, `b` and `c`, or an index that is "
                "not (row, column)."
            )
        shape = self.matrices[name].shape
        row, column = at
        if not (0 <= row < shape[0] and 0 <= column < shape[1]):
            raise Lost(
                f"It reads or writes {name}{at}, outside the array's shape {list(shape)}."
            )
        return row, column

    def read(self, name: str, at: list, line: int, block: list, thread: int) -> float:
        row, column = self._place(name, at)
        matrix = self.matrices[name]
        reader = name, tuple(block), thread, line
        self._turns[reader] += 1
        turn = self._turns[reader]
        number = row * matrix.shape[1] + column
        touch = Touch(number, False, tuple(block), thread, line, turn)
        self.reads[name].append(touch)
        return float(matrix[row, column])

    def write(
        self, name: str, at: list, value: float, line: int, block: list, thread: int
    ) -> None:
        place = self._place(name, at)
        self.matrices[name][place] = value

    def read_count(self) -> int:
        return sum(len(touches) for touches in self.reads.values())

    def delivered_numbers(self) -> float:
        """Return how many numbers came with all transactions: each delivers a whole sector."""
        sectors = sum(transactions(touches) for touches in self.reads.values())
        return sectors * SECTOR_BYTES / 4

    def off(self) -> float:
        """Return the largest difference from the product."""
        product = self.matrices["a"] @ self.matrices["b"]
        differences = np.abs(self.matrices["c"] - product)
        return float(np.nan_to_num(differences, nan=1e9, posinf=1e9).max())


def shared_kernel(handed: Handed, start: Start = at_home) -> dict:
    """Return what a kernel with tiles in shared memory did on matrices that its tiles fit into, and
    on others.

    It is the file's ``multiply_shared(a, b, c)``, for blocks of ``TILE`` × ``TILE`` threads.

    Returns:
        ``error`` (empty if it ran), ``raced`` (numbers of tiles that one thread reads and another
        writes without a wait between),
        ``off_whole`` and ``off_ragged`` (largest difference from the product); where the tiles fit,
        ``reads`` of global memory and ``transactions``, both over the fewest that tiles need.
    """
    facts = {
        "error": "",
        "raced": 0,
        "off_whole": 1e9,
        "off_ragged": 1e9,
        "reads": 0.0,
        "transactions": 0.0,
    }
    memory = _Memory(_WHOLE)

    def read(**touch: Any) -> float:
        return memory.read(**touch)

    def write(**touch: Any) -> None:
        memory.write(**touch)

    outside = {
        "read": Outside(_TOUCH, read),
        "write": Outside({**_TOUCH, "value": float | int}, write),
    }
    with (
        noting(facts),
        Program(
            "labs.deeper.kernels.inside:kernel",
            content_of(handed, "shared_kernel.py"),
            outside,
            start,
            wall_s=90,
            most_calls=_MOST_CALLS,
        ) as program,
    ):
        for fact, shape in (("off_whole", _WHOLE), ("off_ragged", _RAGGED)):
            memory = _Memory(shape)
            rows, inner, columns = shape
            blocks = [_tiles(columns), _tiles(rows)]
            shapes = {name: matrix.shape for name, matrix in memory.matrices.items()}
            ask = program.begin(blocks=blocks, shapes=shapes)
            reply = program.reply(ask, _REPLY, _WITHIN_S)
            facts["error"] = reply["error"]
            facts["raced"] = max(facts["raced"], reply["raced"])
            facts[fact] = memory.off()
            if fact == "off_whole":
                # Each block reads a strip of a and one of b, each number once.
                fewest = blocks[0] * rows * inner + blocks[1] * inner * columns
                facts["reads"] = memory.read_count() / fewest
                facts["transactions"] = memory.delivered_numbers() / fewest
            if facts["error"]:
                break
    return facts


def _tiles(side: int) -> int:
    """Return how many tiles cover a side of a matrix."""
    return math.ceil(side / TILE)
