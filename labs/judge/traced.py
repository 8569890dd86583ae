"""Matrices that record each access and its thread: for students' kernels, run as plain Python.

A traced matrix replaces a numpy array, on the processor or in numba's CUDA simulator. It counts
what a small cache would fetch, and how many memory transactions the warps of a GPU would need.
These are counts of a model that is stated here, not of this machine: its own counters need Linux'
perf, and most virtual machines have none.
"""

import sys
import threading
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, SupportsInt

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

#: The model's cache: for each matrix 16 lines of 4 numbers. A real one has hundreds, of 64 bytes
#: each; tiny matrices need a tiny cache to miss it.
LINE_NUMBERS = 4
CACHE_LINES = 16

#: Threads that a GPU runs in step, and what it moves at least: 32 bytes, a sector.
#: Source: NVIDIA, CUDA C++ Best Practices Guide, "Coalesced Access to Global Memory".
WARP_THREADS = 32
SECTOR_BYTES = 32

#: Numpy functions allowed with traced numbers. numpy's own product of matrices would be another
#: person's kernel.
_ALLOWED = (np.add, np.subtract, np.multiply, np.negative)


class Touch(NamedTuple):
    """One number, read or written once."""

    #: Place of the number in its matrix, counted row by row.
    place: int
    is_write: bool
    #: In the simulator: block, and number of the thread in it; None elsewhere.
    block: tuple[int, int, int] | None = None
    thread: int = 0
    #: In the simulator: line of the kernel, and how often this thread had come by before.
    line: int = 0
    turn: int = 0


class Traced(NDArrayOperatorsMixin):
    """A matrix of float32 that notes each access; parts of it (``c[i]``, ``b[k, 2:6]``) note theirs
    in the same log.
    """

    def __init__(
        self,
        values: np.ndarray | Sequence,
        _places: np.ndarray | None = None,
        _log: list | None = None,
    ):
        """Wrap numbers, two-dimensional; they become float32."""
        self.log: list[Touch] = [] if _log is None else _log
        if _log is None:
            self._values = np.array(values, dtype=np.float32)
        else:
            self._values = np.asarray(values)
        if _places is None:
            _places = np.arange(self._values.size).reshape(self._values.shape)
        self._places = _places
        self._turns: dict[tuple, int] = {}

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""
        return self._values.shape

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return self._values.size

    @property
    def values(self) -> np.ndarray:
        """A copy of the numbers; looking at them here is not noted, and changing them changes no
        matrix.
        """
        return self._values.copy()

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, place: Any) -> Any:
        numbers = self._values[place]
        if isinstance(numbers, np.ndarray):
            return Traced(numbers, self._places[place], self.log)
        self._note(self._places[place], False)
        return numbers

    def __setitem__(self, place: Any, value: Any) -> None:
        if isinstance(value, Traced):
            target = self._values[place]
            if value.log is self.log and np.shares_memory(value._values, target):
                return  # `c[i] += …` has written already, and now puts the row back where it is
            value = value._read()
        self._values[place] = value
        for number in np.ravel(self._places[place]):
            self._note(number, True)

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: tuple = (), **how: Any
    ) -> Any:
        if ufunc not in _ALLOWED or method != "__call__":
            raise TypeError(
                f"a kernel multiplies and adds for itself; {ufunc.__name__} is numpy's own"
            )
        operands = [value._read() if isinstance(value, Traced) else value for value in inputs]
        result = ufunc(*operands, **how)
        if not out:
            return result
        target = out[0]
        target._values[...] = result
        for place in target._places.ravel():
            target._note(place, True)
        return target

    def __array__(self, *how: object, **more: object) -> np.ndarray:
        raise TypeError(
            "a kernel reads numbers, not a whole matrix: numpy's own functions are none of yours"
        )

    def reads(self) -> int:
        """Return how often one of its numbers was read."""
        return sum(not entry.is_write for entry in self.log)

    def fetched(self) -> int:
        """Return how many lines the model's cache had to fetch: fully associative, the line unused
        longest leaves.
        """
        held: dict[int, None] = {}
        count = 0
        for entry in self.log:
            line = entry.place // LINE_NUMBERS
            if line in held:
                del held[line]
            else:
                count += 1
                if len(held) == CACHE_LINES:
                    del held[next(iter(held))]
            held[line] = None
        return count

    def _read(self) -> np.ndarray:
        for place in self._places.ravel():
            self._note(place, False)
        return self._values

    def _note(self, place: SupportsInt, is_write: bool) -> None:
        thread: Any = threading.current_thread()
        block = getattr(thread, "blockIdx", None)
        if block is None:
            self.log.append(Touch(int(place), is_write))
            return
        # In the simulator each CUDA thread is a thread of Python's.
        block = tuple(block)
        number = thread.thread_id
        line = _kernel_line()
        key = (block, number, line, is_write)
        turn = self._turns[key] = self._turns.get(key, 0) + 1
        self.log.append(Touch(int(place), is_write, block, number, line, turn))


def _kernel_line() -> int:
    """Return the line that is being run of the kernel: of the caller from another file."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename == __file__ and frame.f_back:
        frame = frame.f_back
    return frame.f_lineno


def traced(*matrices: np.ndarray) -> list[Traced]:
    """Return each matrix traced, with its own log."""
    return [Traced(matrix) for matrix in matrices]


def instructions(log: Iterable[Touch]) -> dict[tuple, list[Touch]]:
    """Return what each warp touched with one instruction of a simulated kernel, in the order of the
    log.
    """
    groups: dict[tuple, list[Touch]] = {}
    for entry in log:
        warp = entry.thread // WARP_THREADS
        key = (entry.block, warp, entry.line, entry.turn, entry.is_write)
        groups.setdefault(key, []).append(entry)
    return groups


def sectors(touched: Iterable[Touch]) -> int:
    """Return how many memory transactions one instruction of a warp needs: the sectors that hold
    what it touches.
    """
    return len({access.place * 4 // SECTOR_BYTES for access in touched})


def transactions(log: Iterable[Touch]) -> int:
    """Return how many memory transactions all warps of a run in the simulator need together."""
    return sum(map(sectors, instructions(log).values()))
