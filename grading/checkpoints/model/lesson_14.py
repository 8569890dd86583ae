"""Quantize: the arithmetic as functions, the spread of a layer's channels, and a file in static INT8."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from grading.checkpoints import (
    Mistake,
    Verdict,
    artefact_question,
    failed,
    failed_as,
    function_question,
    passed,
    prediction,
)
from labs.display.format import megabytes, percent, times
from labs.records import Records

#: The float model that every file is compared with.
BASELINE = "onnx-all"

_DYNAMIC = "int8-dynamic"
_RACE = {"kind": "latency", "option": _DYNAMIC}


@prediction(
    "m.quantize.dynamic_guess",
    about=_RACE,
    title="Predict how many times as fast as float32 dynamic INT8 answers",
    unit="×",
    between=(0.005, 100),
    show=times,
)
def dynamic_speedup(records: Records) -> float | None:
    """Return how many times shorter dynamic INT8's median latency is than float32's; below 1 it is longer."""
    comparison = records.comparison(_DYNAMIC, BASELINE)
    return None if comparison is None else 1 / comparison.ratio(_DYNAMIC, BASELINE).interval.value


def _ranges(random: np.random.Generator) -> list[tuple]:
    drawn = [(-float(random.uniform(0.2, 3)), float(random.uniform(0.2, 6)), 0, 255) for _ in range(2)]
    above, below = float(random.uniform(1, 2)), float(random.uniform(0.5, 2))
    reach = float(random.uniform(0.1, 2))
    edges = [(above, above + 3, 0, 255), (-below - 1, -below, 0, 255), (-reach, reach, -127, 127), (0.0, 0.0, 0, 255)]
    return [*drawn, *edges, (-1.0, float(random.uniform(2, 5)), 0, 15)]


def _affine(xmin: float, xmax: float, qmin: int, qmax: int, *, widen: bool = True, gaps: int = 0) -> tuple:
    if widen:
        xmin, xmax = min(xmin, 0.0), max(xmax, 0.0)
    scale = (xmax - xmin) / (qmax - qmin + gaps) if xmax > xmin else 1.0
    return scale, min(max(round(qmin - xmin / scale), qmin), qmax)


@function_question(
    "m.quantize.affine",
    points=2,
    title="Write scale and zero point",
    hints=(
        "How many steps lie between qmin and qmax? And how many of them is 0 above the smallest value?",
        "After widening: `scale = (xmax - xmin) / (qmax - qmin)`, `zero_point = round(qmin - xmin / scale)`.",
    ),
    cases=_ranges,
    mistakes=(
        Mistake(
            "256 steps",
            lambda xmin, xmax, qmin, qmax: _affine(xmin, xmax, qmin, qmax, gaps=1),
            "One step too many: 256 integers have 255 gaps between them.",
        ),
        Mistake(
            "not widened",
            lambda xmin, xmax, qmin, qmax: _affine(xmin, xmax, qmin, qmax, widen=False),
            "Right while 0 lies inside the range. A range that begins above 0, or ends below, must be widened first.",
        ),
        Mistake(
            "symmetric",
            lambda xmin, xmax, qmin, qmax: _affine(-max(-xmin, xmax), max(-xmin, xmax), qmin, qmax),
            "This range is symmetric around 0. Here it goes from xmin to xmax, so that no integer lies idle.",
        ),
        Mistake(
            "forgot zero point",
            lambda xmin, xmax, qmin, qmax: (_affine(xmin, xmax, qmin, qmax)[0], 0),
            "The scale is right. With integer 0 for the real 0, nothing negative could be written in 0 to 255.",
        ),
        Mistake(
            "qmin forgotten",
            lambda xmin, xmax, qmin, qmax: (
                _affine(xmin, xmax, qmin, qmax)[0],
                round(-min(xmin, 0.0) / _affine(xmin, xmax, qmin, qmax)[0]),
            ),
            "Right for integers from 0. The smallest value lands on qmin, which is -127 for signed integers.",
        ),
        Mistake(
            "real zero point",
            lambda xmin, xmax, qmin, qmax: (
                _affine(xmin, xmax, qmin, qmax)[0],
                qmin - min(xmin, 0.0) / _affine(xmin, xmax, qmin, qmax)[0],
            ),
            "The zero point is an integer: round it, or 0 has no mark of its own.",
        ),
        Mistake(
            "turned around",
            lambda xmin, xmax, qmin, qmax: (1 / _affine(xmin, xmax, qmin, qmax)[0], _affine(xmin, xmax, qmin, qmax)[1]),
            "Turned around: the scale is the width of one step, in the tensor's own unit.",
        ),
    ),
    right="The whole range, no integer idle, and 0 exactly on a mark.",
)
def scale_and_zero_point(xmin: float, xmax: float, qmin: int, qmax: int) -> tuple[float, int]:
    """Return the scale and the zero point of a range."""
    return _affine(xmin, xmax, qmin, qmax)


def _tensors(random: np.random.Generator) -> list[tuple]:
    values = random.normal(0.3, 0.6, (2, 5))
    return [
        (values, 0.01, 51, 0, 255),
        (values, 0.004, 100, 0, 255),
        (random.normal(0, 1, 6), 0.02, 0, -127, 127),
        (random.uniform(-1, 2, 4), 0.2, 5, 0, 15),
    ]


def _marks(x: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    return np.rint(np.asarray(x) / scale) + zero_point


@function_question(
    "m.quantize.roundtrip",
    points=2,
    title="Write the way from reals to integers",
    hints=(
        "Divide, round, shift; and then nothing may lie outside qmin to qmax.",
        "`np.clip(np.rint(x / scale) + zero_point, qmin, qmax)`",
    ),
    cases=_tensors,
    mistakes=(
        Mistake(
            "not clipped",
            lambda x, scale, zero_point, qmin, qmax: _marks(x, scale, zero_point),
            "Some integers lie outside qmin to qmax, and a byte cannot hold them: clip.",
        ),
        Mistake(
            "clipped too early",
            lambda x, scale, zero_point, qmin, qmax: np.clip(np.rint(np.asarray(x) / scale), qmin, qmax) + zero_point,
            "Clip last: before the zero point is added, every negative number is cut to 0.",
        ),
        Mistake(
            "forgot zero point",
            lambda x, scale, zero_point, qmin, qmax: np.clip(np.rint(np.asarray(x) / scale), qmin, qmax),
            "These are the steps above 0: the zero point has to be added.",
        ),
        Mistake(
            "cut off",
            lambda x, scale, zero_point, qmin, qmax: np.clip(np.trunc(np.asarray(x) / scale) + zero_point, qmin, qmax),
            "`int` cuts decimals off, which can cost a whole step: round to the nearest.",
        ),
        Mistake(
            "multiplied",
            lambda x, scale, zero_point, qmin, qmax: np.clip(np.rint(np.asarray(x) * scale) + zero_point, qmin, qmax),
            "Dividing by the scale counts the steps; multiplying is the way back.",
        ),
        Mistake(
            "not rounded",
            lambda x, scale, zero_point, qmin, qmax: np.clip(np.asarray(x) / scale + zero_point, qmin, qmax),
            "These are not whole numbers yet.",
        ),
        Mistake(
            "wraps around",
            lambda x, scale, zero_point, qmin, qmax: (_marks(x, scale, zero_point) - qmin) % (qmax - qmin + 1) + qmin,
            "A bare cast to a byte wraps around: 256 becomes 0, the opposite end. Clip first.",
        ),
    ),
    right="The nearest mark of each, and the last mark for what lies beyond.",
)
def quantize(x: np.ndarray, scale: float, zero_point: int, qmin: int, qmax: int) -> np.ndarray:
    """Return the integers for real numbers."""
    return np.clip(_marks(x, scale, zero_point), qmin, qmax)


def _kernels(random: np.random.Generator) -> list[tuple]:
    made = []
    for shape in ((6, 3, 2, 2), (7, 5), (5, 1, 3, 3), (8, 2, 1, 1)):
        weights = random.normal(0, 1, shape) * random.uniform(0.05, 3, shape[0]).reshape(-1, *[1] * (len(shape) - 1))
        weights.reshape(shape[0], -1)[np.arange(shape[0]), 0] *= -2  # the farthest weight is often negative
        made.append(weights)
    made[0][1] = 0.0
    made[1][[0, 4, 5]] *= 1e-9
    return [(weights,) for weights in made]


def _reach(weights: np.ndarray) -> np.ndarray:
    return np.abs(weights).reshape(len(weights), -1).max(axis=1)


def _spread(reach: np.ndarray, *, dead: float = 1e-4) -> float:
    return float(reach.max() / np.median(reach[reach >= dead * reach.max()]))


@function_question(
    "m.quantize.channels",
    points=2,
    title="Say how unequal a layer's channels are",
    hints=(
        "One reach for each index of the first axis; which of them are in use?",
        "`reach = np.abs(weights).reshape(len(weights), -1).max(axis=1)`, then drop those below `1e-4 * reach.max()`.",
    ),
    cases=_kernels,
    mistakes=(
        Mistake(
            "dead counted",
            lambda weights: _spread(_reach(weights), dead=0.0),
            "Channels that are switched off still count here: leave them out before you take the median.",
        ),
        Mistake(
            "without sign",
            lambda weights: _spread(np.maximum(np.asarray(weights).reshape(len(weights), -1).max(axis=1), 0)),
            "A weight of -3 reaches as far as one of 3: take absolute values.",
        ),
        Mistake(
            "input channels",
            lambda weights: _spread(_reach(np.moveaxis(np.asarray(weights), 1, 0))),
            "These are the input channels. Each output channel, the first axis, has a scale of its own.",
        ),
        Mistake(
            "smallest",
            lambda weights: float(
                _reach(weights).max() / min(r for r in _reach(weights) if r >= 1e-4 * _reach(weights).max())
            ),
            "This compares with the narrowest channel; the median is the typical one.",
        ),
        Mistake(
            "turned around", lambda weights: 1 / _spread(_reach(weights)), "Turned around: the widest comes first."
        ),
    ),
    right="Now a layer's need for many scales is one number.",
)
def channel_spread(weights: np.ndarray) -> float:
    """Return the widest channel's reach over the median reach of the channels in use."""
    return _spread(_reach(weights))


