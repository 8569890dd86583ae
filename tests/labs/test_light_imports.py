"""What a small server, a grader or a Raspberry Pi imports stays small."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIGHT = [
    "labs.records",
    "labs.machine",
    "labs.stats",
    "labs.labels",
    "labs.traced",
    "labs.preprocess",
    "labs.bench",
    "labs.runtimes",
    "labs.load",
]


@pytest.mark.parametrize("module", LIGHT)
def test_light_modules_import_no_framework(module: str) -> None:
    """Importing it brings in neither torch nor ONNX Runtime nor OpenVINO nor scipy."""
    code = (
        f"import sys, {module}; "
        "print([m for m in ('torch', 'onnxruntime', 'openvino', 'scipy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("module", ["labs.charts", "grading.build"])
def test_no_kernel_compiles_a_grammar_of_addresses(module: str) -> None:
    """Altair and nbformat would each time, for a second; both work without it."""
    code = f"import {module}, sys; print(sys.modules['rfc3987_syntax'], 'jsonschema' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["None", "True"]
