"""The capability gate, judged for machines that the course meets: laptops, Chameleon's nodes, a Raspberry Pi."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labs.course import lessons
from labs.machine import Fingerprint, Gpu
from labs.machine.capability import (
    Capability,
    capabilities,
    capability_text,
    for_lesson,
)
from labs.machine.limits import Surroundings, surroundings
from labs.machine.quantization_format import quantization_format

AROUND = Surroundings("Linux", "/usr/bin/g++", 50 * 10**9, has_migraphx=False, glibc=(2, 39))


def machine(*flags: str, architecture: str = "x86_64", gpus: tuple[Gpu, ...] = (), **changes: object) -> Fingerprint:
    """Return a machine with these processor flags and cards."""
    made = Fingerprint("A CPU", architecture, flags, 8, 64 * 2**30, "Linux 6", "3.11.0", gpus)
    return replace(made, **changes)


def card(name: str, compute_capability: str, driver: str = "570.86.15") -> Gpu:
    """Return a card as its driver would list it."""
    return Gpu(name, "GPU-1", 16 * 2**30, compute_capability, driver)


EPYC_7763 = machine("avx", "avx2", "fma")
XEON = machine("avx2", "avx512f", "avx512_vnni", "amx_int8", "amx_bf16")
PI_5 = machine("asimd", "asimddp", "asimdhp", architecture="aarch64", cpu_model="Cortex-A76")
PI_4 = machine("asimd", architecture="aarch64", cpu_model="Cortex-A72")
SERVER_ARM = machine("asimd", "asimddp", "i8mm", "sve", architecture="aarch64", cpu_model="Neoverse V2")
P100 = machine("avx2", gpus=(card("Tesla P100", "6.0"),))
#: What is asked of an ARM core only.
ARM = {"an ARM processor", "NEON", "dot product", "i8mm", "half precision"}
A100 = machine("avx2", gpus=(card("NVIDIA A100", "8.0"),))


def judged(who: Fingerprint, around: Surroundings = AROUND) -> dict[str, Capability]:
    """Return the gate's verdicts by name."""
    return {one.name: one for one in capabilities(who, around)}


@pytest.mark.parametrize(
    ("who", "form", "reduce_range", "is_fast"),
    [
        (XEON, "U8S8", False, True),
        (machine("avx2", "avx_vnni"), "U8S8", False, True),
        (EPYC_7763, "U8S8", True, False),
        (machine("avx2", "avx512f", "avx512bw"), "U8S8", True, False),
        (PI_5, "S8S8", False, True),
        (PI_4, "S8S8", False, False),
        (machine(architecture="arm64"), "S8S8", False, True),
    ],
)
def test_quantization_format_fits_the_processor(who: Fingerprint, form: str, reduce_range: bool, is_fast: bool) -> None:
    """VNNI wants U8S8, ARM's dot product S8S8; without VNNI, weights keep 7 bits and nobody promises speed."""
    found = quantization_format(who)
    assert (found.name, found.reduce_range, found.is_fast) == (form, reduce_range, is_fast)
    assert judged(who)["fast INT8"].available is is_fast


def test_tensorrt_wants_signed_on_any_processor() -> None:
    """The provider decides when it has INT8 units of its own."""
    assert quantization_format(XEON, provider="TensorrtExecutionProvider").name == "S8S8"


def test_p100_runs_cuda_and_nothing_newer() -> None:
    """Compute capability 6.0: the CUDA provider, but neither TensorRT nor Inductor nor today's torch nor Triton."""
    found = judged(P100)
    assert found["CUDA provider"].available
    newer = ["TensorRT provider", "torch.compile on the GPU", "torch's default CUDA build", "Triton 25.03 and later"]
    for name in newer:
        assert not found[name].available
        assert "Tesla P100 has compute capability 6.0" in found[name].reason
    assert "7.0 is needed" in found["TensorRT provider"].reason
    assert "cu126" in found["torch's default CUDA build"].alternative
    assert "24.10" in found["Triton 25.03 and later"].alternative


def test_a100_runs_all_of_nvidia() -> None:
    """Compute capability 8.0 passes every limit."""
    found = judged(A100)
    others = {"fast INT8", "bf16 on the CPU", "MIGraphX provider", "two NVIDIA GPUs", *ARM}
    assert [name for name, one in found.items() if not one.available and name not in others] == []


def test_an_amd_card_is_no_cuda_card_and_serves_through_migraphx() -> None:
    """CUDA, TensorRT and Triton's limits do not speak of it; "a GPU" can still be asked for here."""
    mi100 = machine("avx2", gpus=(card("AMD Instinct MI100", "", driver="6.12.12"),))
    bare, whole = judged(mi100), judged(mi100, replace(AROUND, has_migraphx=True))
    assert "no NVIDIA GPU" in bare["CUDA provider"].reason
    assert bare["Triton 25.03 and later"].available
    assert [found["GPU provider"].available for found in (bare, whole)] == [False, True]
    assert "MIGraphX" in whole["GPU provider"].reason
    two_of_them = machine("avx2", gpus=mi100.gpus * 2)
    assert not judged(two_of_them)["two NVIDIA GPUs"].available
    assert "CUDA" in judged(P100)["GPU provider"].reason


