"""The capability gate: what this machine can and cannot do for each lesson, why, and what to do instead.

It judges from the fingerprint and never imports torch or ONNX Runtime, so that a lesson can ask in its first cell.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from labs import course
from labs.machine.fingerprint import Fingerprint, fingerprint
from labs.machine.limits import ELSEWHERE, INSTEAD, NEEDED, OLDEST_GLIBC, Surroundings, surroundings, too_old, unfit
from labs.machine.quantization_format import FEATURES, has, is_arm, quantization_format

#: Memory that torch, ONNX Runtime and a calibration set want together, in bytes; and room for the providers' wheels.
ENOUGH_MEMORY_BYTES, ENOUGH_DISK_BYTES = 4 * 2**30, 3 * 10**9


@dataclass(frozen=True)
class Capability:
    """One thing that a machine can or cannot do."""

    #: What it is, as the lessons name it.
    name: str
    #: Whether this machine can do it.
    available: bool
    #: Why it can, or why it cannot.
    reason: str
    #: What to do without it; empty where it is available.
    alternative: str = ""

    def __post_init__(self) -> None:
        if self.available:
            object.__setattr__(self, "alternative", "")
        elif not self.alternative:
            raise ValueError(f"{self.name}: whoever says that something is missing has to say what to do instead")

    def __str__(self) -> str:
        sentence = f"{'yes' if self.available else 'no '}  {self.name}: {self.reason}."
        return sentence if self.available else f"{sentence} Instead: {self.alternative}."


def capabilities(machine: Fingerprint | None = None, around: Surroundings | None = None) -> tuple[Capability, ...]:
    """Return everything that lessons ask about, judged for one machine.

    Args:
        machine: Fingerprint to judge, this machine's when None; a stored record's works too.
        around: What is installed around it, read from this machine when None.
    """
    machine, around = machine or fingerprint(), around or surroundings()
    return (
        *_room(machine, around),
        _compiler(around),
        *_processor(machine),
        *_arm(machine),
        Capability("CPU provider", True, "every ONNX Runtime wheel has it"),
        _openvino(machine, around),
        _executorch(machine, around),
        *_triton(machine, around),
        *_nvidia(machine),
        _two_gpus(machine),
        _migraphx(around),
        _gpu_provider(machine, around),
    )


def for_lesson(
    lesson: str, machine: Fingerprint | None = None, around: Surroundings | None = None
) -> tuple[Capability, ...]:
    """Return what one lesson uses.

    Args:
        lesson: Its id, such as 'compile'; what it uses stands in its front matter.
        machine: As in ``capabilities``.
        around: As in ``capabilities``.

    Raises:
        KeyError: No lesson has this id, or it uses what is no capability.
    """
    by_name = {one.name: one for one in capabilities(machine, around)}
    return tuple(by_name[name] for name in course.lesson(lesson).uses)


def capability_text(found: Iterable[Capability]) -> str:
    """Return one line a capability, what is missing last."""
    return "\n".join(map(str, sorted(found, key=lambda one: not one.available)))


def _room(machine: Fingerprint, around: Surroundings) -> tuple[Capability, Capability]:
    memory, disk = machine.memory_bytes, around.free_disk_bytes
    return (
        Capability(
            "memory",
            memory >= ENOUGH_MEMORY_BYTES,
            f"{memory / 2**30:.1f} GiB, and {ENOUGH_MEMORY_BYTES / 2**30:.0f} GiB are comfortable",
            "close other notebooks, and calibrate and measure with fewer images at a time",
        ),
        Capability(
            "disk",
            disk >= ENOUGH_DISK_BYTES,
            f"{disk / 1e9:.1f} GB free, and {ENOUGH_DISK_BYTES / 1e9:.0f} GB hold the models and the providers' wheels",
            "make room, or set SERVING_LABS_CACHE to a folder on a larger disk",
        ),
    )


def _compiler(around: Surroundings) -> Capability:
    return Capability(
        "C++ compiler",
        bool(around.cpp_compiler),
        f"torch.compile uses {around.cpp_compiler}"
        if around.cpp_compiler
        else "torch.compile generates C++ for the CPU, and neither g++ nor clang++ is installed",
        "'apt install g++' (Debian, Ubuntu) or 'xcode-select --install' (macOS); the eager model runs without",
    )


def _processor(machine: Fingerprint) -> tuple[Capability, Capability]:
    flags = set(machine.cpu_flags)
    fits = quantization_format(machine)
    bf16 = [name for flag, name in (("amx_bf16", "AMX"), ("avx512_bf16", "AVX-512 bf16")) if flag in flags]
    return (
        Capability(
            "fast INT8",
            fits.is_fast,
            f"{fits.name} fits this processor. {fits.reason.rstrip('.')}",
            "quantize for size, believe in speed only when measured beside fp32, and measure where it will serve",
        ),
        Capability(
            "bf16 on the CPU",
            bool(bf16),
            f"{' and '.join(bf16)}; OpenVINO takes it by itself unless it is told float32"
            if bf16
            else "the processor has no bf16 instructions",
            "stay with fp32, or quantize",
        ),
    )


def _arm(machine: Fingerprint) -> Iterable[Capability]:
    """Judge what matters on an ARM core; of any other processor, say that it is another one."""
    real = is_arm(machine) and not machine.emulator
    name = f"{machine.cpu_model}, emulated: no time means anything" if machine.emulator else machine.cpu_model
    other = f"this is {machine.architecture}, not the device's processor"
    instead = "learn the way here, and measure on the device"
    yield Capability("an ARM processor", real, name if is_arm(machine) else other, instead)
    for feature in FEATURES:
        there = is_arm(machine) and has(machine, feature)
        missing = "this core has none" if is_arm(machine) else other
        without = feature.without if is_arm(machine) else "nothing is missing: only an ARM core is asked for it"
        yield Capability(feature.name, there, feature.brings if there else missing, without)


def _openvino(machine: Fingerprint, around: Surroundings) -> Capability:
    fits = around.system == "Linux" and machine.architecture == "x86_64"
    return Capability(
        "OpenVINO provider",
        fits,
        "x86-64 Linux has a wheel for it" if fits else f"no wheel for {around.system} on {machine.architecture}",
        "run OpenVINO itself, which has more builds than ONNX Runtime's provider",
    )


def _executorch(machine: Fingerprint, around: Surroundings) -> Capability:
    fits = around.system == "Linux" and machine.architecture == "x86_64"
    return Capability(
        "ExecuTorch",
        fits,
        "x86-64 Linux has a wheel for it" if fits else f"no environment for {around.system} on {machine.architecture}",
        "'pip install executorch torch' in an environment of your own, or read the published figures",
    )


def _triton(machine: Fingerprint, around: Surroundings) -> Iterable[Capability]:
    for name in OLDEST_GLIBC:
        problem = unfit(name, machine.architecture, around)
        fits = "x86-64 Linux runs it from NVIDIA's wheel, with GPUs and without"
        yield Capability(name, not problem, problem or fits, ELSEWHERE)


def _nvidia(machine: Fingerprint) -> Iterable[Capability]:
    for name in NEEDED:
        problem = too_old(name, machine.cuda_gpus)
        if name.startswith("Triton") and not machine.cuda_gpus:
            yield Capability(name, True, "without an NVIDIA GPU, Triton serves on the CPU")
        elif not problem and name.endswith("provider") and machine.architecture != "x86_64":
            problem = f"the pinned GPU wheel is built for x86-64, not for {machine.architecture}"
            yield Capability(
                name, False, problem, "use the CPU provider here, and an x86-64 GPU node for these figures"
            )
        else:
            instead = INSTEAD[name] if machine.cuda_gpus else _without_gpu(name)
            yield Capability(name, not problem, problem or _cards(machine), instead)


def _two_gpus(machine: Fingerprint) -> Capability:
    return Capability(
        "two NVIDIA GPUs",
        len(machine.cuda_gpus) >= 2,
        f"there: {_cards(machine)}" if machine.cuda_gpus else "the driver lists no NVIDIA GPU",
        "place the instances on what is there, and read the published figures of two P100",
    )


def _without_gpu(name: str) -> str:
    if name.endswith("provider"):
        return "ask for it all the same, watch it fall back to the CPU, and read the reference figures of a GPU node"
    return "use the CPU here, and a GPU node for the GPU's figures"


def _cards(machine: Fingerprint) -> str:
    return ", ".join(f"{gpu.name} (compute capability {gpu.compute_capability})" for gpu in machine.cuda_gpus)


def _migraphx(around: Surroundings) -> Capability:
    return Capability(
        "MIGraphX provider",
        around.has_migraphx,
        "ROCm 7 with MIGraphX is installed" if around.has_migraphx else "there is no AMD GPU with ROCm 7 and MIGraphX",
        "lease a node with AMD GPUs (MI100), or look at the reference figures",
    )


def _gpu_provider(machine: Fingerprint, around: Surroundings) -> Capability:
    """Judge whether any provider computes on a GPU here: what a question about "the GPU" needs, whoever made it."""
    here = [one for one in (*_nvidia(machine), _migraphx(around)) if one.available]
    name = next((one.name for one in here if one.name in ("CUDA provider", "MIGraphX provider")), "")
    return Capability(
        "GPU provider",
        bool(name),
        f"the {name} serves it" if name else "neither CUDA's nor MIGraphX's provider finds a GPU",
        "read the reference figures, or lease a node with a GPU",
    )
