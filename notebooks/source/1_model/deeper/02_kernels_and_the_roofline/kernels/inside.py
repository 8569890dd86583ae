"""A CUDA kernel in numba's simulator, whose global memory is outside."""

import math
import sys
import threading
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numba import cuda, types
from numba.cuda.simulator import kernel as simulator
from numba.cuda.simulator import kernelapi
from numba.np import numpy_support

from labs.deeper.kernels import TILE
from labs.judge.inside.wire import Ask, Wire, in_thread, load


class Tile:
    """A tile of shared memory, which notes numbers that one thread reads and another one writes
    without a wait between.
    """

    #: Tile and place of all such numbers.
    raced: ClassVar[set[tuple]] = set()
    _lock = threading.Lock()

    def __init__(self, shape: Any, dtype: Any) -> None:
        self._values = np.full(shape, 77, dtype)  # what nobody has written holds anything
        #: By place: the phase in which a number was last written or read, and by which threads.
        self._writers: dict[Any, tuple[Any, set]] = {}
        self._readers: dict[Any, tuple[Any, set]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._values, name)

    def __getitem__(self, at: Any) -> Any:
        self._note(at, self._readers, self._writers)
        return self._values[at]

    def __setitem__(self, at: Any, value: Any) -> None:
        self._note(at, self._writers, self._readers)
        self._values[at] = value

    def _note(self, at: Any, mine: dict, others: dict) -> None:
        """Note an access, and whether another thread did the other one in the same phase: between
        the same two waits of a block.
        """
        thread: Any = threading.current_thread()
        phase = tuple(thread.blockIdx), getattr(thread, "waits", 0)
        place = str(at)
        with self._lock:
            other_phase, threads = others.get(place, (None, set()))
            if other_phase == phase and threads - {thread.thread_id}:
                self.raced.add((id(self), place))
            my_phase, my_threads = mine.get(place, (None, set()))
            earlier = my_threads if my_phase == phase else set()
            mine[place] = phase, earlier | {thread.thread_id}


class SharedMemory(kernelapi.FakeCUDAShared):
    """Shared memory of tiles; as in numba's simulator, a line of the kernel is one tile."""

    def array(self, shape: Any, dtype: Any) -> Tile:
        if isinstance(dtype, types.Type):
            dtype = numpy_support.as_dtype(dtype)
        line = sys._getframe(1).f_lineno
        return self._allocations.setdefault(line, Tile(shape, dtype))


def _counted(syncthreads: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return a wait that counts the waits of its thread."""

    def wait(thread: Any) -> None:
        syncthreads(thread)
        thread.waits = getattr(thread, "waits", 0) + 1

    return wait


def kernel(wire: Wire, path: str) -> Ask:
    """A CUDA kernel in numba's simulator; global memory is outside, so what is read is asked for,
    number by number.
    """

    class Memory:
        dtype, ndim = np.dtype(np.float32), 2

        def __init__(self, name: str, shape: list[int]) -> None:
            self._name = name
            self.shape = tuple(shape)
            self.size = shape[0] * shape[1]

        def _touch(self, name: str, at: Any, **more: object) -> Any:
            # In the simulator, a CUDA thread is one of Python's.
            thread: Any = threading.current_thread()
            kernel_s_line = sys._getframe(2).f_lineno
            touch = {
                "name": self._name,
                "at": [int(part) for part in at],
                "line": kernel_s_line,
                "block": [int(part) for part in thread.blockIdx],
                "thread": thread.thread_id,
            }
            return wire.call(name, **touch, **more)

        def __getitem__(self, at: Any) -> Any:
            return np.float32(self._touch("read", at))

        def __setitem__(self, at: Any, value: Any) -> None:
            value = float(value)
            if not math.isfinite(value):
                value = 1e9  # unwritten shared memory may hold any value
            self._touch("write", at, value=value)

    loaded = load(path, "program")
    loaded.TILE = TILE
    simulator.BlockThread.syncthreads = _counted(simulator.BlockThread.syncthreads)  # type: ignore[method-assign]
    kernelapi.FakeCUDAShared = SharedMemory  # type: ignore[misc]

    def run(request: dict) -> None:
        error = ""
        Tile.raced.clear()
        try:
            matrices = [Memory(name, shape) for name, shape in request["shapes"].items()]
            launched = cuda.jit(loaded.multiply_shared)
            launched[tuple(request["blocks"]), (TILE, TILE)](*matrices)
        except BaseException as raised:
            error = f"{type(raised).__name__}: {raised}"[:300]
        wire.say(reply=request["ask"], error=error, raced=len(Tile.raced))

    return in_thread(run)
