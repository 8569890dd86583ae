"""What an NVIDIA GPU can still run, by its compute capability: the P100's traps, said before they bite."""

from __future__ import annotations

from labs.machine.fingerprint import Gpu

#: Smallest compute capability by what it is for.
#: Source: support matrices of TensorRT 10, Triton 24.10 and 25.03; PyTorch 2.8's announcement of dropped architectures;
#: for the CUDA provider, the kernels in the onnxruntime-gpu 1.25.1 wheel (6.0, 7.0, 7.5, 8.0, 8.6, 9.0).
NEEDED = {
    "CUDA provider": (6, 0),
    "TensorRT provider": (7, 0),
    "torch.compile on the GPU": (7, 0),
    "torch's default CUDA build": (7, 5),
    "Triton 25.03 and later": (7, 5),
}

#: What to do on a card that is too old.
INSTEAD = {
    "CUDA provider": "use the CPU provider, or lease an A100, A30 or H100 node",
    "TensorRT provider": "use the CUDA provider on this card, or lease an A100, A30 or H100 node",
    "torch.compile on the GPU": "use eager torch or ONNX Runtime's CUDA provider on this card",
    "torch's default CUDA build": "install a cu126 build of torch, the last that carries code for Pascal and Volta",
    "Triton 25.03 and later": "pin Triton 24.10, which supports compute capability 6.0 and up",
}

#: Oldest driver that CUDA 12 runs with. Source: CUDA 12 release notes, minor version compatibility.
OLDEST_DRIVER = 525


def best_capability(gpus: tuple[Gpu, ...]) -> tuple[int, int]:
    """Return the highest compute capability among the cards, (0, 0) without any."""
    return max((_numbers(gpu.compute_capability) for gpu in gpus), default=(0, 0))


def too_old(name: str, gpus: tuple[Gpu, ...]) -> str:
    """Return why ``name`` (a key of ``NEEDED``) cannot run on these cards; empty when it can."""
    if not gpus:
        return "the driver lists no NVIDIA GPU"
    driver = _numbers(gpus[0].driver)[0]
    if driver < OLDEST_DRIVER:
        return f"driver {gpus[0].driver} is older than {OLDEST_DRIVER}, which CUDA 12 needs"
    best, needed = best_capability(gpus), NEEDED[name]
    if best < needed:
        has, wants = (".".join(map(str, pair)) for pair in (best, needed))
        return f"{gpus[0].name} has compute capability {has}, and {wants} is needed"
    return ""


def _numbers(version: str) -> tuple[int, int]:
    major, minor = [*version.split("."), "0", "0"][:2]
    return int(major) if major.isdigit() else 0, int(minor) if minor.isdigit() else 0
