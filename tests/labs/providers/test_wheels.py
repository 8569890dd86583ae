"""The table of wheels: pinned, complete, and never two ONNX Runtimes in one environment."""

from __future__ import annotations

import platform

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from labs.backends import BackendUnavailableError
from labs.machine import Gpu
from labs.providers import CPU_PROVIDER, environment_specs, known_providers, spec_for, wheels
from labs.providers.precision import PRECISIONS

SPECS = list(environment_specs().values())


class FakeFingerprint:
    """A machine with or without a card."""

    def __init__(self, *gpus: Gpu) -> None:
        self.gpus = gpus


@pytest.fixture
def on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend to be the machine that the wheels are built for, wherever the tests run."""
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_everything_is_pinned_once(spec) -> None:
    """Each package has exactly one version, so an environment built next year is the same one."""
    requirements = [Requirement(text) for text in spec.requirements]
    assert all([clause.operator for clause in one.specifier] == ["=="] for one in requirements)
    names = [one.name.lower() for one in requirements]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_one_onnx_runtime_an_environment(spec) -> None:
    """Two of its wheels would overwrite each other's files."""
    assert len([text for text in spec.requirements if text.startswith("onnxruntime")]) == 1


@pytest.mark.parametrize("spec", [spec for spec in SPECS if "onnxruntime-gpu" in spec.name], ids=lambda spec: spec.name)
def test_gpu_wheel_is_one_for_cuda_12(spec) -> None:
    """From 1.27 on the wheel needs CUDA 13 to import at all, and CUDA 13 has no P100."""
    (pin,) = [Requirement(text) for text in spec.requirements if text.startswith("onnxruntime-gpu")]
    assert Version(next(iter(pin.specifier)).version) < Version("1.26")


def test_every_provider_has_a_stated_precision() -> None:
    """No provider of the table is left to choose its precision for itself."""
    assert set(known_providers()) == set(PRECISIONS)
    assert all(offered[0] == "fp32" for offered in PRECISIONS.values())


@pytest.mark.usefixtures("on_linux")
def test_cuda_libraries_are_installed_only_beside_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a card the bare wheel is enough to show the fall-back; with one, CUDA and TensorRT come along."""
    monkeypatch.setattr(wheels, "fingerprint", FakeFingerprint)
    assert spec_for("CUDAExecutionProvider").name == "onnxruntime-gpu"
    assert spec_for("TensorrtExecutionProvider").name == "onnxruntime-gpu"
    gpu = Gpu("NVIDIA A100", "GPU-1", 40 * 2**30, "8.0", "570.86")
    monkeypatch.setattr(wheels, "fingerprint", lambda: FakeFingerprint(gpu))
    cuda, tensorrt = spec_for("CUDAExecutionProvider"), spec_for("TensorrtExecutionProvider")
    assert (cuda.name, tensorrt.name) == ("onnxruntime-gpu-cuda", "onnxruntime-gpu-tensorrt")
    assert set(cuda.requirements) < set(tensorrt.requirements)
    assert any(text.startswith("nvidia-cudnn-cu12==") for text in cuda.requirements)


def test_a_machine_without_a_wheel_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a Raspberry Pi there is no OpenVINO wheel, and the message says what to do."""
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(BackendUnavailableError, match=r"no onnxruntime-openvino wheel for Linux on aarch64"):
        spec_for("OpenVINOExecutionProvider")


def test_a_misspelt_provider_is_answered_with_the_names() -> None:
    """The usual mistake: the right provider with the wrong capitals."""
    with pytest.raises(ValueError, match=r"CudaExecutionProvider.*CUDAExecutionProvider"):
        spec_for("CudaExecutionProvider")


def test_key_follows_the_pins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another pin or another architecture is another environment; the same spec is always the same."""
    spec = SPECS[0]
    assert len({one.key for one in SPECS}) == len(SPECS)
    assert spec.key == spec.key
    before = spec.key
    monkeypatch.setattr(platform, "machine", lambda: "somewhere-else")
    assert spec.key != before
    assert CPU_PROVIDER not in environment_specs()
