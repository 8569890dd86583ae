"""The capability gate: what this machine can and cannot do of what lessons ask for, and what to do instead.

It judges from the fingerprint and never imports torch or ONNX Runtime, so that a lesson can ask in its first cell.
"""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from labs.machine.fingerprint import Fingerprint, fingerprint

#: Smallest compute capability by provider.
#: Source: support matrix of TensorRT 10; the kernels in the onnxruntime-gpu 1.25.1 wheel.
NEEDED = {"CUDA provider": (6, 0), "TensorRT provider": (7, 0)}

#: Oldest driver that CUDA 12 runs with. Source: CUDA 12 release notes, minor version compatibility.
OLDEST_DRIVER = 525

#: ROCm's libraries that the pinned onnxruntime-migraphx wheel links against (``readelf -d``): ROCm 7, with MIGraphX.
MIGRAPHX_LIBRARIES = ("libmigraphx_c.so.3", "libamdhip64.so.7")


@dataclass(frozen=True)
class Capability:
    """One thing that a machine can or cannot do."""

    #: What it is, as the lessons name it.
    name: str
    #: Whether this machine can do it.
    available: bool
    #: Why it can, or why it cannot.
    reason: str
    #: What to do without it.
    alternative: str = ""

    def __str__(self) -> str:
        sentence = f"{'yes' if self.available else 'no '}  {self.name}: {self.reason}."
        return sentence if self.available else f"{sentence} Instead: {self.alternative}."


def capabilities(machine: Fingerprint | None = None) -> tuple[Capability, ...]:
    """Return all that lessons ask about, judged for a fingerprint; compiler and ROCm are looked for on this machine."""
    machine = machine or fingerprint()
    # torch.compile takes the compiler that CXX names, which is how an active conda environment names its own.
    compiler = shutil.which(os.environ.get("CXX", "g++")) or shutil.which("clang++")
    bf16 = {"amx_bf16": "AMX", "avx512_bf16": "AVX-512 bf16"}
    units = " and ".join(name for flag, name in bf16.items() if flag in machine.cpu_flags)
    gpus = (*_nvidia(machine), _migraphx())
    on_gpu = next((gpu.name for gpu in gpus if gpu.available), "")
    cards = ", ".join(
        f"{gpu.name} (compute capability {gpu.compute_capability})" for gpu in machine.cuda_gpus
    )
    return (
        _judged(
            "C++ compiler",
            f"torch.compile uses {compiler}" if compiler else "",
            "torch.compile generates C++ for the CPU, and neither g++ nor clang++ is installed",
            "'apt install g++' (Debian, Ubuntu) or 'xcode-select --install' (macOS); the eager model runs without",
        ),
        _judged(
            "bf16 on the CPU",
            f"{units}; OpenVINO takes it by itself unless it is told float32" if units else "",
            "the processor has no bf16 instructions",
            "stay with fp32, or quantize",
        ),
        *_arm(machine),
        _wheel(
            "OpenVINO provider",
            machine,
            "run OpenVINO itself, which has more builds than ONNX Runtime's provider",
        ),
        _wheel("ExecuTorch", machine, "install executorch and torch in an environment of your own"),
        _wheel(
            "Triton with MLPerf's loadgen", machine, "lease a node of part 3, or read the lesson"
        ),
        *gpus,
        _judged(
            "GPU provider",
            f"the {on_gpu} serves it" if on_gpu else "",
            "neither CUDA's nor MIGraphX's provider finds a GPU",
            "read the reference figures, or lease a node with a GPU",
        ),
        _judged(
            "two NVIDIA GPUs",
            cards if len(machine.cuda_gpus) >= 2 else "",
            f"there: {cards}" if cards else "the driver lists no NVIDIA GPU",
            "place the instances on what is there, and read the published figures of two P100",
        ),
    )


def capability_text(abilities: Iterable[Capability]) -> str:
    """Return one line per capability, what is missing last."""
    return "\n".join(map(str, sorted(abilities, key=lambda ability: not ability.available)))


def _judged(name: str, why: str, why_not: str, alternative: str) -> Capability:
    """Return what a machine can do where there is a reason why, and cannot where there is none."""
    return Capability(name, bool(why), why or why_not, alternative)


def _arm(machine: Fingerprint) -> Iterable[Capability]:
    """Judge what matters on an ARM core; of any other processor, say that it is another one."""
    other, arm = (
        f"this is {machine.architecture}, not the device's processor",
        machine.architecture == "aarch64",
    )
    arm |= (
        machine.architecture == "arm64"
    )  # macOS calls it so and lists no flags; Apple's cores have the dot product
    yield _judged(
        "an ARM processor",
        machine.cpu_model if arm and not machine.emulator else "",
        f"{machine.cpu_model}, emulated: no time means anything" if arm else other,
        "learn the way here, and measure on the device",
    )
    dot = "SDOT and UDOT: sixteen 8-bit products, summed in 32 bits, an instruction: four times float32's rate"
    yield _judged(
        "dot product",
        dot if "asimddp" in machine.cpu_flags or machine.architecture == "arm64" else "",
        "this core has none" if arm else other,
        "8-bit products are widened to 16 bits first, so INT8 makes the file smaller rather than the answer faster"
        if arm
        else "nothing is missing: only an ARM core is asked for it",
    )


def _wheel(name: str, machine: Fingerprint, alternative: str) -> Capability:
    system = machine.system.partition(" ")[0]
    fits = (
        "x86-64 Linux has a wheel for it"
        if (system, machine.architecture) == ("Linux", "x86_64")
        else ""
    )
    return _judged(name, fits, f"no wheel for {system} on {machine.architecture}", alternative)


def _nvidia(machine: Fingerprint) -> Iterable[Capability]:
    """Judge NVIDIA's providers by the best card."""
    best = max(machine.cuda_gpus, key=lambda gpu: _numbers(gpu.compute_capability), default=None)
    for name, needed in NEEDED.items():
        instead = "use the CPU provider, or lease an A100, A30 or H100 node"
        if best is None:
            problem = "the driver lists no NVIDIA GPU"
            instead = "ask for it, watch it fall back to the CPU, and read the reference figures of a GPU node"
        elif _numbers(best.driver)[0] < OLDEST_DRIVER:
            problem = f"driver {best.driver} is older than {OLDEST_DRIVER}, which CUDA 12 needs"
        elif _numbers(best.compute_capability) < needed:
            wants = ".".join(map(str, needed))
            problem = f"{best.name} has compute capability {best.compute_capability}, and {wants} is needed"
        elif machine.architecture != "x86_64":
            problem = f"the pinned GPU wheel is built for x86-64, not for {machine.architecture}"
        else:
            problem = ""
        yield Capability(name, not problem, problem or f"{best and best.name} serves it", instead)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def _migraphx() -> Capability:
    folders = ("lib", "lib/migraphx/lib")
    card, libraries = (
        Path("/dev/kfd").exists(),
        all(
            any(any(Path("/opt").glob(f"rocm*/{folder}/{library}")) for folder in folders)
            for library in MIGRAPHX_LIBRARIES
        ),
    )
    return _judged(
        "MIGraphX provider",
        "ROCm 7 with MIGraphX is installed" if card and libraries else "",
        "ROCm 7 with MIGraphX is not there yet" if card else "there is no AMD GPU",
        "set-up fetches it in the background: ~/.serving-labs/jobs/providers/log on the machine says how far it is"
        if card
        else "lease a node with AMD GPUs (MI100), or look at the reference figures",
    )
