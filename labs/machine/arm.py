"""What an ARM processor can do for a model, and which form of INT8 is fast on it and why.

Source: ONNX Runtime 1.2x, its kernel library for ARM64 (symmetric convolutions for signed and for unsigned activations,
each with a plain NEON and a dot product version; depthwise ones in NEON; matrix products with I8MM), and its
documentation, 'Quantize ONNX models'.
"""

from __future__ import annotations

from dataclasses import dataclass

from labs.machine.fingerprint import Fingerprint

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


@dataclass(frozen=True)
class FormOnArm:
    """How one form of a quantized file fares on an ARM core."""

    #: Its name, activations first.
    form: str
    #: 'fast', 'slower' or 'small only'.
    verdict: str
    #: Why.
    because: str


def is_arm(machine: Fingerprint) -> bool:
    """Return whether a machine has a 64-bit ARM processor."""
    return machine.architecture in ARCHITECTURES


def has(machine: Fingerprint, feature: ArmFeature) -> bool:
    """Return whether a machine's processor can do something; Apple's cores do not list their flags, and can."""
    if machine.architecture == "arm64" and not machine.cpu_flags:
        return feature.name != "i8mm"  # from the M2 on
    return bool(set(feature.flags) & set(machine.cpu_flags))


def forms_on_arm(machine: Fingerprint) -> tuple[FormOnArm, ...]:
    """Return the forms of INT8 with how they fare on an ARM core, best first.

    Args:
        machine: Whose core; the difference is made by the dot product.
    """
    dot = next(one for one in FEATURES if one.name == "dot product")
    fast = "fast" if has(machine, dot) else "small only"
    same = "" if fast == "fast" else " This core has no dot product, so expect a smaller file and little speed."
    return (
        FormOnArm(
            "S8S8, QDQ, a scale a channel",
            fast,
            "signed by signed is what SDOT multiplies, and weights with a zero point of 0 need no correction; "
            "pointwise layers are matrix products, depthwise ones have NEON kernels without the dot product." + same,
        ),
        FormOnArm(
            "U8S8, QDQ, a scale a channel",
            fast,
            "the pointwise layers' weights are moved to unsigned once, when the file is loaded, and UDOT multiplies. "
            "Measure it beside S8S8." + same,
        ),
        FormOnArm(
            "QOperator",
            fast,
            "the same kernels: QDQ is fused into these very operators when the file is loaded. Only ONNX Runtime "
            "reads it." + same,
        ),
        FormOnArm(
            "U8U8, or a zero point in the weights",
            "slower",
            "no symmetric convolution: the image is copied into columns first, and each sum is corrected.",
        ),
        FormOnArm(
            "dynamic",
            "slower",
            "every layer searches its input for the range, and its result goes back to float32 each time.",
        ),
    )
