"""Facts about a CUDA kernel in a file: what it computes, and what it reads of global memory, in numba's simulator."""

from __future__ import annotations

from pathlib import Path

from labs.optimize.simulated import simulate


def shared_kernel(path: Path) -> dict:
    """Return what a kernel with tiles in shared memory did on matrices that its tiles fit into, and on others.

    Args:
        path: The file, with a kernel ``multiply_shared(a, b, c)``.

    Raises:
        NotImplementedError: The stub's line is still there.
    """
    seen = simulate(path)
    if seen["ended"]:
        if "NotImplementedError" in seen["said"]:
            raise NotImplementedError(seen["said"])
        return {"error": seen["said"]}
    whole = seen["whole"]
    return {
        "error": "",
        "reads": whole["reads"] / whole["naive_reads"],
        "barriers": seen["barriers"],
        "off_whole": whole["max_abs_diff"],
        "off_ragged": seen["ragged"]["max_abs_diff"],
        "transactions": whole["transactions"] / whole["least_transactions"],
    }
