"""Which INT8 format fits this processor, and why: one file can be fast on one processor, slow on a
second, and wrong on a third.

Source: ONNX Runtime 1.2x documentation, 'Quantize ONNX models' (data type selection); its kernel
library for ARM64 (symmetric convolutions for signed and unsigned activations, with dot product
versions); and measurements with ONNX Runtime 1.32 on AVX-512 VNNI, where S8S8 was slower than fp32
although the documentation tries it first.
"""

from dataclasses import dataclass

from labs.machine.fingerprint import Fingerprint, fingerprint


@dataclass(frozen=True)
class QuantizationFormat:
    """How a model should be quantized for one processor."""

    #: Type of activations, 'uint8' or 'int8'; weights are always signed.
    activation_type: str
    #: Keep weights to 7 bits, so that sums of two products fit 16 bits.
    reduce_range: bool = False

    @property
    def name(self) -> str:
        """Short name, activations first, such as 'U8S8'."""
        return "U8S8" if self.activation_type == "uint8" else "S8S8"

    def settings(self, *, per_channel: bool = True) -> dict:
        """Return the words with which ONNX Runtime's ``quantize_static`` writes this format (QDQ is
        its default).
        """
        from onnxruntime.quantization import QuantType

        types = {"uint8": QuantType.QUInt8, "int8": QuantType.QInt8}
        return {
            "activation_type": types[self.activation_type],
            "weight_type": QuantType.QInt8,
            "per_channel": per_channel,
            "reduce_range": self.reduce_range,
        }


def quantization_format(machine: Fingerprint | None = None) -> QuantizationFormat:
    """Return the format of static INT8 that fits a processor under ONNX Runtime's CPU provider."""
    machine = machine or fingerprint()
    if machine.architecture in ("aarch64", "arm64"):
        # ARM's dot product (SDOT, and I8MM's SMMLA) multiplies signed by signed bytes: S8S8 needs
        # no conversion.
        return QuantizationFormat("int8")
    if {"avx512_vnni", "avx_vnni", "amx_int8"} & set(machine.cpu_flags):
        # VNNI multiplies unsigned activations by signed weights (VPDPBUSD) and sums in 32 bits: it
        # cannot overflow.
        return QuantizationFormat("uint8")
    # Without it, two products are added in 16 bits (VPMADDUBSW), which cuts off sums of full-range
    # U8S8.
    return QuantizationFormat("uint8", reduce_range=True)
