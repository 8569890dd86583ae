"""What is read of a CUDA kernel and of a pair of providers: each fault is another fact, and a stub is open."""

from pathlib import Path

import pytest

from labs.checkpoints.question import MissingEvidenceError
from labs.checkpoints.reads.kernels import shared_kernel
from labs.checkpoints.reads.providers import pair_of_providers
from labs.records import Answer, Records

pytest.importorskip("numba", reason="the light rooms have no compiler for kernels")

NAIVE = """
from numba import cuda, float32

def multiply_shared(a, b, c):
    column, row = cuda.grid(2)
    total = float32(0)
    for k in range(a.shape[1]):
        total += a[row, k] * b[k, column]
    c[row, column] = total
"""


def test_a_kernel_without_shared_memory_is_seen_by_its_reads(tmp_path: Path) -> None:
    """It reads all of global memory, waits for nobody, and reaches beyond the edge."""
    path = tmp_path / "kernel.py"
    path.write_text(NAIVE)
    assert "IndexError" in shared_kernel(path)["error"]
    inside = "    if row >= c.shape[0] or column >= c.shape[1]:\n        return\n"
    path.write_text(NAIVE.replace("    total =", f"{inside}    total ="))
    facts = shared_kernel(path)
    assert (facts["error"], facts["reads"], facts["barriers"], facts["off_ragged"]) == ("", 1.0, 0, 0.0)


def test_a_kernel_that_is_not_written_is_open(tmp_path: Path) -> None:
    """And not wrong."""
    path = tmp_path / "kernel.py"
    path.write_text('def multiply_shared(a, b, c):\n    raise NotImplementedError("Your turn: replace this line.")\n')
    with pytest.raises(NotImplementedError):
        shared_kernel(path)


def test_a_pair_says_what_changes_and_what_may_be_claimed(make_measurement) -> None:
    """Provider, precision, and the side of 1 on which the interval lies; a pair that never ran is missing."""
    details = {"comparison_id": "run", "block_calls": 2}
    openvino = {"OpenVINOExecutionProvider": 1}
    measured = [
        make_measurement(option="cpu-provider", samples=(0.010, 0.011) * 10, details=details),
        make_measurement(option="openvino", samples=(0.005, 0.006) * 10, details=details, providers_used=openvino),
    ]

    def facts(option: str, baseline: str, claim: str) -> dict:
        given = {"option": option, "baseline": baseline, "claim": claim}
        return pair_of_providers(Records([*measured, Answer("providers.fair", given, "2026-01-02T03:04:05+00:00")]))

    right = facts("openvino", "cpu-provider", "faster")
    assert (right["changes_provider"], right["changes_precision"], right["allowed"]) == (True, False, "faster")
    assert facts("cpu-provider", "openvino", "faster")["allowed"] == "slower"
    assert not facts("openvino", "openvino", "faster")["changes_provider"]
    with pytest.raises(MissingEvidenceError):
        facts("openvino-bf16", "cpu-provider", "faster")