def inspect_reader(reader_class: type) -> dict:
    """Return what a reader hands out for three small images."""
    reader, drawn = reader_class(np.arange(3 * 3 * 2 * 2, dtype=np.float32).reshape(3, 3, 2, 2)), []
    while len(drawn) < 5 and (feed := reader.get_next()) is not None:
        drawn.append(feed)
    if not all(isinstance(feed, dict) for feed in drawn):
        return {"kind": type(drawn[0]).__name__}
    return {
        "kind": "dict",
        "count": len(drawn),
        "names": sorted({name for feed in drawn for name in feed}),
        "shapes": sorted({str(list(np.shape(value))) for feed in drawn for value in feed.values()}),
        "first": [float(np.ravel(value)[0]) for feed in drawn for value in feed.values()],
    }


_READ = {"kind": "dict", "count": 3, "names": ["input"], "shapes": ["[1, 3, 2, 2]"], "first": [0.0, 12.0, 24.0]}


@artefact_question(
    "m.quantize.reader",
    points=1,
    title="Write a reader of calibration images",
    hints=(
        "The quantizer calls `get_next` until it returns None. Who remembers where it was?",
        "`__init__`: `self.feeds = iter([{'input': images[i : i + 1]} for i in range(len(images))])`; `get_next`: "
        "`return next(self.feeds, None)`.",
    ),
    inspect=inspect_reader,
    mistakes={
        "nothing": "The reader hands out nothing yet: `get_next` returned None at its first call.",
        "no dictionary": "`get_next` returns a dictionary: the input's name, and the image.",
        "no end": "After the last image it must return None, or calibration never ends.",
        "all at once": "All images came in one call. One by one, no more than one image's activations are in memory.",
        "no batch axis": "The model wants a batch axis: `images[i : i + 1]` keeps it, `images[i]` loses it.",
        "wrong name": "The model's input is called `input`.",
        "same image": "The images must differ: the reader has to remember where it was.",
    },
    examples={
        "good": _READ,
        "nothing": {**_READ, "count": 0, "names": [], "shapes": [], "first": []},
        "no dictionary": {"kind": "ndarray"},
        "no end": {**_READ, "count": 5},
        "all at once": {**_READ, "count": 1, "shapes": ["[3, 3, 2, 2]"], "first": [0.0]},
        "no batch axis": {**_READ, "shapes": ["[3, 2, 2]"]},
        "wrong name": {**_READ, "names": ["image"]},
        "same image": {**_READ, "first": [0.0, 0.0, 0.0]},
    },
)
def reader(facts: dict, records: Records) -> Verdict:
    """Judge what a reader handed out."""
    if facts["kind"] != "dict":
        return failed_as("no dictionary", facts["kind"])
    if facts["count"] == 0:
        return failed_as("nothing")
    if facts["count"] > 3:
        return failed_as("no end")
    if facts["count"] == 1:
        return failed_as("all at once")
    if facts["names"] != ["input"]:
        return failed_as("wrong name", ", ".join(facts["names"]))
    if facts["shapes"] == ["[3, 2, 2]"]:
        return failed_as("no batch axis")
    if facts["count"] != 3 or facts["shapes"] != ["[1, 3, 2, 2]"]:
        return failed("Three images were given: three calls should hand out one each.", str(facts["shapes"]))
    if facts["first"] != _READ["first"]:
        return failed_as("same image")
    return passed("One image a call, and an end.")


