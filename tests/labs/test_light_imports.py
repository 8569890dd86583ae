"""What a small server, a grader or a Raspberry Pi imports stays small."""

import subprocess
import sys

import pytest

_FRAMEWORKS = "torch onnxruntime openvino scipy matplotlib"

#: Heavy modules by what must not import them.
HEAVY = {
    "labs.records": _FRAMEWORKS,
    "labs.machine": _FRAMEWORKS,
    "labs.stats": _FRAMEWORKS,
    "labs.data.labels": _FRAMEWORKS,
    "labs.optimize.traced": _FRAMEWORKS,
    "labs.data.preprocess": _FRAMEWORKS,
    "labs.bench": _FRAMEWORKS,
    "labs.runtimes.opening": _FRAMEWORKS,
    "labs.load": _FRAMEWORKS,
    # Asking for what is here costs neither torch nor a client for HTTP.
    "labs.assets": "torch onnx onnxruntime httpx typer",
    # What provisioning shares brings in neither a chart library nor a model's, which Chameleon's Jupyter lacks.
    "labs.widgets.controls, labs.display.shown, labs.display.theme": "altair torch onnxruntime scipy pydantic psutil",
    "provisioning.rehearsal": "chi fastapi asyncssh torch",
}


@pytest.mark.parametrize("modules", HEAVY)
def test_light_modules_import_nothing_heavy(modules: str) -> None:
    """Importing them brings in no framework, no chart library and no client that they are to do without."""
    code = f"import sys, {modules}; print([name for name in {HEAVY[modules].split()} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("module", ["labs.charts", "grading.builder.notebook"])
def test_no_kernel_compiles_a_grammar_of_addresses(module: str) -> None:
    """Altair and nbformat would each time, for a second; both work without it."""
    code = f"import {module}, sys; print(sys.modules['rfc3987_syntax'], 'jsonschema' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["None", "True"]
