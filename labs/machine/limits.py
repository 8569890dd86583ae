"""What a machine is short of for a program: a newer NVIDIA card, a C library, a compiler, room, AMD's driver."""

from __future__ import annotations

import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

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


#: Oldest C library that each runs with. Source: the wheels' platform tags.
OLDEST_GLIBC = {"Triton": (2, 35), "perf_analyzer": (2, 38)}

#: What to do on other machines.
ELSEWHERE = (
    "NVIDIA's container where Docker runs x86-64 (provisioning/node/p100/compose.yaml), or an x86-64 Linux as new as "
    "Ubuntu 24.04 or Debian 13"
)


def unfit(name: str, architecture: str, around: Surroundings) -> str:
    """Return why a program cannot run on a machine; empty where it can.

    Args:
        name: A key of ``OLDEST_GLIBC``.
        architecture: The processor's, as a fingerprint names it.
        around: What is installed around it.
    """
    if (around.system, architecture) != ("Linux", "x86_64"):
        return f"NVIDIA has no wheel of it for {around.system} on {architecture}"
    if around.glibc < OLDEST_GLIBC[name]:
        needed, found = (".".join(map(str, version)) for version in (OLDEST_GLIBC[name], around.glibc))
        return f"its wheel needs glibc {needed}, and this system has {found}"
    return ""


#: ROCm's libraries that the pinned onnxruntime-migraphx wheel links against (``readelf -d``): ROCm 7, with MIGraphX.
MIGRAPHX_LIBRARIES = ("libmigraphx_c.so.3", "libamdhip64.so.7")


@dataclass(frozen=True)
class Surroundings:
    """What is installed and free around the course, at this moment."""

    #: Operating system, as ``platform.system()`` names it.
    system: str
    #: Path of a C++ compiler; empty when there is none.
    cpp_compiler: str
    #: Bytes free where the course's cache lives.
    free_disk_bytes: int
    #: Whether AMD's compute driver is there, and of ROCm what the provider's wheel links against.
    has_migraphx: bool
    #: Version of the GNU C library; (0, 0) where the system has another one.
    glibc: tuple[int, int]


def surroundings() -> Surroundings:
    """Return the surroundings of this machine, read anew each time: a compiler may just have been installed."""
    from labs.workspace import cache_dir  # imported late: this room is light, and asks only here

    cache = cache_dir().absolute()
    existing = next(folder for folder in (cache, *cache.parents) if folder.exists())
    name, version = platform.libc_ver()
    return Surroundings(
        system=platform.system(),
        cpp_compiler=shutil.which("g++") or shutil.which("clang++") or "",
        free_disk_bytes=shutil.disk_usage(existing).free,
        has_migraphx=Path("/dev/kfd").exists() and all(map(_rocm_has, MIGRAPHX_LIBRARIES)),
        glibc=tuple(int(part) for part in version.split(".")[:2]) if name == "glibc" else (0, 0),
    )


def _rocm_has(library: str) -> bool:
    return any(any(Path("/opt").glob(f"rocm*/{folder}/{library}")) for folder in ("lib", "lib/migraphx/lib"))
