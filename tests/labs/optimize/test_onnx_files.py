"""One ONNX file gives the torch model's answers and names no machine; triage finds the layer that
costs most accuracy.
"""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from onnxruntime.quantization import QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from labs.data.labels import CLASS_NAMES
from labs.optimize.export import OPSET, export_onnx, tidy_file
from labs.optimize.predict import logits_of
from labs.optimize.static_quantization import (
    ImageReader,
    activations_of,
    keep_float,
    layer_sensitivity,
    layers_of,
)
from labs.runtimes.opening import open_model

IMAGE_SIZE_PX = 32
U8S8 = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
PLANTED = "classifier.1/Gemm"


def pictures(count: int, seed: int = 0) -> np.ndarray:
    """Return blotchy pictures of different colours, float32 (count, 3, 32, 32)."""
    generator = np.random.default_rng(seed)
    colour = generator.normal(size=(count, 3, 1, 1))
    small = generator.normal(size=(count, 3, 8, 8))
    blotches = small.repeat(4, axis=2).repeat(4, axis=3)
    return (colour + blotches).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    """Return a five-block MobileNetV2 with settled BatchNorm statistics whose classes all occur."""
    import torch
    from torchvision.models import MobileNetV2

    torch.manual_seed(0)
    setting = [[1, 16, 1, 1], [4, 24, 2, 2], [4, 32, 2, 2]]
    model = MobileNetV2(num_classes=5, inverted_residual_setting=setting)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.7, 1.3)
                module.bias.normal_(0.1, 0.3)
                module.momentum = None  # a plain average, so that a few batches settle it
        model.train()
        for start in range(6):
            model(torch.from_numpy(pictures(32, seed=start)))
        model.eval()
        model.classifier[1].weight.mul_(20)
        logits = model(torch.from_numpy(pictures(64, seed=99)))
        model.classifier[1].bias.sub_(logits.mean(0))
    return model


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """64 pictures."""
    return pictures(64, seed=7)


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory) -> Path:
    """The network as ONNX, BatchNorm folded; beside it 'as_written.onnx', with its BatchNorm
    nodes.
    """
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    as_written = path.with_name("as_written.onnx")
    export_onnx(model, as_written, image_size_px=IMAGE_SIZE_PX, fold_batch_norm=False)
    return export_onnx(model, path, image_size_px=IMAGE_SIZE_PX)


@pytest.fixture(scope="module")
def prepared(exported) -> Path:
    """The exported network, ready for quantizers."""
    quant_pre_process(exported, exported.with_name("prepared.onnx"))
    return exported.with_name("prepared.onnx")


def operators(path: Path) -> Counter:
    """Count the operators in a file."""
    return Counter(node.op_type for node in onnx.load(path).graph.node)


@pytest.mark.parametrize("name", ["model.onnx", "as_written.onnx"])
@pytest.mark.parametrize("level", ["ORT_DISABLE_ALL", "ORT_ENABLE_ALL"])
def test_both_exports_agree_with_torch(name, level, exported, model, images) -> None:
    """Logits agree within rounding, with ONNX Runtime's optimizer on and off."""
    import torch

    with torch.inference_mode():
        expected = model(torch.from_numpy(images)).numpy()
    logits = logits_of(exported.with_name(name), images, level=level)
    np.testing.assert_allclose(logits, expected, atol=1e-3)


def test_batch_norm_is_folded_or_kept_as_asked(exported, model) -> None:
    """The optimized export has no BatchNorm; the other has exactly one for each of torch's."""
    from torch import nn

    wanted = sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    assert "BatchNormalization" not in operators(exported)
    as_written = operators(exported.with_name("as_written.onnx"))
    assert as_written["BatchNormalization"] == wanted
    assert not {"Expand", "Cast", "CastLike"} & set(as_written)


def test_the_file_is_self_contained_and_says_nothing_about_the_machine(exported) -> None:
    """Weights are inside, nodes are named after modules, and no path, stack trace or note of the
    exporter is left.
    """
    proto = onnx.load(exported, load_external_data=False)
    assert not any(tensor.external_data for tensor in proto.graph.initializer)
    assert not any(node.metadata_props or node.doc_string for node in proto.graph.node)
    before = exported.read_bytes()
    assert b"site-packages" not in before
    assert [entry.version for entry in proto.opset_import] == [OPSET]
    names = [node.name for node in proto.graph.node]
    assert {"features.0.0/Conv", "classifier.1/Gemm"} <= set(names)
    assert len(set(names)) == len(names)
    assert tidy_file(exported).read_bytes() == before


