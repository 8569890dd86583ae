"""A CUDA kernel of a file, run in numba's simulator in a process of its own, and what it did to memory.

``python -m labs.optimize.simulated FILE`` prints its facts as one line of JSON. The simulator has to be asked for
before numba is imported, and a notebook on a GPU node has the real thing; hence the process. The file's kernel is
``multiply_shared(a, b, c)``, for blocks of ``TILE`` × ``TILE`` threads.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

#: Rows of a, columns of a, columns of b: one case that tiles fit into, and one that they do not.
WHOLE, RAGGED = (16, 16, 16), (11, 21, 14)

#: The side of a tile and of a block, whatever the file says: small enough for a thread of Python's each.
TILE = 8

#: Seconds after which a kernel hangs: threads wait for each other where a barrier stands in a branch.
LIMIT_S = 90

#: Stands for differences that are no number: shared memory that nobody has written holds anything.
_FAR = 1e9


def simulate(path: str | Path) -> dict:
    """Return what a kernel does on two pairs of matrices: results, reads of global memory, transactions, barriers.

    Args:
        path: File with ``multiply_shared``.

    Returns:
        ``ended`` (0 where it ran), and then for 'whole' and 'ragged' the largest difference from the product, the reads
        of both inputs and those of a kernel without shared memory, and the transactions of both inputs beside the
        fewest that tiles need; ``barriers`` is how many calls of ``cuda.syncthreads()`` stand in it. Else ``said`` is
        why it did not.
    """
    command = [sys.executable, "-m", "labs.optimize.simulated", str(Path(path).resolve())]
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    root = str(Path(__file__).resolve().parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"ended": 1, "said": f"it did not end within {LIMIT_S} s: does every thread reach each barrier?"}
    if done.returncode:
        return {"ended": done.returncode, "said": (done.stderr.strip().splitlines() or ["nothing"])[-1][-300:]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def _barriers(source: str) -> int:
    calls = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return sum(isinstance(one, ast.Attribute) and one.attr == "syncthreads" for one in calls)


def _run(kernel, shape: tuple[int, int, int]) -> dict:
    import numpy as np
    from numba import cuda

    from labs.optimize.traced import SECTOR_BYTES, traced, transactions

    rows, inner, columns = shape
    random = np.random.default_rng(sum(shape))
    a, b, c = traced(
        random.integers(-4, 5, (rows, inner)), random.integers(-4, 5, (inner, columns)), np.full((rows, columns), 99)
    )
    blocks = tuple(-(-side // TILE) for side in (columns, rows))
    cuda.jit(kernel)[blocks, (TILE, TILE)](a, b, c)
    # Each block reads a strip of a and one of b, each number once.
    least_numbers = blocks[0] * a.size + blocks[1] * b.size
    difference = np.nan_to_num(c.values - a.values @ b.values, nan=_FAR, posinf=_FAR, neginf=_FAR)
    return {
        "max_abs_diff": min(float(np.abs(difference).max()), _FAR),
        "reads": a.reads() + b.reads(),
        "naive_reads": 2 * rows * inner * columns,
        "transactions": transactions(a.log) + transactions(b.log),
        "least_transactions": least_numbers * 4 // SECTOR_BYTES,
    }


def main(path: str) -> None:
    """Print the facts of one file's kernel."""
    source = Path(path).read_text(encoding="utf-8")
    space: dict[str, object] = {"__name__": "kernel", "__file__": path}
    exec(compile(source, path, "exec"), space)
    space["TILE"] = TILE
    kernel = space["multiply_shared"]
    found = {name: _run(kernel, shape) for name, shape in (("whole", WHOLE), ("ragged", RAGGED))}
    print(json.dumps({"ended": 0, "barriers": _barriers(source), **found}))


if __name__ == "__main__":
    main(sys.argv[1])
