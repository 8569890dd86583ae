"""The questions of "Quantize": cases from plain to special, each with the message for
students who fail it.

The solutions are in lesson.py. A public seed makes the cases that ship, a secret seed
those of the grader. A case is small enough to be shown, and every right way to write the
function gives the same result.
"""

from grading.builder.questions import (
    at_least,
    at_most,
    domain,
    not_,
    pick,
    prediction,
    question,
)
from labs.optimize.multiplications import IN_INTEGERS

prediction(
    "quantize.faster",
    "How many times as fast as float32 is each INT8 file?",
    about={"kind": "latency", "option": "int8-dynamic"},
    unit="×",
    between=(0.01, 100),
    dynamic="dynamic",
    static="static",
)


@question(
    "quantize.affine",
    "Scale and zero point of a range",
    points=1,
    hint="How many gaps are there between the marks qmin and qmax? How many of them "
    "are between xmin and 0?",
)
def affine(random):
    # No zero point is half-way between two integers.
    low = -random.integers(4, 11) / 4 - 0.125
    high = random.integers(13, 24) / 4
    yield (
        (0.0, 510.0, 0, 255),
        "256 marks have 255 gaps. Here each gap is 2.0 wide, and 0 is on the first mark.",
    )
    yield (-1.0, 3.0, 0, 255), "0 is 63.75 gaps above xmin, so the nearest mark is 64."
    yield (low, high, 0, 255), ""
    yield (
        (low, high, 0, 15),
        "This range has four bits: use qmin and qmax, not 0 and 255.",
    )
    yield (
        (-1.5, 1.5, -127, 127),
        "xmin belongs on the mark qmin. Here that is -127, not 0.",
    )
    yield (
        (1.0, high, 0, 255),
        "This range is above 0. Widen it first, so that 0 gets a mark.",
    )
    yield (
        (low, -0.5, 0, 255),
        "This range is below 0. Widen it first, so that 0 gets a mark.",
    )
    yield (
        (0.0, 0.0, -8, 7),
        "A range that contains only 0 has no width. Return (1.0, qmin).",
    )


@domain("quantize.affine")
def any_range(random):
    marks = (0, 255), (0, 15), (-128, 127), (-127, 127), (-8, 7), (-1, 1), (3, 10)
    qmin, qmax = pick(random, *marks)
    drawn = sorted(random.uniform(-5, 5, 2).round(3).tolist())
    xmin, xmax = pick(random, drawn, drawn, drawn, (0.0, 3.5), (-2.5, 0.0), (0.0, 0.0))
    widened = max(xmax, 0.0) - min(xmin, 0.0)
    gaps = -min(xmin, 0.0) / widened * (qmax - qmin) if widened else 0.0
    if abs(gaps % 1 - 0.5) < 0.02:  # half-way between two marks
        return any_range(random)
    return xmin, xmax, qmin, qmax


LAYOUT_RULES = [
    (
        "layout",
        not_(""),
        "This file has no quantized operator. Is it the output of `quantize_static`?",
    ),
    (
        "layout",
        not_("DynamicQuantizeLinear"),
        "This is a dynamic file: it computes its ranges while it runs. "
        "`quantize_static` writes the other kind.",
    ),
    (
        "layout",
        "QuantizeLinear",
        "The file's layout is QOperator, which only ONNX Runtime can read. OpenVINO and "
        "TensorRT need `quant_format=QuantFormat.QDQ`.",
    ),
]

ACTIVATION_RULES = [
    (
        "activations",
        not_("int8"),
        "The file's activations are {activations}. But an x86 processor multiplies "
        "unsigned by signed bytes, as the table below shows. Use "
        "`activation_type=QuantType.QUInt8`.",
    ),
    (
        "activations",
        "uint8",
        "The file's activations are {activations}. They must have 8 bits and no sign: "
        "use `activation_type=QuantType.QUInt8`.",
    ),
]

LAYER_RULES = [
    (
        "float_kinds",
        "",
        "The file computes every {float_kinds} in float32. Leave out "
        "`op_types_to_quantize`, so that all layers are quantized.",
    ),
    (
        "float_layers",
        0,
        "{float_layers} of {layers} layers multiply in float32. Leave out "
        "`nodes_to_quantize` and `nodes_to_exclude`, so that all layers are quantized.",
    ),
]

WEIGHT_RULES = [
    (
        "weights",
        not_("uint8"),
        "The file's weights are {weights}. Weights are positive and negative, so they "
        "need signed integers: use `weight_type=QuantType.QInt8`.",
    ),
    (
        "weights",
        "int8",
        "The file's weights are {weights}. They must have 8 bits and a sign: use "
        "`weight_type=QuantType.QInt8`.",
    ),
    (
        "per_channel",
        True,
        "Each layer has one scale for all of its channels, which makes the errors "
        "larger. Use `per_channel=True`.",
    ),
    (
        "largest_weight",
        at_least(65),
        "No weight is larger than {largest_weight}, so the weights have 7 bits. This "
        "file needs 8: leave out `reduce_range`.",
    ),
]

INTEGER_RULES = [
    (
        "integers",
        at_least(IN_INTEGERS),
        "Only {integers:.0%} of the file's multiplications use 8-bit integers. A layer "
        "multiplies integers only if both its input and its weights are quantized. "
        "Quantize all layers of `prepared_path`.",
    ),
]

CALIBRATION_RULES = [
    (
        "agreement",
        at_least(0.8),
        "The file agrees with the float32 model on only {agreement:.0%} of 60 photos. "
        "Did you quantize `prepared_path`, and calibrate with `training_images`?",
    ),
    (
        "calibrated",
        not_("evaluation"),
        "The file was calibrated with evaluation photos: most of its ranges are exactly "
        "theirs. Use `training_images`, because the measured accuracy would be too good.",
    ),
    (
        "calibrated",
        not_("few"),
        "The file was calibrated with too few photos: most training photos go beyond its "
        "ranges. Give `ImageReader` all of `training_images`.",
    ),
    (
        "calibrated",
        not_("narrower"),
        "The file's ranges leave out the smallest and largest values of the training "
        "photos. Give `ImageReader` the `training_images` as they are, and leave out "
        "`calibrate_method` and `extra_options`: the default, MinMax, keeps all values.",
    ),
    (
        "calibrated",
        "training",
        "The file's ranges are not those of the training photos. Give `ImageReader` the "
        "`training_images` as they are, and leave out `extra_options`.",
    ),
]

GOOD_FILE = {
    "layout": "QuantizeLinear",
    "activations": "uint8",
    "weights": "int8",
    "per_channel": True,
    "largest_weight": 127,
    "integers": 1.0,
    "agreement": 0.92,
    "calibrated": "training",
    "layers": 53,
    "float_layers": 0,
    "float_kinds": "",
}

question(
    "quantize.static",
    "A static INT8 file",
    points=3,
    hidden_points={"int8": 4},
    hint="Check each item of the list above your call. An argument that you leave out "
    "keeps its default value.",
    file="labs.checkpoints.reads.quantize:quantized_file",
    opened_by="model",
    rules=LAYOUT_RULES
    + LAYER_RULES
    + ACTIVATION_RULES
    + WEIGHT_RULES
    + INTEGER_RULES
    + CALIBRATION_RULES,
    good=GOOD_FILE,
)