def _tensors_in(graph) -> Iterator:
    """Yield every stored tensor of a graph, those inside Constant nodes and branches too."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            if attribute.HasField("g"):
                yield from _tensors_in(attribute.g)


def stored_as(path: str | Path) -> dict:
    """Return how a quantized file writes its numbers down."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    read = {name for node in graph.node for name in node.input}
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    numbers = sum(numpy_helper.to_array(tensor).size for tensor in _tensors_in(graph))
    used = sum(array.size for name, array in stored.items() if array.dtype in (np.int8, np.uint8) and name in read)
    made_by = {output: node for node in graph.node for output in node.output}
    weights, scales, activations = [], [], set()
    for node in graph.node:
        source = node
        if node.op_type in ("Conv", "Gemm", "MatMul"):
            source = made_by.get(node.input[1])
        names = {"DequantizeLinear": (0, 1), "QLinearConv": (3, 4)}.get(source.op_type if source else "")
        if names and (source is not node or node.op_type == "QLinearConv") and source.input[names[0]] in stored:
            weights.append(stored[source.input[names[0]]])
            scales.append(stored[source.input[names[1]]].size)
        if node.op_type in ("QuantizeLinear", "QLinearConv") and len(node.input) > 2:
            activations.add(str(stored[node.input[2]].dtype))
    reach = max((int(np.abs(array.astype(int)).max()) for array in weights if array.dtype == np.int8), default=0)
    return {
        "layout": "qoperator" if any(node.op_type.startswith("QLinear") for node in graph.node) else "qdq",
        "int8_share": used / max(numbers, 1),
        "weights": sorted({str(array.dtype) for array in weights}),
        "activations": sorted(activations),
        "per_channel": bool(scales) and max(scales) > 1,
        "seven_bits": 0 < reach <= 64,
        "numbers": int(numbers),
    }


