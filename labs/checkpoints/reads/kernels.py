"""Facts about a CUDA kernel in a file: what it computes, and what it reads of global memory, in numba's simulator.

``python -m labs.checkpoints.reads.kernels FILE`` prints them as one line of JSON. The simulator has to be asked for
before numba is imported, and a notebook on a GPU node has the real thing; hence the process.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

from labs.workspace import PROJECT_DIR

#: Rows of a, columns of a, columns of b: one case that tiles fit into, and one that they do not.
_WHOLE, _RAGGED = (16, 16, 16), (11, 21, 14)

#: The side of a tile and of a block, whatever the file says: small enough for a thread of Python's each.
_TILE = 8

#: Seconds after which a kernel hangs: threads wait for each other where a barrier stands in a branch.
_LIMIT_S = 90

#: Stands for differences that are no number: shared memory that nobody has written holds anything.
_FAR = 1e9


def shared_kernel(path: Path) -> dict:
    """Return what a kernel with tiles in shared memory did on matrices that its tiles fit into, and on others.

    Args:
        path: The file, with a kernel ``multiply_shared(a, b, c)`` for blocks of ``TILE`` × ``TILE`` threads.

    Returns:
        ``error`` (empty where it ran), ``barriers`` (calls of ``cuda.syncthreads()`` in it), ``off_whole`` and
        ``off_ragged`` (largest difference from the product), and where the tiles fit ``reads`` and ``transactions``:
        over those of a kernel without shared memory, and over the fewest that tiles need.

    Raises:
        NotImplementedError: The stub's line is still there.
    """
    search = os.pathsep.join(filter(None, [str(PROJECT_DIR), os.environ.get("PYTHONPATH")]))
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(Path(path).resolve())],
            env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": search},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"it did not end within {_LIMIT_S} s: does every thread reach each barrier?"}
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1][-300:]
        if "NotImplementedError" in said:
            raise NotImplementedError(said)
        return {"error": said}
    return json.loads(done.stdout.strip().splitlines()[-1])


def _run(kernel, shape: tuple[int, int, int]) -> tuple[float, float, float]:
    """Return the largest difference from the product, and the shares of reads and transactions."""
    import numpy as np
    from numba import cuda

    from labs.optimize.traced import SECTOR_BYTES, traced, transactions

    rows, inner, columns = shape
    random = np.random.default_rng(sum(shape))
    a, b, c = traced(
        random.integers(-4, 5, (rows, inner)), random.integers(-4, 5, (inner, columns)), np.full((rows, columns), 99)
    )
    blocks = tuple(-(-side // _TILE) for side in (columns, rows))
    cuda.jit(kernel)[blocks, (_TILE, _TILE)](a, b, c)
    # Each block reads a strip of a and one of b, each number once.
    fewest = (blocks[0] * a.size + blocks[1] * b.size) * 4 // SECTOR_BYTES
    difference = np.nan_to_num(c.values - a.values @ b.values, nan=_FAR, posinf=_FAR, neginf=_FAR)
    reads, moved = a.reads() + b.reads(), transactions(a.log) + transactions(b.log)
    return min(float(np.abs(difference).max()), _FAR), reads / (2 * rows * inner * columns), moved / fewest


def main(path: str) -> None:
    """Print the facts of one file's kernel."""
    source = Path(path).read_text(encoding="utf-8")
    space: dict[str, object] = {"__name__": "kernel", "__file__": path}
    exec(compile(source, path, "exec"), space)
    space["TILE"] = _TILE
    calls = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    barriers = sum(isinstance(one, ast.Attribute) and one.attr == "syncthreads" for one in calls)
    off_whole, reads, moved = _run(space["multiply_shared"], _WHOLE)
    off_ragged, *_ = _run(space["multiply_shared"], _RAGGED)
    facts = {"error": "", "barriers": barriers, "off_whole": off_whole, "off_ragged": off_ragged}
    print(json.dumps(facts | {"reads": reads, "transactions": moved}))


if __name__ == "__main__":
    main(sys.argv[1])
