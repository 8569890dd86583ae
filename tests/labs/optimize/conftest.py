"""A small MobileNetV2 with real structure, its pictures, and the files that the optimizers' tests share."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

IMAGE_SIZE_PX = 32


def small_mobilenet(seed: int = 0):
    """Return a five-block MobileNetV2 with settled BatchNorm statistics whose classes all occur."""
    from torchvision.models import MobileNetV2

    torch.manual_seed(seed)
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


def pictures(count: int, seed: int = 0) -> np.ndarray:
    """Return blotchy pictures of different colours, float32 (count, 3, 32, 32)."""
    generator = np.random.default_rng(seed)
    colour = generator.normal(size=(count, 3, 1, 1))
    blotches = generator.normal(size=(count, 3, 8, 8)).repeat(4, axis=2).repeat(4, axis=3)
    return (colour + blotches).astype(np.float32)


@pytest.fixture(scope="session")
def make_model():
    """Makes such a network from a seed."""
    return small_mobilenet


@pytest.fixture(scope="session")
def image_size_px() -> int:
    """Side of its pictures."""
    return IMAGE_SIZE_PX


@pytest.fixture(scope="session")
def model():
    """The small network in torch."""
    return small_mobilenet()


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    """64 pictures."""
    return pictures(64, seed=7)


@pytest.fixture(scope="session")
def exported(model, tmp_path_factory) -> Path:
    """The network as ONNX, BatchNorm folded."""
    from labs.optimize.export import export_onnx

    return export_onnx(model, tmp_path_factory.mktemp("export") / "model.onnx", image_size_px=IMAGE_SIZE_PX)


@pytest.fixture(scope="session")
def as_written(model, tmp_path_factory) -> Path:
    """The network as ONNX with its BatchNorm nodes."""
    from labs.optimize.export import export_onnx

    path = tmp_path_factory.mktemp("export") / "as_written.onnx"
    return export_onnx(model, path, image_size_px=IMAGE_SIZE_PX, fold_batch_norm=False)


@pytest.fixture(scope="session")
def prepared(exported) -> Path:
    """The exported network, ready for quantizers."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    path = exported.parent / "prepared.onnx"
    quant_pre_process(exported, path)
    return path


@pytest.fixture(scope="session")
def quantized(prepared, images, tmp_path_factory):
    """Write the network in INT8 in a format said in ``quantize_static``'s words; the ranges are measured once."""
    from onnxruntime.quantization import QuantType, quantize_static

    from labs.optimize.static_quantization import ImageReader

    folder = tmp_path_factory.mktemp("quantized")
    u8s8 = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8, "per_channel": True}

    def write(name: str = "plain", **changed) -> Path:
        path, ranges = folder / f"{name}.onnx", folder / "ranges.json"
        settings = {"calibration_cache_path": ranges, **u8s8, **changed}
        quantize_static(prepared, path, ImageReader(images[:32]), **settings)
        return path

    write.ranges_path = folder / "ranges.json"
    return write


@pytest.fixture(scope="session")
def logits(prepared, images) -> np.ndarray:
    """What the float network says to the images."""
    from labs.optimize.predict import logits_of

    return logits_of(prepared, images)


@pytest.fixture(scope="session")
def operators():
    """Counts the operators in a file."""
    import onnx

    return lambda path: Counter(node.op_type for node in onnx.load(path).graph.node)


@pytest.fixture(scope="session")
def optimize_graph():
    """Writes the graph that a session of ONNX Runtime makes of a file at one level, as ``optimized_model_filepath``."""
    import onnxruntime

    def optimize(path: Path, level: str, optimized_path: Path) -> Path:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        options.optimized_model_filepath = str(optimized_path)
        onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return optimized_path

    return optimize