def answers_of(path: str | Path) -> dict:
    """Return what a file says to every third evaluation image, and how often the float file beside it says the same."""
    from labs import assets
    from labs.data.dataset import load_split
    from labs.optimize.predict import logits_of

    images, labels = (part[::3] for part in load_split(assets.dataset(), "evaluation"))
    said, float_path = logits_of(path, images).argmax(axis=1), Path(path).with_name("food11.onnx")
    facts = {"images": len(said), "right": int((said == labels).sum())}
    if float_path.is_file():
        facts["agreement"] = float(np.mean(said == logits_of(float_path, images).argmax(axis=1)))
    return facts


def inspect_static(path: str | Path) -> dict:
    """Return how the file is stored, what it answers, and whether its ranges are those of evaluation images."""
    return {**stored_as(path), **answers_of(path), "saw_evaluation": _saw_evaluation(Path(path))}


def _saw_evaluation(path: Path) -> bool:
    """Return whether the range of the logits, as the file holds it, is just that of the evaluation images."""
    import onnx
    from onnx import numpy_helper

    from labs import assets
    from labs.data.dataset import load_split
    from labs.optimize.predict import logits_of

    graph, float_path = onnx.load(path).graph, path.with_name("food11.onnx")
    stored = {tensor.name: tensor for tensor in graph.initializer}
    last = next((node for node in graph.node if graph.output[0].name in node.output), None)
    if last is None or last.op_type != "DequantizeLinear" or last.input[1] not in stored or not float_path.is_file():
        return False
    span = 255 * float(numpy_helper.to_array(stored[last.input[1]]))
    # As many as the lesson takes from the training split.
    logits = logits_of(float_path, load_split(assets.dataset(), "evaluation", limit=128)[0])
    return bool(np.isclose(span, max(logits.max(), 0.0) - min(logits.min(), 0.0), rtol=1e-4))


