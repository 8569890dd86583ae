"""The capability gate, judged for machines that the course meets: laptops, Chameleon's nodes, a
Raspberry Pi.
"""

from dataclasses import replace

import pytest

from labs.course.lessons import for_lesson, lessons
from labs.machine import Capability, Fingerprint, Gpu, capabilities, capability_text
from labs.machine.quantization_format import quantization_format


def machine(
    *flags: str, architecture: str = "x86_64", gpus: tuple[Gpu, ...] = (), **changes: object
) -> Fingerprint:
    plain = Fingerprint("A CPU", architecture, flags, 8, 64 * 2**30, "Linux 6", "3.11.0", gpus)
    return replace(plain, **changes)


def card(name: str, compute_capability: str, driver: str = "570.86.15") -> Gpu:
    return Gpu(name, "GPU-1", 16 * 2**30, compute_capability, driver)


EPYC_7763 = machine("avx", "avx2", "fma")
XEON = machine("avx2", "avx512f", "avx512_vnni", "amx_int8", "amx_bf16")
PI_5 = machine("asimd", "asimddp", "asimdhp", architecture="aarch64", cpu_model="Cortex-A76")
PI_4 = machine("asimd", architecture="aarch64", cpu_model="Cortex-A72")
MAC = machine(architecture="arm64", system="Darwin 24")
P100 = machine("avx2", gpus=(card("Tesla P100", "6.0"),) * 2)
A100 = machine("avx2", gpus=(card("NVIDIA A100", "8.0"),))
MI100 = machine("avx2", gpus=(card("AMD Instinct MI100", "", driver="6.12.12"),) * 2)
#: Packages with a wheel for Linux on x86-64 only.
WHEELS = {"OpenVINO provider", "ExecuTorch", "Triton with MLPerf's loadgen"}
ON_GPUS = {"CUDA provider", "TensorRT provider", "GPU provider", "two NVIDIA GPUs"}


def judged(who: Fingerprint) -> dict[str, Capability]:
    return {capability.name: capability for capability in capabilities(who)}


@pytest.mark.parametrize(
    ("who", "form", "reduce_range"),
    [
        (XEON, "U8S8", False),
        (machine("avx2", "avx_vnni"), "U8S8", False),
        (EPYC_7763, "U8S8", True),
        (machine("avx2", "avx512f", "avx512bw"), "U8S8", True),
        (PI_5, "S8S8", False),
        (PI_4, "S8S8", False),
        (MAC, "S8S8", False),
    ],
)
def test_quantization_format_fits_the_processor(
    who: Fingerprint, form: str, reduce_range: bool
) -> None:
    """VNNI wants U8S8, ARM's dot product S8S8; without VNNI, weights keep 7 bits."""
    quantization = quantization_format(who)
    assert (quantization.name, quantization.reduce_range) == (form, reduce_range)


@pytest.mark.parametrize(
    ("who", "able"),
    [
        (EPYC_7763, WHEELS),
        (XEON, {*WHEELS, "bf16 on the CPU"}),
        (PI_5, {"an ARM processor", "dot product"}),
        (PI_4, {"an ARM processor"}),
        (replace(PI_5, emulator="qemu-aarch64"), {"dot product"}),
        (MAC, {"an ARM processor", "dot product"}),
        (P100, {*WHEELS, *ON_GPUS} - {"TensorRT provider"}),
        (A100, {*WHEELS, *ON_GPUS} - {"two NVIDIA GPUs"}),
        (MI100, WHEELS),
    ],
    ids=["EPYC", "Xeon", "Pi 5", "Pi 4", "emulated", "Mac", "P100", "A100", "MI100 without ROCm"],
)
def test_each_machine_can_what_it_has(who: Fingerprint, able: set[str]) -> None:
    """On any machine, each verdict has a reason, and a no shows an alternative."""
    verdicts = [
        capability
        for capability in capabilities(who)
        if capability.name not in ("C++ compiler", "MIGraphX provider")
    ]
    assert {verdict.name for verdict in verdicts if verdict.available} == able
    for verdict in verdicts:
        assert verdict.reason
        assert verdict.available is (verdict.alternative not in str(verdict))


@pytest.mark.parametrize(
    ("who", "name", "available", "words"),
    [
        (
            machine(gpus=(card("P100", "6.0"), card("B200", "10.0"))),
            "TensorRT provider",
            True,
            "B200",
        ),
        (machine(gpus=(card("A100", "8.0", driver="470.57"),)), "CUDA provider", False, "470.57"),
        (
            P100,
            "TensorRT provider",
            False,
            "Tesla P100 has compute capability 6.0, and 7.0 is needed",
        ),
        (MI100, "CUDA provider", False, "no NVIDIA GPU"),
        (EPYC_7763, "CUDA provider", False, "fall back"),
        (EPYC_7763, "an ARM processor", False, "not the device's processor"),
        (PI_4, "dot product", False, "widened"),
        (PI_5, "OpenVINO provider", False, "aarch64"),
    ],
)
def test_a_verdict_says_what_decided_it_or_the_way_out(who, name, available, words) -> None:
    """The best card counts, an old driver is named, and nothing is a dead end."""
    verdict = judged(who)[name]
    assert verdict.available is available
    assert words in str(verdict)


def test_a_compiler_is_looked_for_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """It may just have been installed, so each question looks again; CXX may name it, as conda's
    environments do.
    """
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    assert "apt install g++" in str(judged(EPYC_7763)["C++ compiler"])
    for name, cxx in (("g++", None), ("x86_64-conda-linux-gnu-c++", "x86_64-conda-linux-gnu-c++")):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
        if cxx:
            monkeypatch.setenv("CXX", cxx)
        assert str(tmp_path / name) in judged(EPYC_7763)["C++ compiler"].reason


def test_every_lesson_can_be_asked() -> None:
    """Each lesson's needs are names that the gate knows; the text says what is missing last."""
    for lesson in lessons():
        assert tuple(capability.name for capability in for_lesson(lesson.id)) == lesson.uses
    with pytest.raises(KeyError, match="no lesson 'nowhere'"):
        for_lesson("nowhere")
    lines = capability_text(capabilities(P100)).splitlines()
    assert [line[:3] for line in lines] == sorted((line[:3] for line in lines), reverse=True)
