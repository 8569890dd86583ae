"""The capability gate: which requirements of lessons this machine fulfils, and the alternatives.

It judges from the fingerprint and never imports torch or ONNX Runtime, so that a lesson can ask in
its first cell.
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

#: ROCm's libraries that the pinned onnxruntime-migraphx wheel links against (``readelf -d``): ROCm
#: 7, with MIGraphX.
MIGRAPHX_LIBRARIES = ("libmigraphx_c.so.3", "libamdhip64.so.7")


@dataclass(frozen=True)
class Capability:
    """One ability that a machine has or lacks."""

    #: Its name in the lessons.
    name: str
    #: Whether this machine can do it.
    available: bool
    #: Why it can, or why it cannot.
    reason: str
    #: The alternative without it.
    alternative: str = ""

    def __str__(self) -> str:
        if self.available:
            return f"yes  {self.name}: {self.reason}."
        return f"no   {self.name}: {self.reason}. Instead: {self.alternative}."


def capabilities(machine: Fingerprint | None = None) -> tuple[Capability, ...]:
    """Return all that lessons ask about, judged for a fingerprint; compiler and ROCm are looked for
    on this machine.
    """
    machine = machine or fingerprint()
    providers = (*_nvidia(machine), _migraphx())
    return (
        _compiler(),
        _bf16(machine),
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
        *providers,
        _any_gpu(providers),
        _two_gpus(machine),
    )


def capability_text(abilities: Iterable[Capability]) -> str:
    """Return one line per capability, missing ones last."""
    in_order = sorted(abilities, key=lambda ability: not ability.available)
    return "\n".join(map(str, in_order))


def _judged(name: str, why: str, why_not: str, alternative: str) -> Capability:
    """Return a capability: present if there is a reason for it, and absent without a reason."""
    return Capability(name, bool(why), why or why_not, alternative)


def _compiler() -> Capability:
    # torch.compile takes the compiler that CXX names, which is how an active conda environment
    # names its own.
    compiler = shutil.which(os.environ.get("CXX", "g++")) or shutil.which("clang++")
    return _judged(
        "C++ compiler",
        f"torch.compile uses {compiler}" if compiler else "",
        "torch.compile generates C++ for the CPU, and neither g++ nor clang++ is installed",
        "'apt install g++' (Debian, Ubuntu) or 'xcode-select --install' (macOS); the eager "
        "model runs without",
    )


def _bf16(machine: Fingerprint) -> Capability:
    units = []
    if "amx_bf16" in machine.cpu_flags:
        units.append("AMX")
    if "avx512_bf16" in machine.cpu_flags:
        units.append("AVX-512 bf16")
    names = " and ".join(units)
    return _judged(
        "bf16 on the CPU",
        f"{names}; OpenVINO takes it by itself unless it is told float32" if units else "",
        "the processor has no bf16 instructions",
        "stay with fp32, or quantize",
    )


def _any_gpu(providers: Iterable[Capability]) -> Capability:
    """Judge by the first of the GPU providers that is available."""
    provider = next((provider.name for provider in providers if provider.available), "")
    return _judged(
        "GPU provider",
        f"the {provider} serves it" if provider else "",
        "neither CUDA's nor MIGraphX's provider finds a GPU",
        "read the reference figures, or lease a node with a GPU",
    )


def _two_gpus(machine: Fingerprint) -> Capability:
    gpus = machine.cuda_gpus
    names = [f"{gpu.name} (compute capability {gpu.compute_capability})" for gpu in gpus]
    cards = ", ".join(names)
    return _judged(
        "two NVIDIA GPUs",
        cards if len(gpus) >= 2 else "",
        f"there: {cards}" if gpus else "the driver lists no NVIDIA GPU",
        "place the instances on what is there, and read the published figures of two P100",
    )


def _arm(machine: Fingerprint) -> Iterable[Capability]:
    """Judge what matters on an ARM core; of any other processor, say that it is another one."""
    # macOS calls it arm64 and lists no flags; Apple's cores have the dot product.
    is_apple = machine.architecture == "arm64"
    is_arm = is_apple or machine.architecture == "aarch64"
    if not is_arm:
        other = f"this is {machine.architecture}, not the device's processor"
        yield _judged("an ARM processor", "", other, _MEASURE_ON_DEVICE)
        nothing_missing = "nothing is missing: only an ARM core is asked for it"
        yield _judged("dot product", "", other, nothing_missing)
        return
    emulated = f"{machine.cpu_model}, emulated: no time means anything"
    real = "" if machine.emulator else machine.cpu_model
    yield _judged("an ARM processor", real, emulated, _MEASURE_ON_DEVICE)
    has_dot_product = is_apple or "asimddp" in machine.cpu_flags
    yield _judged(
        "dot product",
        _DOT_PRODUCT if has_dot_product else "",
        "this core has none",
        "8-bit products are widened to 16 bits first, so INT8 makes the file smaller rather "
        "than the answer faster",
    )


_MEASURE_ON_DEVICE = "learn the way here, and measure on the device"
_DOT_PRODUCT = (
    "SDOT and UDOT: sixteen 8-bit products, summed in 32 bits, an instruction: four times "
    "float32's rate"
)


def _wheel(name: str, machine: Fingerprint, alternative: str) -> Capability:
    system = machine.system.partition(" ")[0]
    fits = system == "Linux" and machine.architecture == "x86_64"
    return _judged(
        name,
        "x86-64 Linux has a wheel for it" if fits else "",
        f"no wheel for {system} on {machine.architecture}",
        alternative,
    )


def _nvidia(machine: Fingerprint) -> Iterable[Capability]:
    """Judge NVIDIA's providers by the best card."""
    best = max(machine.cuda_gpus, key=lambda gpu: _numbers(gpu.compute_capability), default=None)
    for name, needed in NEEDED.items():
        instead = "use the CPU provider, or lease an A100, A30 or H100 node"
        if best is None:
            problem = "the driver lists no NVIDIA GPU"
            instead = (
                "ask for it, watch it fall back to the CPU, and read the reference figures of a "
                "GPU node"
            )
        elif _numbers(best.driver)[0] < OLDEST_DRIVER:
            problem = f"driver {best.driver} is older than {OLDEST_DRIVER}, which CUDA 12 needs"
        elif _numbers(best.compute_capability) < needed:
            wants = ".".join(map(str, needed))
            problem = (
                f"{best.name} has compute capability {best.compute_capability}, and {wants} is "
                "needed"
            )
        elif machine.architecture != "x86_64":
            problem = f"the pinned GPU wheel is built for x86-64, not for {machine.architecture}"
        else:
            problem = ""
        card = best.name if best else ""
        yield Capability(name, not problem, problem or f"{card} serves it", instead)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def _migraphx() -> Capability:
    name = "MIGraphX provider"
    if not Path("/dev/kfd").exists():
        alternative = "lease a node with AMD GPUs (MI100), or look at the reference figures"
        return _judged(name, "", "there is no AMD GPU", alternative)
    is_installed = all(map(_has_rocm_library, MIGRAPHX_LIBRARIES))
    return _judged(
        name,
        "ROCm 7 with MIGraphX is installed" if is_installed else "",
        "ROCm 7 with MIGraphX is not there yet",
        "set-up fetches it in the background: ~/.serving-labs/jobs/providers/log on the machine "
        "says how far it is",
    )


def _has_rocm_library(library: str) -> bool:
    for folder in ("lib", "lib/migraphx/lib"):
        if any(Path("/opt").glob(f"rocm*/{folder}/{library}")):
            return True
    return False