def test_the_file_says_how_it_is_fed(exported) -> None:
    """Whoever gets the file alone finds the classes and the normalization in it."""
    notes = open_model(exported).get_modelmeta().custom_metadata_map
    assert json.loads(notes["classes"]) == list(CLASS_NAMES)
    assert len(json.loads(notes["mean"])) == 3
    assert len(json.loads(notes["std"])) == 3


def test_a_model_in_training_mode_is_refused(tmp_path) -> None:
    """Dropout would be exported: the message says to call eval()."""
    from torch import nn

    with pytest.raises(ValueError, match=r"model\.eval\(\)"):
        export_onnx(nn.Dropout().train(), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def plant(model: onnx.ModelProto) -> None:
    """Give the last layer a huge weight for a channel that is always 0."""
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = {node.name: node for node in model.graph.node}
    _, weight_name, bias_name = nodes["features.6.0/Conv"].input
    gemm_name = nodes[PLANTED].input[1]
    values = {}
    for name in (weight_name, bias_name, gemm_name):
        values[name] = numpy_helper.to_array(stored[name]).copy()
    # After ReLU6 this channel is always 0.
    values[weight_name][0] = 0
    values[bias_name][0] = -1
    gemm = values[gemm_name]
    gemm[:, 0] = 400 * np.abs(gemm).max()
    for name, value in values.items():
        stored[name].CopyFrom(numpy_helper.from_array(value, name))


def test_the_planted_layer_is_found_to_be_the_worst(prepared, images, tmp_path) -> None:
    """A huge, unused weight leaves no integers for the others of its layer: triage puts that layer
    first.
    """
    model = onnx.load(prepared)
    plant(model)
    fragile = tmp_path / "fragile.onnx"
    ranges = tmp_path / "ranges.json"
    onnx.save(model, fragile)
    reader = ImageReader(images[:32])
    quantize_static(fragile, tmp_path / "q.onnx", reader, calibration_cache_path=ranges, **U8S8)
    table = layer_sensitivity(fragile, images[:16], ranges, U8S8)
    assert table["layer"].iloc[0] == PLANTED
    assert set(table["layer"]) == set(layers_of(fragile))
    assert table["alone_db"].is_monotonic_increasing


def test_a_layer_kept_float_runs_float(prepared, images, tmp_path) -> None:
    """Exactly the excluded layers are float in the graph that ONNX Runtime really runs."""
    settings = {"calibration_cache_path": tmp_path / "ranges.json", **U8S8, "per_channel": True}

    def quantized(name: str, nodes: list[str]) -> Path:
        path = tmp_path / f"{name}.onnx"
        reader = ImageReader(images[:32])
        quantize_static(prepared, path, reader, nodes_to_exclude=nodes, **settings)
        return path

    def run(path: Path) -> Counter:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.optimized_model_filepath = str(tmp_path / "run.onnx")
        onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return operators(tmp_path / "run.onnx")

    layers = ["features.2.conv.1.0/Conv", "features.0.0/Conv", PLANTED]
    convolutions = operators(prepared)["Conv"]
    ran = run(keep_float(quantized("kept", layers), layers))
    assert ran["QLinearConv"] == convolutions - 2
    assert ran.get("Conv", 0) + ran.get("FusedConv", 0) == 2
    assert ran["Gemm"] == 1
    # Why ``keep_float`` exists.
    excluded = quantized("excluded", layers[:1])
    assert run(excluded)["QLinearConv"] == convolutions


def test_activations_are_the_values_inside(prepared, images) -> None:
    """A ReLU6's output is between 0 and 6, for each image."""
    nodes = onnx.load(prepared).graph.node
    name = next(node.output[0] for node in nodes if node.op_type == "Clip")
    values = activations_of(prepared, images[:3], [name])[name]
    assert len(values) == 3
    assert 0 <= values.min() < values.max() <= 6
