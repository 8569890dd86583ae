"""What students' programs are asked with: images and a network that nobody has seen."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from grading.grade.artefacts.python_backend import FEATURES


def images(dice: np.random.Generator, count: int) -> list[bytes]:
    """Return JPEGs of colours that run into each other, as nobody has seen them."""
    found = []
    for _ in range(count):
        colours = Image.fromarray(dice.integers(0, 256, (5, 5, 3), np.uint8)).resize(
            (320, 320), Image.Resampling.BICUBIC
        )
        grain = np.asarray(colours, np.int16) + dice.integers(-20, 21, (320, 320, 3))
        content = io.BytesIO()
        Image.fromarray(np.clip(grain, 0, 255).astype(np.uint8)).save(content, "JPEG", quality=85)
        found.append(content.getvalue())
    return found


def dice() -> np.random.Generator:
    """Return dice that nobody can foresee: what is right is right with all of them."""
    return np.random.default_rng()


def network(dice: np.random.Generator) -> bytes:
    """Return an ONNX file that takes images as the course's model does, with drawn weights."""
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("AveragePool", ["input"], ["squares"], kernel_shape=[28, 28], strides=[28, 28]),
        helper.make_node("Flatten", ["squares"], ["row"]),
        helper.make_node("MatMul", ["row", "weights"], ["output"]),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("input", ["n", 3, 224, 224]), ("output", ["n", 11]))
    ]
    drawn = numpy_helper.from_array(weights(dice).astype(np.float32), "weights")
    graph = helper.make_graph(nodes, "drawn", ends[:1], ends[1:], [drawn])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def weights(dice: np.random.Generator) -> np.ndarray:
    """Return the weights of a network, float64 (FEATURES, 11)."""
    return dice.normal(0, 0.2, (FEATURES, 11))
