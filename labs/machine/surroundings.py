"""What a machine offers beside its processor: compiler, room on the disk, AMD's driver. Not part of a fingerprint."""

from __future__ import annotations

import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

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
    from labs.assets.places import cache_dir  # imported late: this room is light, and asks only here

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
