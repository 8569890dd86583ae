"""Which INT8 format fits this processor, and why: one file can be fast here, slow there, and wrong elsewhere.

Source of what is said of ARM: ONNX Runtime 1.2x, its kernel library for ARM64 (symmetric convolutions for signed and
for unsigned activations, each with a plain NEON and a dot product version; depthwise ones in NEON; matrix products with
I8MM), and its documentation, 'Quantize ONNX models'.
"""

from __future__ import annotations

from dataclasses import dataclass

from labs.machine.fingerprint import Fingerprint, fingerprint


@dataclass(frozen=True)
class QuantizationFormat:
    """How a model should be quantized for one processor."""

    #: Type of activations, 'uint8' or 'int8'.
    activation_type: str
    #: Type of weights, 'uint8' or 'int8'.
    weight_type: str
    #: Keep weights to 7 bits, so that sums of two products fit 16 bits.
    reduce_range: bool
    #: Whether the processor has instructions that make INT8 clearly faster than fp32.
    is_fast: bool
    #: Why this format, in a sentence or two.
    reason: str

    @property
    def name(self) -> str:
        """Short name, activations first, such as 'U8S8'."""
        return "".join("U8" if kind == "uint8" else "S8" for kind in (self.activation_type, self.weight_type))

    def settings(self, *, per_channel: bool = True) -> dict:
        """Return the words with which ONNX Runtime's ``quantize_static`` writes this format (QDQ is its default)."""
        from onnxruntime.quantization import QuantType

        types = {"uint8": QuantType.QUInt8, "int8": QuantType.QInt8}
        return {
            "activation_type": types[self.activation_type],
            "weight_type": types[self.weight_type],
            "per_channel": per_channel,
            "reduce_range": self.reduce_range,
        }


_REASONS = {
    "tensorrt": "TensorRT reads QDQ only and wants both sides signed and symmetric; its INT8 units are on the GPU.",
    "sdot": (
        "ARM's dot product instructions (SDOT) multiply signed by signed bytes, sixteen at a time, so S8S8 needs "
        "no conversion."
    ),
    "i8mm": (
        "ARM's I8MM instructions (SMMLA) multiply signed bytes as small matrices, 32 products at a time; what cannot "
        "use them falls back to the dot product. S8S8 needs no conversion for either."
    ),
    "old arm": (
        "This ARM core has no dot product instructions: S8S8 is right, but expect a smaller file rather than "
        "a faster model."
    ),
    "vnni": (
        "VNNI multiplies unsigned activations by signed weights (VPDPBUSD) and sums in 32 bits, so U8S8 is native and "
        "cannot overflow. S8S8 is converted on the way and can end up slower than fp32 here."
    ),
    "no vnni": (
        "Without VNNI, AVX2 and AVX-512 add two products in 16 bits (VPMADDUBSW), and cut off sums of full-range "
        "U8S8: keep weights to 7 bits (reduce_range). Expect a small gain at best."
    ),
}


def quantization_format(
    machine: Fingerprint | None = None, *, provider: str = "CPUExecutionProvider"
) -> QuantizationFormat:
    """Return the format of static INT8 (QDQ, weights per channel) that fits a processor and a provider.

    QDQ is the layout for every provider: TensorRT and OpenVINO read it, and ONNX Runtime's CPU provider fuses it into
    the same kernels as QOperator. OpenVINO's provider leaves a QOperator file's convolutions to the CPU provider.

    Args:
        machine: Fingerprint to judge; this machine's when None.
        provider: Execution provider that will run the model.

    Source: ONNX Runtime 1.2x documentation, 'Quantize ONNX models' (data type selection), and measurements with ONNX
    Runtime 1.32 on AVX-512 VNNI, where S8S8 was slower than fp32 although the documentation tries it first.
    """
    machine = machine or fingerprint()
    flags = set(machine.cpu_flags)
    if provider == "TensorrtExecutionProvider":
        return QuantizationFormat("int8", "int8", False, True, _REASONS["tensorrt"])
    if machine.architecture == "arm64" or flags & {"asimddp", "i8mm"}:  # macOS says arm64, and Apple's cores have it
        return QuantizationFormat("int8", "int8", False, True, _REASONS["i8mm" if "i8mm" in flags else "sdot"])
    if machine.architecture == "aarch64":
        return QuantizationFormat("int8", "int8", False, False, _REASONS["old arm"])
    if flags & {"avx512_vnni", "avx_vnni", "amx_int8"}:
        return QuantizationFormat("uint8", "int8", False, True, _REASONS["vnni"])
    return QuantizationFormat("uint8", "int8", True, False, _REASONS["no vnni"])


#: Names of ARM processors' architecture: Linux says one, macOS the other.
ARCHITECTURES = frozenset({"aarch64", "arm64"})


@dataclass(frozen=True)
class ArmFeature:
    """One thing that a core may be able to do."""

    #: What it is called.
    name: str
    #: Linux's flags for it; one of them is enough.
    flags: tuple[str, ...]
    #: What a model gains by it, with the rate that it stands for.
    brings: str
    #: What happens without it.
    without: str


FEATURES: tuple[ArmFeature, ...] = (
    ArmFeature(
        "NEON",
        ("asimd", "neon"),
        "128-bit vectors: four float32 products an instruction",
        "one number at a time",
    ),
    ArmFeature(
        "dot product",
        ("asimddp",),
        "SDOT and UDOT: sixteen 8-bit products, summed in 32 bits, an instruction: four times float32's rate",
        "8-bit products are widened to 16 bits first, so INT8 makes the file smaller rather than the answer faster",
    ),
    ArmFeature(
        "i8mm",
        ("i8mm",),
        "SMMLA: a 2 × 8 by 8 × 2 matrix product, 32 products an instruction, for dense layers",
        "the dot product does the same with twice the instructions",
    ),
    ArmFeature(
        "half precision",
        ("asimdhp",),
        "eight 16-bit floating point products an instruction, for kernels that use them",
        "float32 and INT8 are the choice",
    ),
)


def is_arm(machine: Fingerprint) -> bool:
    """Return whether a machine has a 64-bit ARM processor."""
    return machine.architecture in ARCHITECTURES


def has(machine: Fingerprint, feature: ArmFeature) -> bool:
    """Return whether a machine's processor can do something; Apple's cores do not list their flags, and can."""
    if machine.architecture == "arm64" and not machine.cpu_flags:
        return feature.name != "i8mm"  # from the M2 on
    return bool(set(feature.flags) & set(machine.cpu_flags))
