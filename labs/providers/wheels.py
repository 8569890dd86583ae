"""The table from execution provider to wheel to environment, read from ``wheels.toml``."""

from __future__ import annotations

import functools
import hashlib
import json
import platform
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from labs.backends import BackendUnavailableError
from labs.machine import fingerprint

#: The provider that the course's own environment has; it needs no worker.
CPU_PROVIDER = "CPUExecutionProvider"

#: The pinned table.
TABLE_PATH = Path(__file__).with_name("wheels.toml")


@dataclass(frozen=True)
class EnvironmentSpec:
    """What one environment holds, and where it can be used."""

    #: Name, such as 'onnxruntime-openvino'.
    name: str
    #: Execution providers that its wheel brings, beside the CPU's.
    providers: tuple[str, ...]
    #: Pinned requirements, everything included.
    requirements: tuple[str, ...]
    #: Processor architectures for which the wheel exists, as ``platform.machine()`` names them.
    architectures: tuple[str, ...] = ("x86_64",)
    #: Whether it is only worth installing beside an NVIDIA GPU.
    needs_nvidia_gpu: bool = False
    #: Folders in site-packages that the worker's dynamic loader has to search.
    library_folders: tuple[str, ...] = ()
    #: Whether pip also installs what the requirements depend on; False where only a wheel's own files are wanted.
    with_dependencies: bool = True
    #: Bytes that are downloaded.
    download_bytes: int = 0
    #: Bytes on disk when installed.
    installed_bytes: int = 0

    @property
    def key(self) -> str:
        """Short hash of everything that makes an installation what it is: change one pin and it changes."""
        what = (self.requirements, sys.implementation.cache_tag, platform.system(), platform.machine())
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:10]


@functools.lru_cache(maxsize=1)
def environment_specs() -> dict[str, EnvironmentSpec]:
    """Return all environments by name, in the table's order."""
    table = tomllib.loads(TABLE_PATH.read_text(encoding="utf-8"))
    specs: dict[str, EnvironmentSpec] = {}
    for name, row in table["environments"].items():
        # An environment that extends another one comes after it in the table.
        base = specs[row.pop("extends")].requirements if "extends" in row else tuple(table["common"]["requirements"])
        row["requirements"] = (*base, *row["requirements"])
        specs[name] = EnvironmentSpec(
            name, **{key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
        )
    return specs


def known_providers() -> tuple[str, ...]:
    """Return the names of all providers that the course can run somewhere, the CPU's first."""
    names = dict.fromkeys(name for spec in environment_specs().values() for name in spec.providers)
    return (CPU_PROVIDER, *names)


def spec_for(provider: str) -> EnvironmentSpec:
    """Return the environment that runs ``provider`` best on this machine.

    On a machine without an NVIDIA GPU that is the bare wheel, for CUDA and TensorRT too: it runs, and falls back.

    Args:
        provider: ONNX Runtime's name of the provider, such as 'OpenVINOExecutionProvider'.

    Raises:
        BackendUnavailableError: Nobody builds that wheel for this kind of machine.
        ValueError: No environment has this provider; usually a misspelt name.
    """
    named = [spec for spec in environment_specs().values() if provider in spec.providers]
    if not named:
        raise ValueError(f"no environment has {provider!r}; the providers are {', '.join(known_providers())}")
    here = (platform.system(), platform.machine())
    fitting = [spec for spec in named if here[0] == "Linux" and here[1] in spec.architectures]
    if not fitting:
        raise BackendUnavailableError(
            f"there is no {named[0].name} wheel for {here[0]} on {here[1]}, so {provider} cannot run here: measure it "
            "on an x86-64 Linux machine, and stay with the CPU provider on this one"
        )
    has_gpu = bool(fingerprint().gpus)
    # The last that fits is the fullest: with the GPU's libraries where there is a GPU.
    return [spec for spec in fitting if has_gpu or not spec.needs_nvidia_gpu][-1]
