"""Facts about a quantized file: the format of its numbers, and its answers."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from labs import assets
from labs.data.dataset import load_split
from labs.optimize.multiplications import multiplications_of
from labs.optimize.predict import answers
from labs.optimize.static_quantization import activations_of
from labs.workspace import models_dir

#: Number of checked activations, the last of those on both sides of 0; and the tolerance of an end.
_ACTIVATIONS, _NEAR = 12, 2e-5

#: Operators that multiply by weights.
_LAYERS = ("Conv", "Gemm", "MatMul")

#: Photos that the lesson calibrates with. Most of the ranges must be theirs, and of these photos
#: only few may be clipped: with one photo, nine of ten are; with 16 of them, one of ten.
_CALIBRATING, _MOST, _FEW_BEYOND = 128, 0.6, 0.2

#: Photos whose activations are held in memory at a time.
_AT_ONCE = 66

#: Step through the evaluation photos: 60 of 660, five to six a class.
_EVERY = 11


def quantized_file(path: Path) -> dict:
    """Return how a file writes its numbers down, and its ``agreement`` with the float model."""
    model = onnx.load(path)
    graph = model.graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights: list[np.ndarray] = []
    scales: list[np.ndarray] = []
    activation_types: set[str] = set()
    for node in graph.node:
        if node.op_type == "QuantizeLinear":
            activation_types.add(str(stored[node.input[2]].dtype))
        if node.op_type == "DequantizeLinear" and node.input[0] in stored:
            values = stored[node.input[0]]
            if values.ndim > 1:  # a bias has one dimension
                weights.append(values)
                scales.append(stored[node.input[1]])
    weight_types = {str(values.dtype) for values in weights}
    types = {
        "weights": " and ".join(sorted(weight_types)),
        "activations": " and ".join(sorted(activation_types)),
    }
    per_channel = bool(scales) and all(scale.size > 1 for scale in scales)
    largest_weights = [int(np.abs(values.astype(int)).max()) for values in weights]
    return types | {
        "layout": _layout(graph),
        "per_channel": per_channel,
        "largest_weight": max(largest_weights, default=0),
        "integers": multiplications_of(model).integer_share,
        "agreement": agreement(path),
        "calibrated": calibrated_with(graph, stored),
        **_float_layers(graph),
    }


def _float_layers(graph: onnx.GraphProto) -> dict:
    """Return how many layers there are, how many multiply in float32, and by which operators if
    these are all layers of some operators.
    """
    dequantized: set[str] = set()
    for node in graph.node:
        if node.op_type == "DequantizeLinear":
            dequantized.update(node.output)
    layers = [node for node in graph.node if node.op_type in _LAYERS]
    in_float = [node for node in layers if not dequantized.issuperset(node.input[:2])]
    kinds = {node.op_type for node in in_float}
    quantized = [node for node in layers if not any(node is other for other in in_float)]
    is_by_kind = kinds.isdisjoint(node.op_type for node in quantized)
    return {
        "layers": len(layers),
        "float_layers": len(in_float),
        "float_kinds": " and ".join(sorted(kinds)) if is_by_kind else "",
    }


def _layout(graph: onnx.GraphProto) -> str:
    """Return the operator by which a file's format is known; an empty text of a float file."""
    operators = {node.op_type for node in graph.node}
    for name in ("DynamicQuantizeLinear", "QLinearConv", "QuantizeLinear"):
        if name in operators:
            return name
    return ""


def agreement(path: Path) -> float:
    """Return the share of 60 photos for which a file and the workspace's ``food11.onnx`` give the
    same class.
    """
    images = load_split(assets.dataset(), "evaluation")[0][::_EVERY]
    return float(np.mean(answers(path, images) == answers(models_dir() / "food11.onnx", images)))


