"""All backends give the same logits for the same weights, and say truthfully what they are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from labs.backends import BackendInfo, BackendSpec, BackendUnavailableError
from labs.machine.fingerprint import usable_cpu_count

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, str]:
    """Return the same random weights as safetensors and as ONNX."""
    from labs.models import build_mobilenet_v2, save_weights
    from labs.optimize.export import export_onnx

    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    model = build_mobilenet_v2().eval()
    save_weights(model, folder / "model.safetensors")
    export_onnx(model, folder / "model.onnx")
    return {"torch": str(folder / "model.safetensors"), "onnx": str(folder / "model.onnx")}


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Return three pictures' worth of noise."""
    return np.random.default_rng(0).normal(size=(3, 3, 224, 224)).astype(np.float32)


@pytest.fixture(scope="module")
def eager_logits(files, images) -> np.ndarray:
    """Return what eager torch says: the oracle."""
    with BackendSpec("torch", files["torch"]).build() as backend:
        return backend.predict(images)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("onnxruntime", {"graph_level": "disabled"}),
        ("onnxruntime", {"graph_level": "all"}),
        ("openvino", {}),
    ],
)
def test_backends_agree_with_eager_torch(files, images, eager_logits, kind, settings) -> None:
    """Logits differ by rounding only, for a batch and for each picture alone."""
    with BackendSpec(kind, files["onnx"], settings).build() as backend:
        np.testing.assert_allclose(backend.predict(images), eager_logits, atol=1e-4)
        np.testing.assert_allclose(backend.predict(images[1:2]), eager_logits[1:2], atol=1e-4)
        assert backend.describe().precision == "fp32"


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="torch.compile needs a C++ compiler")
def test_compiled_torch_agrees_with_eager(files, images, eager_logits) -> None:
    """Compiling changes the speed, not the logits."""
    with BackendSpec("torch", files["torch"], {"compiled": True}).build() as backend:
        np.testing.assert_allclose(backend.predict(images), eager_logits, atol=1e-4)
        assert backend.describe().backend == "torch-compiled"


def test_providers_are_read_from_a_real_run(files) -> None:
    """The nodes that the CPU provider ran are counted, and fusing makes them fewer."""
    counts = {}
    for level in ("disabled", "all"):
        with BackendSpec("onnxruntime", files["onnx"], {"graph_level": level}).build() as backend:
            info = backend.describe()
            assert set(info.providers_used) == {"CPUExecutionProvider"}
            counts[level] = info.providers_used["CPUExecutionProvider"]
    assert counts["all"] < counts["disabled"]


def test_missing_provider_names_the_way_out(files) -> None:
    """Asking this wheel for CUDA is an error that points to the providers' environments, not a silent CPU run."""
    backend = BackendSpec("onnxruntime", files["onnx"], {"provider": "CUDAExecutionProvider"}).build()
    with pytest.raises(BackendUnavailableError, match=r"labs\.providers"):
        backend.load()


@pytest.mark.parametrize("kind", ["onnxruntime", "openvino", "torch"])
def test_missing_model_is_named(kind, tmp_path) -> None:
    """The error names the file that is not there."""
    with pytest.raises(FileNotFoundError, match=r"absent\.onnx"):
        BackendSpec(kind, str(tmp_path / "absent.onnx")).build().load()


def test_no_compiler_is_said_before_half_a_minute_of_trying(files, monkeypatch) -> None:
    """Without a C++ compiler, the compiled backend says how to get one."""
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(BackendUnavailableError, match="C\\+\\+ compiler"):
        BackendSpec("torch", files["torch"], {"compiled": True}).build().load()


def test_torch_on_a_gpu_computes_in_the_precision_that_it_records(files, monkeypatch) -> None:
    """Records of torch say fp32, so TF32, which cuDNN takes for convolutions by itself, is switched off."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("labs.backends.torch_backend.load_mobilenet_v2", lambda path: torch.nn.ReLU6())
    monkeypatch.setattr(torch.nn.ReLU6, "to", lambda self, device: self)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    BackendSpec("torch", files["torch"], {"device": "cuda"}).build().load()
    assert torch.backends.cudnn.allow_tf32 is False


def test_openvino_reports_the_precision_that_ran(files) -> None:
    """bf16 is reported only where the CPU ran it; a CPU without it falls back to fp32 and says so."""
    from labs.machine import fingerprint

    with BackendSpec("openvino", files["onnx"], {"precision": "bf16"}).build() as backend:
        has_bf16 = {"avx512_bf16", "amx_bf16"} & set(fingerprint().cpu_flags)
        assert backend.describe().precision == ("bf16" if has_bf16 else "fp32")


#: Prints the sets of processors that this process's threads have while OpenVINO computes on one of them.
SEEN = """
import os, sys, threading
from contextlib import suppress
import numpy as np
from labs.backends import BackendSpec

seen, over = set(), threading.Event()
def watch():
    while not over.wait(0.001):
        for thread in os.listdir("/proc/self/task"):
            with suppress(ProcessLookupError):
                seen.add(frozenset(os.sched_getaffinity(int(thread))))

with BackendSpec("openvino", sys.argv[1], {"intra_op_threads": 1}).build() as backend:
    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(20):
        backend.predict(np.zeros((3, 3, 224, 224), np.float32))
    over.set()
    watcher.join()
print(sorted(map(sorted, seen)))
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="Linux tells each thread's processors")
@pytest.mark.skipif(usable_cpu_count() < 2, reason="one processor is all that there is")
def test_openvino_ties_a_thread_to_no_processor(files) -> None:
    """Two copies of one thread each, in two processes, would be tied to the same one and share it."""
    # In a process of its own: threads of an earlier test, which had all processors, may be tied for good.
    said = subprocess.run([sys.executable, "-c", SEEN, files["onnx"]], capture_output=True, text=True, check=True)
    assert said.stdout.split("\n")[0] == str([sorted(os.sched_getaffinity(0))])


def test_spec_and_info_survive_json(files) -> None:
    """Another process can build the very same backend from plain JSON."""
    spec = BackendSpec("onnxruntime", files["onnx"], {"graph_level": "basic"})
    assert BackendSpec.from_json(spec.to_json()) == spec
    with spec.build() as backend:
        assert BackendInfo.from_json(backend.describe().to_json()) == backend.describe()


def test_unknown_kind_lists_the_known_ones() -> None:
    """A typing mistake is answered with the choices."""
    with pytest.raises(ValueError, match="'torch', 'onnxruntime' and 'openvino'"):
        BackendSpec("onnx", "model.onnx").build()


def test_precision_is_what_ran_and_not_what_the_file_holds(files, images, tmp_path) -> None:
    """A QDQ file runs in INT8 once its nodes are fused, and in fp32 while they are not."""
    from labs.optimize.calibrate import calibrate
    from labs.optimize.forms import FORMS
    from labs.optimize.quantize import prepare, quantize_static

    prepared = prepare(files["onnx"], tmp_path / "prepared.onnx")
    quantized = quantize_static(
        prepared, tmp_path / "int8.onnx", calibrate(prepared, images), FORMS["qdq-u8s8-channel"]
    )
    found = {}
    for level in ("disabled", "all"):
        with BackendSpec("onnxruntime", str(quantized.path), {"graph_level": level}).build() as backend:
            found[level] = backend.describe().precision
    assert found == {"disabled": "fp32", "all": "int8"}
