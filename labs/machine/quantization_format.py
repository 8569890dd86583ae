"""Which INT8 format fits this processor, and why: one file can be fast here, slow there, and wrong elsewhere."""

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
