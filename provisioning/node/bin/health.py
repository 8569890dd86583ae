"""Checks of a provisioned machine, run on it by health.sh with the lab's Python. Standard library
only at the top.

Prints one line ``check {json}`` a check with name, outcome (ok, failed, rehearsed) and detail. A
check never raises: its detail describes a fault.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

HOME = Path.home()
REHEARSED = bool(os.environ.get("REHEARSAL_MACHINE"))
#: Whether the machine has packages of its own: a leased one has, and a rehearsed one that was made
#: the long way.
PINNED = not REHEARSED or bool(os.environ.get("REHEARSAL_PINNED"))

#: Packages that each machine's lessons import.
PACKAGES = {
    "a100": ("numpy", "PIL", "onnx", "onnxruntime", "torch", "torchvision"),
    "mi100": ("numpy", "PIL", "onnx", "onnxruntime", "torch", "torchvision"),
    "p100": ("numpy", "PIL", "fastapi", "onnxruntime", "torch", "tritonclient"),
    "edge": ("numpy", "PIL", "onnx", "onnxruntime"),
}


def packages(machine: str) -> str:
    """Every package imports, and the labs too."""
    versions = []
    for name in (*PACKAGES[machine], "labs"):
        module = importlib.import_module(name)
        versions.append(f"{name} {getattr(module, '__version__', '')}".strip())
    return ", ".join(versions)


def gpu(machine: str) -> str:
    """PyTorch's build has kernels for the GPU: without them it imports and lists it, and only
    computing shows it.
    """
    torch = importlib.import_module("torch")
    if machine == "mi100" and not torch.version.hip:
        raise ValueError(
            f"torch {torch.__version__} is not built for ROCm: torch.txt names the index that "
            "has it"
        )
    total = float(torch.ones(64, device="cuda").sum())  # PyTorch calls AMD's cards by that name too
    if total != 64.0:
        raise ValueError(f"the GPU computed {total} instead of 64")
    return (
        f"{torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}, torch {torch.__version__}"
    )


def jupyter(_machine: str) -> str:
    """Jupyter answers with its token, and refuses without."""
    port, token, base = (_noted(name) for name in ("port", "token", "base"))
    url = f"http://127.0.0.1:{port}{base}api/status"
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=10) as reply:
        if reply.status == 200:
            raise ValueError(f"port {port} answers without a token")
    asked = urllib.request.Request(url, headers={"Authorization": f"token {token}"})
    with urllib.request.urlopen(asked, timeout=10) as reply:
        return f"port {port}, {json.load(reply).get('kernels', 0)} kernels"


def _noted(name: str) -> str:
    """Return the notes of Jupyter's start, or the start settings of a container's image."""
    path = HOME / ".serving-labs" / f"jupyter-{name}"
    usual = {"port": "8888", "token": os.environ.get("JUPYTER_TOKEN", ""), "base": "/"}
    return path.read_text().strip() if path.exists() else usual[name]


def checks(machine: str) -> Iterator[tuple[str, Callable[[str], str], bool]]:
    """Yield name, check, and whether a rehearsal can run it."""
    yield "packages", packages, PINNED
    if machine != "edge":
        # Not Triton: its container is still on its way, and containers.sh itself waits until it
        # answers.
        yield "GPU", gpu, False
    if machine != "edge" or not os.environ.get("LABS_OWN"):
        yield "Jupyter", jupyter, machine != "edge"


def main(machine: str) -> None:
    """Print the outcome of every check."""
    for name, check, rehearsable in checks(machine):
        if REHEARSED and not rehearsable:
            outcome, detail = "rehearsed", "not run: this is a rehearsal"
        else:
            try:
                outcome, detail = "ok", check(machine)
            except Exception as error:  # a check reports, whatever happens
                outcome, detail = "failed", f"{type(error).__name__}: {error}"
        print(
            "check " + json.dumps({"name": name, "outcome": outcome, "detail": detail}), flush=True
        )


if __name__ == "__main__":
    main(sys.argv[1])