_GOOD = {
    "layout": "qdq",
    "int8_share": 0.98,
    "weights": ["int8"],
    "activations": ["uint8"],
    "per_channel": True,
    "seven_bits": False,
    "numbers": 2_300_000,
    "images": 220,
    "right": 175,
    "agreement": 0.98,
    "saw_evaluation": False,
    "size_bytes": 2_500_000,
}


@artefact_question(
    "m.quantize.static",
    points=3,
    title="Quantize the model statically",
    hints=(
        "A reader over `training_images`, then `quant_format`, `activation_type`, `weight_type` and `per_channel`.",
        "`quantize_static(prepared, static_path, ImageReader(training_images), quant_format=QuantFormat.QDQ, "
        "activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, per_channel=True)`",
    ),
    inspect=inspect_static,
    mistakes={
        "float": "Most of its numbers are still float32.",
        "qoperator": "This is the other layout, `QOperator`: only ONNX Runtime reads it.",
        "per tensor": "Each weight has a single scale: `per_channel` is off unless you say otherwise.",
        "signed activations": "The activations are signed, as is the default; `activation_type` says otherwise.",
        "unsigned weights": "The weights are unsigned: `weight_type` takes the other type.",
        "evaluation images": "The ranges come from the images by which you judge: its accuracy is no longer honest.",
        "too few images": "It contradicts the float model too often: were there enough images, some of each class?",
    },
    examples={
        "good": _GOOD,
        "float": {**_GOOD, "int8_share": 0.0, "weights": [], "activations": [], "per_channel": False},
        "qoperator": {**_GOOD, "layout": "qoperator", "weights": [], "per_channel": False},
        "per tensor": {**_GOOD, "per_channel": False},
        "signed activations": {**_GOOD, "activations": ["int8"]},
        "unsigned weights": {**_GOOD, "weights": ["uint8"]},
        "evaluation images": {**_GOOD, "saw_evaluation": True},
        "too few images": {**_GOOD, "agreement": 0.7},
    },
)
def static(facts: dict, records: Records) -> Verdict:
    """Judge layout, types, scales and agreement of the file."""
    if facts["int8_share"] < 0.9:
        return failed_as("float", f"{percent(facts['int8_share'])} of its numbers are bytes")
    if facts["layout"] == "qoperator":
        return failed_as("qoperator")
    if facts["weights"] != ["int8"]:
        return failed_as("unsigned weights", ", ".join(facts["weights"]))
    if facts["activations"] != ["uint8"]:
        return failed_as("signed activations", ", ".join(facts["activations"]))
    if not facts["per_channel"]:
        return failed_as("per tensor")
    if "agreement" not in facts:
        return failed("Keep the file beside `food11.onnx`, with which it is compared.")
    if facts["saw_evaluation"]:
        return failed_as("evaluation images")
    if facts["agreement"] < 0.94:
        return failed_as(
            "too few images", f"the same class for {percent(facts['agreement'])} of {facts['images']} images"
        )
    return passed(
        "Bytes throughout, and nearly always the float model's class.",
        f"{percent(facts['agreement'])} agreement, {megabytes(facts['size_bytes'])}",
        f"{facts['right']} of {facts['images']} images right",
    )
