"""Static quantization by layers: which one loses most, keeping it in float32, calibration images, values inside."""

import tempfile
from collections.abc import Collection
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd
from onnx import helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, quantize_static

from labs.optimize.predict import logits_of, signal_to_noise_db
from labs.runtimes.progress import silent


def layers_of(path):
    """Return each layer that can be quantized with the nodes that go with it: itself, and the Clip (ReLU6) after it."""
    nodes = onnx.load(path, load_external_data=False).graph.node
    clips = {node.input[0]: node.name for node in nodes if node.op_type == "Clip"}
    weighted = [node for node in nodes if node.op_type in ("Conv", "Gemm", "MatMul")]
    return {
        node.name: [node.name, *(clips[out] for out in node.output if out in clips)]
        for node in weighted
    }


def layer_sensitivity(path, images, ranges_path, settings, *, on_progress=silent):
    """Return how much each layer's quantization disturbs the logits, the worst layer first.

    Each layer is quantized alone, weights and activations, with all others in float32, and the logits are compared with
    those of the float model. No labels are needed, and a dozen images suffice.

    Args:
        path: The float model, as ``quant_pre_process`` wrote it.
        images: float32 (N, 3, H, W), from training or validation.
        ranges_path: ``calibration_cache_path`` of an earlier ``quantize_static``.
        settings: Further words for ``quantize_static``: types, ``per_channel``, ``reduce_range``.

    Returns:
        One row a layer: ``layer`` (its name) and ``alone_db`` (logits with and without it quantized, in decibels; 20 dB
        is an error of a tenth, 40 dB of a hundredth).
    """
    layers, reference, rows = layers_of(path), logits_of(path, images), []
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder) / "alone.onnx"
        for name, nodes in layers.items():
            quantize_static(
                path, alone, calibration_cache_path=ranges_path, nodes_to_quantize=nodes, **settings
            )
            keep_float(alone, layers.keys() - {name})
            rows.append((name, signal_to_noise_db(reference, logits_of(alone, images))))
            on_progress(len(rows) / len(layers), f"layer {len(rows)} of {len(layers)}: {name}")
    return pd.DataFrame(rows, columns=["layer", "alone_db"]).sort_values(
        "alone_db", ignore_index=True
    )


def keep_float(path: str | Path, names: Collection[str]) -> Path:
    """Rewrite a QDQ file so that the named layers, excluded from quantization, really run in float32; return its path.

    ONNX Runtime quantizes the weights of a convolution or matrix product by itself when it opens a file, wherever one
    stands between a Dequantize and a Quantize (its 'WeightBiasQuantization' transformer). That is just where a layer
    stands which ``nodes_to_exclude`` left out: the file says float32, the machine computes INT8, and the layer's
    precision is lost in silence. Tried with ONNX Runtime 1.32: all 52 convolutions ran as QLinearConv, although one had
    been excluded. The transformer asks for one scale for the whole input. So the layer is given its own Dequantize with
    the same scale written once a channel: the numbers are the same to the last bit, and the layer is left alone.
    OpenVINO reads it too.

    Args:
        path: What ``quantize_static(…, nodes_to_exclude=names)`` wrote.
        names: Convolutions and matrix products with float weights.
    """
    model = onnx.load(path)
    protect_float(model, names)
    onnx.save(model, path)
    return Path(path)


def protect_float(model: onnx.ModelProto, names: Collection[str]) -> int:
    """Give each named node that reads a dequantized value its own per-channel Dequantize; return how many."""
    graph = model.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    made_by = {output: node for node in graph.node for output in node.output}
    nodes, protected = [], 0
    for node in graph.node:
        source = made_by.get(node.input[0]) if node.name in names else None
        if source is not None and source.op_type == "DequantizeLinear":
            scale, zero_point = (numpy_helper.to_array(stored[name]) for name in source.input[1:3])
            channels = _input_channels(node, numpy_helper.to_array(stored[node.input[1]]).shape)
            ends = [f"{node.name}_kept_{part}" for part in ("scale", "zero_point", "input")]
            for name, value in zip(ends, (scale, zero_point), strict=False):
                graph.initializer.append(numpy_helper.from_array(np.full(channels, value), name))
            inputs = [source.input[0], *ends[:2]]
            nodes.append(
                helper.make_node(
                    "DequantizeLinear", inputs, ends[2:], name=f"{node.name}_kept", axis=1
                )
            )
            node.input[0] = ends[2]
            protected += 1
        nodes.append(node)
    read = {name for node in nodes for name in node.input} | {value.name for value in graph.output}
    kept = [node for node in nodes if node.op_type != "DequantizeLinear" or node.output[0] in read]
    # Copies: emptying the repeated field would free the messages that the list still points to.
    kept = [type(node).FromString(node.SerializeToString()) for node in kept]
    graph.ClearField("node")
    graph.node.extend(kept)
    return protected


def _input_channels(node: onnx.NodeProto, weight_shape: tuple[int, ...]) -> int:
    """Return how many channels a convolution or matrix product reads."""
    attributes = {attribute.name: attribute.i for attribute in node.attribute}
    if node.op_type == "Conv":
        return weight_shape[1] * max(1, attributes.get("group", 1))
    # Gemm stores its weights as (out, in) when transB is set; MatMul never does.
    return weight_shape[1] if attributes.get("transB") else weight_shape[0]


class ImageReader(CalibrationDataReader):
    """Hands the quantizer one image after another, by the name of the model's input, and then None."""

    def __init__(self, images, input_name="input"):
        self.feeds = iter([{input_name: images[i : i + 1]} for i in range(len(images))])

    def get_next(self):
        return next(self.feeds, None)


def activations_of(path, images, names):
    """Return the values inside a model, such as ReLU6's outputs, that it computes for some images: arrays by name."""
    model = onnx.load(path)
    for name in set(names) - {value.name for value in model.graph.output}:
        model.graph.output.append(
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        )
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    first = session.get_inputs()[0].name
    made = [
        session.run(list(names), {first: images[start : start + 8]})
        for start in range(0, len(images), 8)
    ]
    return {
        name: np.concatenate(parts)
        for name, parts in zip(names, zip(*made, strict=True), strict=True)
    }


def conv_weights(path):
    """Return the weight of each convolution in a float file, by the name of its node."""
    graph = onnx.load(path).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    return {node.name: stored[node.input[1]] for node in graph.node if node.op_type == "Conv"}


def integers_into(layer, path, image):
    """Return what a quantized 1 x 1 convolution multiplies: bytes (pixels, channels in), weights (channels out, in)."""
    model = onnx.load(path)
    made = {output: node for node in model.graph.node for output in node.output}
    node = next(node for node in model.graph.node if node.name == layer)
    activation, weight = (made[name].input[0] for name in node.input[:2])
    model.graph.output.append(
        onnx.helper.make_tensor_value_info(activation, onnx.TensorProto.UINT8, None)
    )
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    sent = session.run([activation], {"input": image})[0][0]
    kernel = next(
        numpy_helper.to_array(one) for one in model.graph.initializer if one.name == weight
    )
    return sent.reshape(len(sent), -1).T.astype(int), kernel[:, :, 0, 0].astype(int)
