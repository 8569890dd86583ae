"""Checks of a provisioned machine, run on it by health.sh with the lab's Python. Standard library only at the top.

Prints one line ``check {json}`` a check with name, outcome (ok, failed, rehearsed) and detail. A check never raises:
what goes wrong is its detail.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import platform
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

HOME = Path.home()
OWN = HOME / ".serving-labs"
REHEARSED = bool(os.environ.get("REHEARSAL_MACHINE"))
#: Whether the machine has packages of its own: a leased one has, and a rehearsed one that was made the long way.
PINNED = not REHEARSED or bool(os.environ.get("REHEARSAL_PINNED"))

#: What each machine's lessons import.
PACKAGES = {
    "a100": ("numpy", "PIL", "onnx", "onnxruntime", "torch", "torchvision"),
    "mi100": ("numpy", "PIL", "onnx", "onnxruntime", "torch", "torchvision"),
    "p100": ("numpy", "PIL", "fastapi", "onnxruntime", "torch", "tritonclient"),
    "edge": ("numpy", "PIL", "onnx", "onnxruntime"),
}
#: Lowest CUDA compute capability with which the lessons were written.
CAPABILITY = {"a100": 8.0, "p100": 6.0}


def packages(machine: str) -> str:
    """Every package imports, and the labs too."""
    versions = []
    for name in (*PACKAGES[machine], "labs"):
        module = importlib.import_module(name)
        versions.append(f"{name} {getattr(module, '__version__', '')}".strip())
    return ", ".join(versions)


def gpu(machine: str) -> str:
    """The GPU is there, new enough, and PyTorch's build has kernels for it."""
    return amd_gpu() if machine == "mi100" else nvidia_gpu(machine)


def amd_gpu() -> str:
    """Return the cards, once ROCm has listed them and PyTorch's build for ROCm has computed on one."""
    listed = subprocess.run(["rocminfo"], capture_output=True, text=True, check=False, timeout=60)
    if listed.returncode != 0:
        said = (listed.stdout + listed.stderr).strip().splitlines()[-1:]
        raise ValueError(f"rocminfo failed ({' '.join(said)}): may this account open /dev/kfd?")
    torch = importlib.import_module("torch")
    if not torch.version.hip:
        raise ValueError(f"torch {torch.__version__} is not built for ROCm: torch.txt names the index that has it")
    total = float(torch.ones(64, device="cuda").sum())  # PyTorch calls AMD's cards by that name too
    if total != 64.0:
        raise ValueError(f"the GPU computed {total} instead of 64")
    kinds = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    return f"{len(kinds)} x {kinds[0].name}, {kinds[0].gcnArchName}, torch {torch.__version__}"


def nvidia_gpu(machine: str) -> str:
    """Return the cards after PyTorch's build has computed on one."""
    query = ["nvidia-smi", "--query-gpu=name,compute_cap", "--format=csv,noheader"]
    lines = subprocess.run(query, capture_output=True, text=True, check=True, timeout=60).stdout.strip().splitlines()
    lowest = min(float(line.rsplit(",", 1)[1]) for line in lines)
    if lowest < CAPABILITY[machine]:
        raise ValueError(f"compute capability {lowest}, the lessons need {CAPABILITY[machine]}")
    torch = importlib.import_module("torch")
    # A build without kernels for this GPU imports and lists it; only computing shows it.
    total = float(torch.ones(64, device="cuda").sum())
    if total != 64.0:
        raise ValueError(f"the GPU computed {total} instead of 64")
    return f"{len(lines)} x {lines[0]}, torch {torch.__version__}"


def processor(_machine: str) -> str:
    """The processor's architecture, and on the device whether it has dot-product instructions."""
    machine = platform.machine()
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    flags = set(text.split())
    marks = [mark for mark in ("asimddp", "i8mm", "avx512_vnni", "avx2", "amx_tile") if mark in flags]
    return f"{machine}, {os.cpu_count()} cores, {' '.join(marks) or 'no marks known'}"


def arm64(_machine: str) -> str:
    """The container is an arm64 one: an x86 image would never have started, but a wrong device can be reserved."""
    if platform.machine() not in {"aarch64", "arm64"}:
        raise ValueError(f"this is {platform.machine()}, not arm64")
    return platform.machine()


def memory_and_disk(_machine: str) -> str:
    """Room on the disk; the memory is recorded, since devices differ in it."""
    free_gb = shutil.disk_usage(HOME).free / 2**30
    if free_gb < 1:
        raise ValueError(f"only {free_gb:.1f} GB free under {HOME}")
    ram_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{ram_gb:.0f} GB memory, {free_gb:.0f} GB free"


def assets(_machine: str) -> str:
    """The pictures and the model were copied."""
    manifest = HOME / "serving-labs" / "assets" / "manifest.json"
    json.loads(manifest.read_text(encoding="utf-8"))
    return "manifest is readable"


def jupyter(_machine: str) -> str:
    """Jupyter answers with its token, and refuses without."""
    port_file = OWN / "jupyter-port"
    port = port_file.read_text().strip() if port_file.exists() else "8888"
    token_file = OWN / "jupyter-token"
    token = token_file.read_text().strip() if token_file.exists() else os.environ.get("JUPYTER_TOKEN", "")
    base_file = OWN / "jupyter-base"
    base = base_file.read_text().strip() if base_file.exists() else "/"
    url = f"http://127.0.0.1:{port}{base}api/status"
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=10) as reply:
        if reply.status == 200:
            raise ValueError(f"port {port} answers without a token")
    asked = urllib.request.Request(url, headers={"Authorization": f"token {token}"})
    with urllib.request.urlopen(asked, timeout=10) as reply:
        return f"port {port}, {json.load(reply).get('kernels', 0)} kernels"


def checks(machine: str) -> Iterator[tuple[str, Callable[[str], str], bool]]:
    """Yield name, check, and whether a rehearsal can run it."""
    yield "packages", packages, PINNED
    yield "processor", processor, True
    yield "memory and disk", memory_and_disk, True
    if (HOME / "serving-labs" / "assets").is_dir():
        yield "assets", assets, True
    if machine == "edge":
        yield "arm64", arm64, False
        yield "Jupyter", jupyter, False
        return
    yield "GPU", gpu, False
    # Not Triton: its container is still on its way, and containers.sh itself waits until it answers.
    yield "Jupyter", jupyter, True


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
        print("check " + json.dumps({"name": name, "outcome": outcome, "detail": detail}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
