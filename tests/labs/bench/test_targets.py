"""Native objects say truthfully what they are, all give the same logits, and come back from their
records.
"""

import os
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from labs import bench
from labs.machine.fingerprint import physical_core_count
from labs.runtimes.opening import RuntimeUnavailableError, open_model
from tests.tools import tool


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    """Return the same random weights as safetensors and as ONNX."""
    import torch
    from torchvision.models import mobilenet_v2

    from labs.data.models import save_weights
    from labs.optimize.export import export_onnx

    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    model = mobilenet_v2(num_classes=11).eval()
    save_weights(model, folder / "model.safetensors")
    export_onnx(model, folder / "model.onnx")
    return {"torch": folder / "model.safetensors", "onnx": folder / "model.onnx"}


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Return three images' worth of noise."""
    return np.random.default_rng(0).normal(size=(3, 3, 224, 224)).astype(np.float32)


@pytest.fixture(scope="module")
def eager_logits(files, images) -> np.ndarray:
    """Return what eager torch says: the oracle."""
    return bench.caller(open_model(files["torch"], "torch"))(images)


@pytest.mark.parametrize(
    ("runtime", "settings"),
    [
        ("onnxruntime", {"graph_optimization_level": "ORT_DISABLE_ALL"}),
        ("onnxruntime", {}),
        ("openvino", {"INFERENCE_PRECISION_HINT": "f32"}),
    ],
)
def test_runtimes_agree_with_eager_torch(files, images, eager_logits, runtime, settings) -> None:
    """Logits differ by rounding only, for a batch and for each image alone."""
    target = open_model(files["onnx"], runtime, settings)
    call = bench.caller(target)
    np.testing.assert_allclose(call(images), eager_logits, atol=1e-4)
    np.testing.assert_allclose(call(images[1:2]), eager_logits[1:2], atol=1e-4)


@pytest.mark.slow
def test_compiled_torch_agrees_with_eager(files, images, eager_logits) -> None:
    """Compiling changes the speed, not the logits."""
    import torch

    tool("g++", "clang++")
    target = torch.compile(open_model(files["torch"], "torch"))
    np.testing.assert_allclose(bench.caller(target)(images), eager_logits, atol=1e-4)
    assert bench.describe(target, model_path=files["torch"]).backend == "torch-compiled"


def test_providers_are_read_from_a_real_run(files) -> None:
    """The nodes that the CPU provider ran are counted, and fusing makes them fewer."""
    counts = {}
    for level in ("ORT_DISABLE_ALL", "ORT_ENABLE_ALL"):
        options = ort.SessionOptions()
        options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
        described = bench.describe(
            ort.InferenceSession(files["onnx"], options, providers=["CPUExecutionProvider"])
        )
        assert set(described.providers_used) == {"CPUExecutionProvider"}
        assert described.settings["graph_optimization_level"] == level
        counts[level] = described.providers_used["CPUExecutionProvider"]
    assert counts["ORT_ENABLE_ALL"] < counts["ORT_DISABLE_ALL"]


def test_threads_are_those_of_the_runtime_unless_somebody_chose(files) -> None:
    """By default, ONNX Runtime uses a thread for each physical core, and the record holds their
    number.
    """
    assert bench.describe(open_model(files["onnx"])).threads.intra_op == physical_core_count()
    assert (
        bench.describe(
            open_model(files["onnx"], settings={"intra_op_num_threads": 1})
        ).threads.intra_op
        == 1
    )


def test_two_hardware_threads_of_a_core_count_once(tmp_path: Path, monkeypatch) -> None:
    """They share the core's arithmetic units; processors that the kernel tells nothing about count
    each.
    """
    for number, siblings in enumerate(("0,2", "1,3", "0,2", "1,3")):
        topology = tmp_path / f"cpu{number}" / "topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(siblings + "\n")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(sys.modules[physical_core_count.__module__], "usable_cpu_count", lambda: 4)
    assert physical_core_count(tmp_path) == 2
    assert physical_core_count(tmp_path / "absent") == 4


def test_a_module_is_asked_for_its_file_and_a_session_from_bytes_has_its_content_hashed(
    files,
) -> None:
    """A target without a known file must name exactly what it runs; one description is remembered
    for that object alone.
    """
    content = files["onnx"].read_bytes()
    described = bench.describe(ort.InferenceSession(content, providers=["CPUExecutionProvider"]))
    assert described.model.sha256 == bench.describe(open_model(files["onnx"])).model.sha256
    assert described.model.size_bytes == len(content)
    target = open_model(files["torch"], "torch")
    with pytest.raises(
        bench.UnknownTargetError, match=r"say bench.describe\(model, model_path=…\)"
    ):
        bench.describe(target)
    bench.describe(target, model_path=files["onnx"])
    assert bench.describe(target).model.name == "model.onnx"


@pytest.mark.parametrize("wrong", ["model.onnx", Path("model.onnx"), 3, None])
def test_what_cannot_be_called_is_no_target(wrong) -> None:
    """If a path is passed by mistake, the message names the required object."""
    with pytest.raises(bench.UnknownTargetError, match=r"onnxruntime\.InferenceSession"):
        bench.latency(wrong, option="x")


@pytest.mark.parametrize(
    ("opened", "error", "says"),
    [
        (
            ("model.onnx", "onnxruntime", {"providers": ["CUDAExecutionProvider"]}),
            RuntimeUnavailableError,
            "providers",
        ),
        (("absent.onnx", "onnxruntime", {}), FileNotFoundError, r"absent\.onnx"),
        (("absent.onnx", "openvino", {}), FileNotFoundError, r"absent\.onnx"),
        (("absent.onnx", "torch", {}), FileNotFoundError, r"absent\.onnx"),
        (("model.onnx", "onnx", {}), ValueError, "torch, onnxruntime, openvino"),
    ],
)
def test_what_cannot_be_opened_names_the_way_out(files, opened, error, says) -> None:
    """No silent run on the CPU."""
    name, runtime, settings = opened
    with pytest.raises(error, match=says):
        open_model(files["onnx"].with_name(name), runtime, settings)


def test_precision_is_what_ran_and_not_what_the_file_holds() -> None:
    """A QDQ file runs in INT8 once its nodes are fused, and in fp32 while they are not."""
    path = Path(__file__).parents[2] / "grading" / "fixtures" / "int8-static-qdq.onnx"
    precisions = {
        level: bench.describe(
            open_model(path, settings={"graph_optimization_level": level})
        ).precision
        for level in ("ORT_DISABLE_ALL", "ORT_ENABLE_ALL")
    }
    assert precisions == {"ORT_DISABLE_ALL": "fp32", "ORT_ENABLE_ALL": "int8"}
