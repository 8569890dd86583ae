"""The gate on ARM cores: what they can do, and which form of INT8 is fast on them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labs.machine import Fingerprint
from labs.machine.capability import capabilities, for_lesson
from labs.machine.quantization_format import forms_on_arm


def arm(*flags: str, **changes: object) -> Fingerprint:
    """Return a device whose core has these flags."""
    made = Fingerprint("Cortex-A76", "aarch64", flags, 4, 8 * 2**30, "Linux 6", "3.11.0")
    return replace(made, **changes)


PI_5 = arm("asimd", "asimddp", "asimdhp")
PI_4 = arm("asimd", cpu_model="Cortex-A72")
SERVER = arm("asimd", "asimddp", "i8mm", "sve", cpu_model="Neoverse V2")


@pytest.mark.parametrize(
    ("machine", "able"),
    [
        (PI_5, {"an ARM processor", "NEON", "dot product", "half precision"}),
        (PI_4, {"an ARM processor", "NEON"}),
        (SERVER, {"an ARM processor", "NEON", "dot product", "i8mm"}),
        (arm("asimd", "asimddp", emulator="qemu-aarch64"), {"NEON", "dot product"}),
        (arm("avx2", "avx512_vnni", architecture="x86_64"), set()),
        (arm(architecture="arm64"), {"an ARM processor", "NEON", "dot product", "half precision"}),
    ],
)
def test_a_core_can_what_its_flags_say(machine: Fingerprint, able: set[str]) -> None:
    """And an emulated core is not a processor to measure on, whatever it can."""
    names = {"an ARM processor", "NEON", "dot product", "i8mm", "half precision"}
    assert {one.name for one in capabilities(machine) if one.available and one.name in names} == able


def test_the_gate_of_the_measuring_lesson_speaks_of_the_device() -> None:
    """A laptop is told why its figures are another processor's, and what to do."""
    found = {one.name: one for one in for_lesson("23", arm("avx2", architecture="x86_64"))}
    assert "not the device's processor" in found["an ARM processor"].reason
    assert "measure on the device" in found["an ARM processor"].alternative
    assert "widened" in {one.name: one for one in for_lesson("23", PI_4)}["dot product"].alternative


def test_signed_with_qdq_comes_first_and_without_dot_product_nothing_is_fast() -> None:
    """S8S8 in QDQ is the form to try first; on a core without SDOT every form is only smaller."""
    assert forms_on_arm(PI_5)[0].form.startswith("S8S8, QDQ")
    assert [one.verdict for one in forms_on_arm(PI_5)] == ["fast", "fast", "fast", "slower", "slower"]
    assert "fast" not in {one.verdict for one in forms_on_arm(PI_4)}
    assert "no dot product" in forms_on_arm(PI_4)[0].because
