"""The forms of INT8 that a file can take, and which one fits a machine."""

from __future__ import annotations

from dataclasses import dataclass

from labs.machine import Fingerprint


@dataclass(frozen=True)
class Form:
    """How integers stand in a quantized file."""

    #: 'qdq': float operators between Quantize/Dequantize pairs, which each runtime fuses for itself. 'qoperator':
    #: ONNX Runtime's integer operators, already fused; other runtimes cannot read most of them.
    layout: str
    #: Type of activations, 'u8' or 's8'.
    activations: str
    #: Type of weights, 'u8' or 's8'.
    weights: str
    #: Whether each output channel's weights have their own scale.
    per_channel: bool = True
    #: Whether weights use 7 of their 8 bits, which keeps sums of two products within 16 bits.
    reduce_range: bool = False

    @property
    def name(self) -> str:
        """Short name, such as 'qdq-u8s8-channel'."""
        parts = [self.layout, self.activations + self.weights, "channel" if self.per_channel else "tensor"]
        return "-".join(parts + ["7bit"] * self.reduce_range)


#: Forms that the lessons compare, by name.
FORMS: dict[str, Form] = {
    form.name: form
    for form in (
        Form("qdq", "u8", "s8"),
        Form("qoperator", "u8", "s8"),
        Form("qdq", "u8", "s8", per_channel=False),
        Form("qdq", "s8", "s8"),
        Form("qdq", "u8", "u8", per_channel=False),
        Form("qdq", "u8", "s8", reduce_range=True),
    )
}


@dataclass(frozen=True)
class Choice:
    """A form with the reason for it."""

    #: The form that fits.
    form: Form
    #: Why, in one or two sentences for the student.
    reason: str


def best_form_for(machine: Fingerprint) -> Choice:
    """Return the INT8 form that a machine's processor runs best, with the reason.

    Args:
        machine: The machine's fingerprint.

    Source:
        https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html, 'Data type selection', and the
        course's own measurements: on x86-64 with VNNI, S8S8 QDQ was slower than float.
    """
    flags = set(machine.cpu_flags)
    if machine.architecture.lower() in {"aarch64", "arm64"}:
        with_dot = flags & {"asimddp", "i8mm"}
        return Choice(
            FORMS["qdq-s8s8-channel"],
            "ARM multiplies signed by signed bytes, so S8S8. "
            + (
                "This processor has the dot-product instruction, which adds four such products at once."
                if with_dot
                else "No dot-product instruction was reported here, so expect less gain than on newer cores."
            ),
        )
    if flags & {"avx512_vnni", "avx_vnni", "amx_int8"}:
        return Choice(
            FORMS["qdq-u8s8-channel"],
            "This processor's VNNI instruction multiplies unsigned by signed bytes and sums them in 32 bits, so "
            "U8S8 at full range. QDQ, because ONNX Runtime fuses it into the same integer operators as QOperator, "
            "and OpenVINO and TensorRT can read it too.",
        )
    return Choice(
        FORMS["qdq-u8s8-channel-7bit"],
        "Without VNNI, x86 adds two U8×S8 products in 16 bits, where full-range weights can overflow and spoil results "
        "in silence. Weights of 7 bits cannot.",
    )
