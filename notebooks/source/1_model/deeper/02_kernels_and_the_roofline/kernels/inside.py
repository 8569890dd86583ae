"""A CUDA kernel in numba's simulator, whose global memory is outside."""

import ast
import math
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numba import cuda

from labs.deeper.kernels import TILE
from labs.judge.inside.wire import Ask, Wire, in_thread, load


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
    tree = ast.parse(Path(path).read_bytes())
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    methods = [called.attr for called in calls if isinstance(called, ast.Attribute)]
    barriers = methods.count("syncthreads")

    def run(request: dict) -> None:
        error = ""
        try:
            matrices = [Memory(name, shape) for name, shape in request["shapes"].items()]
            launched = cuda.jit(loaded.multiply_shared)
            launched[tuple(request["blocks"]), (TILE, TILE)](*matrices)
        except BaseException as raised:
            error = f"{type(raised).__name__}: {raised}"[:300]
        wire.say(reply=request["ask"], error=error, barriers=barriers)

    return in_thread(run)