def calibrated_with(graph: onnx.GraphProto, stored: Mapping[str, np.ndarray]) -> str:
    """Return which photos the ranges of a file come from.

    Calibration takes the smallest and the largest output of a layer over all photos (``MinMax``,
    ONNX Runtime's default). So each end of a range is the number of one photo. That holds for all
    ranges of a file that was calibrated with any number of these photos. For other photos it is a
    coincidence, for one or two of ten ranges. Only activations on both sides of 0 are compared:
    after ReLU6, nearly every range is 0 to 6.

    Returns:
        'training'; 'few', if most training photos go beyond the ranges; 'evaluation'; 'narrower',
        if the ranges lie within those of the training photos, as percentiles do; or 'other'.
    """
    ranges = _two_sided_ranges(graph, stored)
    if not ranges:
        return "other"
    names = list(ranges)
    scales, zeros = map(np.array, zip(*ranges.values(), strict=True))
    training = _ends_by_photo("training", names, limit=_CALIBRATING)
    beyond = _share_beyond(training, scales, zeros)
    if _share_attained(training, ranges) >= _MOST:
        return "few" if beyond > _FEW_BEYOND else "training"
    if _share_attained(_ends_by_photo("evaluation", names), ranges) >= _MOST:
        return "evaluation"
    if _share_attained(_ends_by_photo("training", names), ranges) >= _MOST:
        return "training"
    smallest, largest = training
    # Ends are rounded to whole gaps, so that a range of the same width may be one gap to the side.
    lows, highs = scales * (1 - zeros), scales * (254 - zeros)
    within = (lows > smallest.min(axis=1)) & (highs < largest.max(axis=1))
    return "narrower" if within.mean() >= _MOST else "other"


def _share_attained(
    ends: tuple[np.ndarray, np.ndarray], ranges: Mapping[str, tuple[float, int]]
) -> float:
    """Return the share of ranges, 0 to 1, that begin and end where some of these photos do."""
    smallest, largest = ends
    attained = [
        _attained(low, high, scale, zero)
        for low, high, (scale, zero) in zip(smallest, largest, ranges.values(), strict=True)
    ]
    return float(np.mean(attained))


def _share_beyond(
    ends: tuple[np.ndarray, np.ndarray], scales: np.ndarray, zeros: np.ndarray
) -> float:
    """Return the share of photos, 0 to 1, that a range clips; the mean over all ranges."""
    smallest, largest = ends
    lows = scales * (-zeros - 1)
    highs = scales * (256 - zeros)
    clipped = (smallest < lows[:, None]) | (largest > highs[:, None])
    return float(clipped.mean())


def _two_sided_ranges(
    graph: onnx.GraphProto, stored: Mapping[str, np.ndarray]
) -> dict[str, tuple[float, int]]:
    """Return scale and zero point of the last activations whose range includes both signs."""
    float_graph = onnx.load(models_dir() / "food11.onnx").graph
    inside = {output for node in float_graph.node for output in node.output}
    ranges = {}
    for node in graph.node:
        if node.op_type != "QuantizeLinear" or node.input[0] not in inside:
            continue
        zero_point = stored[node.input[2]]
        if zero_point.dtype == np.uint8 and 0 < int(zero_point) < 255:
            ranges[node.input[0]] = (float(stored[node.input[1]]), int(zero_point))
    return dict(list(ranges.items())[-_ACTIVATIONS:])


def _ends_by_photo(
    split: str, activations: list[str], limit: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and the largest number of each activation by photo, as two arrays
    (activations, photos).
    """
    images, _ = load_split(assets.dataset(), split, limit=limit)
    smallest, largest = [], []
    for start in range(0, len(images), _AT_ONCE):
        photos = images[start : start + _AT_ONCE]
        values_by_name = activations_of(models_dir() / "food11.onnx", photos, activations)
        flat = [values.reshape(len(values), -1) for values in values_by_name.values()]
        smallest.append([values.min(axis=1) for values in flat])
        largest.append([values.max(axis=1) for values in flat])
    return np.concatenate(smallest, axis=-1), np.concatenate(largest, axis=-1)


def _attained(low: np.ndarray, high: np.ndarray, scale: float, zero: int) -> bool:
    """Return whether a range of 255 gaps goes from the smallest number of one photo to the largest
    of one.
    """
    begins = low[np.abs(-low / scale - zero) <= 0.51]
    lengths = high[:, None] - begins
    relative_difference = lengths / (255 * scale) - 1
    return bool(np.any(np.abs(relative_difference) < _NEAR))
