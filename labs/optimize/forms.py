"""The forms of INT8 that a file can take, and which one fits a machine."""

from __future__ import annotations

from dataclasses import dataclass

from labs.machine import Fingerprint
from labs.machine.quantization_form import quantization_form


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

    The types come from ``labs.machine.quantization_form``. The layout is QDQ: ONNX Runtime fuses it into the same
    integer operators as QOperator, and OpenVINO and TensorRT can read it too.

    Args:
        machine: The machine's fingerprint.
    """
    fits = quantization_form(machine)
    types = {"uint8": "u8", "int8": "s8"}
    form = Form("qdq", types[fits.activation_type], types[fits.weight_type], reduce_range=fits.reduce_range)
    return Choice(FORMS[form.name], fits.reason)
