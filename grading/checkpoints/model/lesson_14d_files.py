"""Train for the target: the two files that come of it, one of fewer bits and one of fewer channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from grading.checkpoints import Verdict, artefact_question, failed_as, passed
from grading.checkpoints.model.lesson_14 import answers_of
from labs.display.format import megabytes, percent
from labs.records import Records

#: What the manager asked for, in bytes, and most weights of a network whose end has lost half.
_MOST_BYTES, _NARROW_WEIGHTS = 1_700_000, 1_700_000

#: Share of images on which each file must agree with the float model; what was not trained stays below.
_FOUR_AGREES, _NARROW_AGREES = 0.6, 0.7


def _weights_of(path: str | Path) -> list[tuple]:
    """Return for each convolution and linear layer its stored weight tensor, and how many scales it has."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    made_by, found = {out: node for node in graph.node for out in node.output}, []
    for node in graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul"):
            continue
        source = made_by.get(node.input[1])
        names = source.input if source is not None and source.op_type == "DequantizeLinear" else node.input[1:2]
        if names[0] in stored:
            scales = int(np.prod(stored[names[1]].dims)) if len(names) > 1 else 0
            found.append((stored[names[0]].data_type, numpy_helper.to_array(stored[names[0]]), scales))
    return found


def inspect_bits(path: str | Path) -> dict:
    """Return how much of a file's weights is stored in four bits, and what the file answers."""
    import onnx

    four_types, weights = (onnx.TensorProto.INT4, onnx.TensorProto.UINT4), _weights_of(path)
    four = [(array, scales) for kind, array, scales in weights if kind in four_types]
    floats = sum(array.size for kind, array, _ in weights if kind == onnx.TensorProto.FLOAT)
    total = max(sum(array.size for _, array, _ in weights), 1)
    return {
        "four_bit_share": sum(array.size for array, _ in four) / total,
        "float_share": floats / total,
        "most_scales": max((scales for _, scales in four), default=0),
        "size_bytes": Path(path).stat().st_size,
        **answers_of(path),
    }


_FOUR = {
    "four_bit_share": 0.69,
    "float_share": 0.0,
    "most_scales": 1,
    "size_bytes": 1_620_000,
    "images": 220,
    "right": 170,
    "agreement": 0.88,
}


@artefact_question(
    "m.train.bits_file",
    points=3,
    title="Store the end of the network in four bits",
    hints=(
        "The settings of the format that fits, and one key more in `extra_options`.",
        "`quantize_static(four_prepared, four_path, ImageReader(training_images[::8]), "
        "extra_options={'TensorQuantOverrides': {name: [{'quant_type': QuantType.QInt4}] for name in tail_weights}}, "
        "**quantization_format().settings())`",
    ),
    inspect=inspect_bits,
    mistakes={
        "no four bits": "Hardly a weight in it has four bits: `TensorQuantOverrides` belongs into `extra_options`.",
        "everything": "All layers have four bits, and the first ones were not trained for it: `tail_weights` only.",
        "float": "The rest is still float32: the other words for `quantize_static` are those of lesson 14c.",
        "too large": "It is larger than the manager's 1.7 megabytes: was it slimmed?",
        "not trained": "It contradicts the float model too often: export the network that was trained for four bits.",
    },
    examples={
        "good": _FOUR,
        "no four bits": {**_FOUR, "four_bit_share": 0.0, "size_bytes": 2_400_000},
        "everything": {**_FOUR, "four_bit_share": 1.0, "size_bytes": 1_200_000, "right": 20, "agreement": 0.1},
        "float": {**_FOUR, "float_share": 0.33, "size_bytes": 3_800_000},
        "too large": {**_FOUR, "size_bytes": 1_800_000},
        "not trained": {**_FOUR, "right": 40, "agreement": 0.2},
    },
)
def bits_file(facts: dict, records: Records) -> Verdict:
    """Judge what is stored in four bits, the size, and whether training had won the answers back."""
    if facts["four_bit_share"] < 0.5:
        return failed_as("no four bits", f"{percent(facts['four_bit_share'])} of the weights")
    if facts["four_bit_share"] > 0.9:
        return failed_as("everything", f"{percent(facts['four_bit_share'])} of the weights")
    if facts["float_share"] > 0.1:
        return failed_as("float", f"{percent(facts['float_share'])} of the weights")
    if facts["size_bytes"] > _MOST_BYTES:
        return failed_as("too large", megabytes(facts["size_bytes"]))
    if facts.get("agreement", 0.0) < _FOUR_AGREES:
        return failed_as("not trained", f"the same class for {percent(facts.get('agreement', 0.0))}")
    return passed("Half a byte for each weight of the end, and the answers are back.", megabytes(facts["size_bytes"]))


def inspect_narrow(path: str | Path) -> dict:
    """Return how many weights a file has, how many of them are zero, and what it answers."""
    arrays = [array for _, array, _ in _weights_of(path)]
    numbers = sum(array.size for array in arrays)
    zeros = sum(int(np.sum(array == 0)) for array in arrays)
    return {"weights": numbers, "zero_share": zeros / max(numbers, 1), **answers_of(path)}


_CUT = {"weights": 1_480_000, "zero_share": 0.0, "images": 220, "right": 165, "agreement": 0.85}


@artefact_question(
    "m.train.narrow_file",
    points=2,
    title="Export the network with half of the channels",
    hints=(
        "The trunk, then the end that the teacher has trained; then the way that you know.",
        "`export_onnx(nn.Sequential(trunk, taught[0]).eval(), narrow_path)`",
    ),
    inspect=inspect_narrow,
    mistakes={
        "zeros": "It has its zeros, and all its weights: this is the sparse one. The narrow one has fewer channels.",
        "whole": "It has as many weights as before: no channel is gone.",
        "not trained": "It contradicts the float model too often: export one that was trained, `taught[0]`.",
    },
    examples={
        "good": _CUT,
        "zeros": {**_CUT, "weights": 2_200_000, "zero_share": 0.33},
        "whole": {**_CUT, "weights": 2_200_000},
        "not trained": {**_CUT, "right": 60, "agreement": 0.3},
    },
)
def narrow_file(facts: dict, records: Records) -> Verdict:
    """Judge that weights are gone, and that training had won the answers back."""
    if facts["weights"] > _NARROW_WEIGHTS:
        return failed_as("zeros" if facts["zero_share"] > 0.1 else "whole", f"{facts['weights']:,} weights")
    if facts.get("agreement", 0.0) < _NARROW_AGREES:
        return failed_as("not trained", f"the same class for {percent(facts.get('agreement', 0.0))}")
    return passed("Fewer channels, and nothing in the file that a runtime would have to know.")