@pytest.mark.parametrize(
    ("who", "changes", "name", "available", "words"),
    [
        (machine("avx2", gpus=(card("P100", "6.0"), card("B200", "10.0"))), {}, "TensorRT provider", True, "B200"),
        (machine("avx2", gpus=(card("A100", "8.0", driver="470.57"),)), {}, "CUDA provider", False, "470.57"),
        (EPYC_7763, {}, "CUDA provider", False, "fall back"),
        (EPYC_7763, {}, "Triton 25.03 and later", True, "CPU"),
        (PI_5, {}, "OpenVINO provider", False, "OpenVINO itself"),
        (PI_5, {}, "OpenVINO provider", False, "aarch64"),
        (machine("avx2"), {"cpp_compiler": ""}, "C++ compiler", False, "g++"),
        (machine("avx2", memory_bytes=2**30), {}, "memory", False, "1.0 GiB"),
        (machine("avx2"), {"free_disk_bytes": 10**9}, "disk", False, "SERVING_LABS_CACHE"),
        (XEON, {"glibc": (2, 35)}, "Triton", True, "wheel"),
        (XEON, {"glibc": (2, 35)}, "perf_analyzer", False, "needs glibc 2.38, and this system has 2.35"),
        (XEON, {"glibc": (2, 35)}, "perf_analyzer", False, "Ubuntu 24.04"),
        (XEON, {"glibc": (0, 0)}, "Triton", False, "glibc 2.35"),
    ],
)
def test_each_verdict_says_what_decided_it_or_the_way_out(who, changes, name, available, words) -> None:
    """The best card counts, an old driver, a bare container and an older Linux are named, and none is a dead end."""
    found = judged(who, replace(AROUND, **changes))[name]
    assert found.available is available
    assert words in str(found)


@pytest.mark.parametrize("who", [EPYC_7763, XEON, PI_5, P100, A100, machine()])
def test_every_no_has_a_way_out_and_no_yes_has_one(who: Fingerprint) -> None:
    """Whatever the machine: each verdict has a reason, and an alternative exactly where one is needed."""
    for one in capabilities(who, AROUND):
        assert one.reason
        assert bool(one.alternative) is not one.available


def test_a_no_without_alternative_is_refused() -> None:
    """Nobody can add a capability that only says no."""
    with pytest.raises(ValueError, match="what to do instead"):
        Capability("flying", False, "no wings")


def test_every_lesson_can_be_asked() -> None:
    """Each lesson's needs are names that the gate knows, on this very machine."""
    for lesson in lessons():
        assert tuple(one.name for one in for_lesson(lesson.id)) == lesson.uses
    with pytest.raises(KeyError, match="no lesson 'nowhere'"):
        for_lesson("nowhere")


def test_the_text_holds_every_verdict() -> None:
    """What is missing stands last."""
    found = capabilities(P100, AROUND)
    lines = capability_text(found).splitlines()
    assert [line.startswith("yes") for line in lines] == sorted((one.available for one in found), reverse=True)


def test_surroundings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """Room is measured where the cache will be, also before that folder exists; a compiler is looked for on PATH."""
    monkeypatch.setenv("SERVING_LABS_CACHE", str(tmp_path / "not" / "yet"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert surroundings().free_disk_bytes > 0
    assert surroundings().cpp_compiler == ""
    compiler = tmp_path / "g++"
    compiler.write_text("#!/bin/sh\n")
    compiler.chmod(0o755)
    assert surroundings().cpp_compiler == str(compiler)


@pytest.mark.parametrize(
    ("who", "able"),
    [
        (PI_5, {"an ARM processor", "NEON", "dot product", "half precision"}),
        (PI_4, {"an ARM processor", "NEON"}),
        (SERVER_ARM, {"an ARM processor", "NEON", "dot product", "i8mm"}),
        (replace(PI_5, emulator="qemu-aarch64"), {"NEON", "dot product", "half precision"}),
        (machine("avx2", "avx512_vnni"), set()),
        (machine(architecture="arm64"), {"an ARM processor", "NEON", "dot product", "half precision"}),
    ],
)
def test_a_core_can_what_its_flags_say(who: Fingerprint, able: set[str]) -> None:
    """And an emulated core is not a processor to measure on, whatever it can."""
    assert {one.name for one in capabilities(who) if one.available and one.name in ARM} == able


def test_the_gate_speaks_of_the_device() -> None:
    """A laptop is told why its figures are another processor's, and what to do."""
    found = {one.name: one for one in capabilities(machine("avx2"))}
    assert "not the device's processor" in found["an ARM processor"].reason
    assert "measure on the device" in found["an ARM processor"].alternative
    assert "widened" in {one.name: one for one in capabilities(PI_4)}["dot product"].alternative
