"""The real wheels, installed and run: OpenVINO works here, and CUDA without a GPU is caught falling back."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from labs.bench import latency
from labs.machine import fingerprint
from labs.providers import ProviderFellBackError, ensure_provider, open_backend, provider_report, require_provider
from labs.providers.precision import FP32_TOLERANCE, relative_difference

pytestmark = pytest.mark.slow

OPENVINO, CUDA, TENSORRT = "OpenVINOExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"

needs_gpu = pytest.mark.skipif(not fingerprint().gpus, reason="needs an NVIDIA GPU")
needs_no_gpu = pytest.mark.skipif(bool(fingerprint().gpus), reason="shows what happens without an NVIDIA GPU")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory) -> Iterator[Path]:
    """Install into an empty cache, and give the gigabyte back afterwards."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERVING_LABS_CACHE", str(folder))
        yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def cpu_logits(small_model: Path, images: np.ndarray) -> np.ndarray:
    """Return what the CPU provider of the course's own environment says: the oracle."""
    with open_backend(small_model) as backend:
        return backend.predict(images)


def test_openvino_really_runs(small_model: Path, images: np.ndarray, cpu_logits: np.ndarray) -> None:
    """Its nodes are in the profile, its logits are the CPU's to fp32 precision, and the record says OpenVINO."""
    with open_backend(small_model, provider=OPENVINO, intra_op_threads=1) as backend:
        report = require_provider(backend)
        assert report.used[OPENVINO] > 0
        assert relative_difference(backend.predict(images), cpu_logits) <= FP32_TOLERANCE
        made = latency(backend, images[:1], option="openvino", min_samples=20, limit_s=1)
    assert (made.option, made.precision, made.fell_back) == ("openvino", "fp32", False)
    assert "onnxruntime-openvino" in made.libraries
    assert "onnxruntime" not in made.libraries
    assert len(made.samples) >= 20


def test_bf16_is_recorded_only_where_it_is_computed(
    small_model: Path, images: np.ndarray, cpu_logits: np.ndarray
) -> None:
    """Asked for bf16, the record agrees with the logits: bf16 where the processor has it, fp32 where it does not."""
    with open_backend(small_model, provider=OPENVINO, precision="bf16") as backend:
        differs = relative_difference(backend.predict(images), cpu_logits) > FP32_TOLERANCE
        assert backend.describe().precision == ("bf16" if differs else "fp32")
    if {"amx_bf16", "avx512_bf16"} & set(fingerprint().cpu_flags):
        assert differs


def test_quantized_files_run_where_their_form_allows(quantized_models: dict[str, Path]) -> None:
    """OpenVINO takes a QDQ file whole; of a QOperator file it leaves the convolutions to the CPU, and both are int8."""
    with open_backend(quantized_models["QDQ"], provider=OPENVINO) as backend:
        whole = provider_report(backend)
    with open_backend(quantized_models["QOperator"], provider=OPENVINO) as backend:
        shared = provider_report(backend)
    assert not whole.is_mixed
    assert shared.used["CPUExecutionProvider"] > 0
    assert (whole.precision, shared.precision) == ("int8", "int8")


def test_openvino_with_an_option_it_dislikes_is_caught(small_model: Path) -> None:
    """A precision that its option does not know makes it vanish in silence; the report has its own words for why."""
    with open_backend(small_model, provider=OPENVINO, provider_options={"device_type": "GPU"}) as backend:
        report = provider_report(backend)
        if report.fell_back:  # a machine with an Intel GPU runs it there
            assert "not available" in report.reason
        else:
            assert report.used[OPENVINO] > 0


@needs_no_gpu
@pytest.mark.parametrize("provider", [CUDA, TENSORRT])
def test_gpu_provider_without_gpu_is_listed_and_falls_back(
    small_model: Path, images: np.ndarray, cpu_logits: np.ndarray, provider: str
) -> None:
    """The real GPU wheel lists the provider and loads the model, every node runs on the CPU, and all of it is said."""
    python = ensure_provider(provider).python
    code = "import onnxruntime; print(onnxruntime.get_available_providers())"
    listed = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout
    assert provider in listed

    with open_backend(small_model, provider=provider) as backend:
        info = backend.describe()
        assert info.provider_requested == provider
        assert set(info.providers_used) == {"CPUExecutionProvider"}
        assert info.precision == "fp32"
        np.testing.assert_allclose(backend.predict(images), cpu_logits, rtol=1e-4, atol=1e-5)
        with pytest.raises(ProviderFellBackError, match=r"libcu|TensorRT"):
            require_provider(backend)
        with pytest.warns(UserWarning, match="ran no node"):
            made = latency(backend, images[:1], option="onnx-gpu", min_samples=20, limit_s=1)
    assert made.fell_back
    assert made.option != "onnx-gpu"
    assert "CPU" in made.option
    assert made.libraries["onnxruntime-gpu"]


@needs_no_gpu
def test_tensorrt_prints_to_standard_output_and_harms_nothing(small_model: Path, images: np.ndarray) -> None:
    """ONNX Runtime announces its fall-back on standard output, the worker's wire; it must land in the messages."""
    with open_backend(small_model, provider=TENSORRT) as backend:
        assert "EP Error" in backend.printed()
        assert backend.predict(images).shape == (2, 11)


@needs_gpu
@pytest.mark.gpu
@pytest.mark.parametrize("provider", [CUDA, TENSORRT])
def test_gpu_provider_runs_with_gpu(
    small_model: Path, images: np.ndarray, cpu_logits: np.ndarray, provider: str
) -> None:
    """With a card, the nodes run on the provider, in real fp32."""
    with open_backend(small_model, provider=provider) as backend:
        report = require_provider(backend)
        assert report.used[provider] > 0
        assert report.precision == "fp32"
        assert relative_difference(backend.predict(images), cpu_logits) <= FP32_TOLERANCE
