"""Static quantization by layers: which loses most, and how to keep it in float32."""

import tempfile
from collections.abc import Collection, Iterator
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
    """Return the nodes of each layer that can be quantized: the layer, and a Clip (ReLU6) after
    it.
    """
    nodes = onnx.load(path, load_external_data=False).graph.node
    # Each Clip by the value that it reads.
    clips = {node.input[0]: node.name for node in nodes if node.op_type == "Clip"}
    layers = {}
    for node in nodes:
        if node.op_type in ("Conv", "Gemm", "MatMul"):
            followers = [clips[output] for output in node.output if output in clips]
            layers[node.name] = [node.name, *followers]
    return layers


def layer_sensitivity(path, images, ranges_path, settings, *, on_progress=silent):
    """Return how much each layer's quantization disturbs the logits, the worst layer first.

    Each layer is quantized alone, weights and activations, with all others in float32, and the
    logits are compared with those of the float model. No labels are needed, and a dozen images
    suffice.

    Args:
        path: The float model, as ``quant_pre_process`` wrote it.
        images: float32 (N, 3, H, W), from training or validation.
        ranges_path: ``calibration_cache_path`` of an earlier ``quantize_static``.
        settings: Further words for ``quantize_static``: types, ``per_channel``, ``reduce_range``.

    Returns:
        One row a layer: ``layer`` (its name) and ``alone_db`` (logits with and without it
        quantized, in decibels; 20 dB is an error of a tenth, 40 dB of a hundredth).
    """
    layers = layers_of(path)
    reference = logits_of(path, images)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder) / "alone.onnx"
        for name, nodes in layers.items():
            quantize_static(
                path, alone, calibration_cache_path=ranges_path, nodes_to_quantize=nodes, **settings
            )
            keep_float(alone, layers.keys() - {name})
            alone_db = signal_to_noise_db(reference, logits_of(alone, images))
            rows.append((name, alone_db))
            done, count = len(rows), len(layers)
            on_progress(done / count, f"layer {done} of {count}: {name}")
    table = pd.DataFrame(rows, columns=["layer", "alone_db"])
    return table.sort_values("alone_db", ignore_index=True)


def keep_float(path: str | Path, names: Collection[str]) -> Path:
    """Rewrite a QDQ file so that its excluded layers really run in float32; return its path.

    When ONNX Runtime opens a file, it quantizes the weights of each convolution or matrix product
    between a Dequantize and a Quantize (its 'WeightBiasQuantization' transformer). A layer in
    ``nodes_to_exclude`` is in just this place. So the file contains float32, but the machine
    computes INT8, without a message. Tried with ONNX Runtime 1.32: all 52 convolutions ran as
    QLinearConv, although one had been excluded. The transformer requires one scale for the whole
    input. So this function gives the layer a separate Dequantize with the same scale written once
    per channel. The numbers are the same to the last bit, and the transformer skips the layer.
    OpenVINO reads it too.

    Args:
        path: The file written by ``quantize_static(…, nodes_to_exclude=names)``.
        names: Convolutions and matrix products with float weights.
    """
    model = onnx.load(path)
    protect_float(model, names)
    onnx.save(model, path)
    return Path(path)


def protect_float(model: onnx.ModelProto, names: Collection[str]) -> int:
    """Give named nodes that read a dequantized value a per-channel Dequantize; return how many."""
    graph = model.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    made_by = {output: node for node in graph.node for output in node.output}
    nodes = []
    protected = 0
    for node in graph.node:
        source = made_by.get(node.input[0]) if node.name in names else None
        if source is not None and source.op_type == "DequantizeLinear":
            weight = numpy_helper.to_array(stored[node.input[1]])
            channels = _input_channels(node, weight.shape)
            inputs = [source.input[0]]
            for part, name in zip(("scale", "zero_point"), source.input[1:3], strict=True):
                value = numpy_helper.to_array(stored[name])
                each = np.full(channels, value)  # the same for each channel
                inputs.append(f"{node.name}_kept_{part}")
                graph.initializer.append(numpy_helper.from_array(each, inputs[-1]))
            own_name = f"{node.name}_kept"
            outputs = [f"{node.name}_kept_input"]
            own = helper.make_node("DequantizeLinear", inputs, outputs, name=own_name, axis=1)
            nodes.append(own)
            node.input[0] = outputs[0]
            protected += 1
        nodes.append(node)
    # Copies: emptying the repeated field would free the messages that the list still points to.
    copies = [type(node).FromString(node.SerializeToString()) for node in _read(nodes, graph)]
    graph.ClearField("node")
    graph.node.extend(copies)
    return protected


def _read(nodes: list[onnx.NodeProto], graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Yield the nodes without each DequantizeLinear whose output is no longer used."""
    read = {value.name for value in graph.output}
    for node in nodes:
        read.update(node.input)
    for node in nodes:
        if node.op_type != "DequantizeLinear" or node.output[0] in read:
            yield node


def _input_channels(node: onnx.NodeProto, weight_shape: tuple[int, ...]) -> int:
    """Return how many channels a convolution or matrix product reads."""
    attributes = {attribute.name: attribute.i for attribute in node.attribute}
    if node.op_type == "Conv":
        return weight_shape[1] * max(1, attributes.get("group", 1))
    # Gemm stores its weights as (out, in) when transB is set; MatMul never does.
    return weight_shape[1] if attributes.get("transB") else weight_shape[0]


class ImageReader(CalibrationDataReader):
    """Hands the quantizer one image after another, by the input's name, and then None."""

    def __init__(self, images, input_name="input"):
        self.feeds = iter([{input_name: image[np.newaxis]} for image in images])

    def get_next(self):
        return next(self.feeds, None)


def activations_of(path, images, names):
    """Return values inside a model for some images, such as ReLU6's outputs: arrays by name."""
    model = onnx.load(path)
    given = {value.name for value in model.graph.output}
    for name in set(names) - given:
        value = helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        model.graph.output.append(value)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    first = session.get_inputs()[0].name
    batches = []
    for start in range(0, len(images), 8):
        batch = images[start : start + 8]
        batches.append(session.run(list(names), {first: batch}))
    parts = zip(*batches, strict=True)
    return {name: np.concatenate(arrays) for name, arrays in zip(names, parts, strict=True)}


def conv_weights(path):
    """Return the weight of each convolution in a float file, by the name of its node."""
    graph = onnx.load(path).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    return {node.name: stored[node.input[1]] for node in convolutions}


def integers_into(layer, path, image):
    """Return what a quantized 1 x 1 convolution multiplies.

    Bytes (pixels, channels in), and weights (channels out, in).
    """
    model = onnx.load(path)
    graph = model.graph
    made_by = {output: node for node in graph.node for output in node.output}
    node = next(node for node in graph.node if node.name == layer)
    activation = made_by[node.input[0]].input[0]
    weight = made_by[node.input[1]].input[0]
    value = helper.make_tensor_value_info(activation, onnx.TensorProto.UINT8, None)
    graph.output.append(value)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    sent = session.run([activation], {"input": image})[0][0]
    pixels = sent.reshape(len(sent), -1).T
    stored = {tensor.name: tensor for tensor in graph.initializer}
    kernel = numpy_helper.to_array(stored[weight])[:, :, 0, 0]
    return pixels.astype(int), kernel.astype(int)
