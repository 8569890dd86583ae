"""The questions of "Quantize": cases from plain to special, each with the sentence for whoever fails just there.

The solutions stand in lesson.py. With a public seed the generators make the cases that ship, with a secret one those of
the grader. A case is small enough to be shown, and every right way to write the function gives the same result.
"""

from grading.builder.questions import at_least, at_most, not_, prediction, question

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
    points=2,
    hint="How many gaps are there between the marks qmin and qmax? How many of them lie between xmin and 0?",
)
def affine(random):
    low, high = (
        -random.integers(4, 11) / 4 - 0.125,
        random.integers(13, 24) / 4,
    )  # no zero point lies half-way
    yield (
        (0.0, 255.0, 0, 255),
        "256 marks have 255 gaps. Here each gap is 1.0 wide, and 0 is on the first mark.",
    )
    yield (-1.0, 3.0, 0, 255), "0 lies 63.75 gaps above xmin, and the nearest mark is 64."
    yield (low, high, 0, 255), ""
    yield (low, high, 0, 15), "Four bits: use qmin and qmax, and not 0 and 255."
    yield (
        (-1.5, 1.5, -127, 127),
        "xmin belongs on the mark qmin. Here that is -127, not 0.",
    )
    yield (
        (1.0, high, 0, 255),
        "This range lies above 0. Widen it first, so that 0 gets a mark.",
    )
    yield (
        (low, -0.5, 0, 255),
        "This range lies below 0. Widen it first, so that 0 gets a mark.",
    )
    yield (
        (0.0, 0.0, 0, 255),
        "A range of nothing but 0 has no width. Give it (1.0, qmin).",
    )


question(
    "quantize.static",
    "A static INT8 file",
    points=3,
    again={"int8": 4},
    hint="Go through the sentence above your call, wish by wish. What you leave out keeps its default.",
    file="labs.checkpoints.reads.quantize:quantized_file",
    opened_by="model",
    rules=[
        (
            "layout",
            not_(""),
            "This file holds no quantized operator. Is it the output of `quantize_static`?",
        ),
        (
            "layout",
            not_("DynamicQuantizeLinear"),
            "This is a dynamic file: it looks for its ranges while it runs. `quantize_static` writes the other kind.",
        ),
        (
            "layout",
            "QuantizeLinear",
            "Its layout is QOperator, which only ONNX Runtime reads. OpenVINO and TensorRT want QDQ.",
        ),
        (
            "activations",
            not_("int8"),
            "Its activations are {activations}. With a zero point of -128 all marks are used. But "
            "an x86 processor multiplies unsigned by signed bytes, as the table below says: ask for QUInt8.",
        ),
        (
            "activations",
            "uint8",
            "Its activations are {activations}. Eight bits without a sign are asked for: "
            "`activation_type=QuantType.QUInt8`.",
        ),
        (
            "weights",
            not_("uint8"),
            "Its weights are {weights}. Weights are positive and negative, so they need signed integers.",
        ),
        (
            "weights",
            "int8",
            "Its weights are {weights}. Eight bits with a sign are asked for: `weight_type=QuantType.QInt8`.",
        ),
        (
            "per_channel",
            True,
            "Each weight has one scale for all of its channels. You have seen what that loses.",
        ),
        (
            "largest_weight",
            at_least(65),
            "No weight is larger than {largest_weight}: that is seven bits (`reduce_range`), and the file's name says "
            "eight.",
        ),
        (
            "agreement",
            at_least(0.8),
            "It agrees with the float model on {agreement:.0%} of 60 photos. Was it made from `prepared_path`, and "
            "calibrated with photos as the model sees them?",
        ),
        (
            "of_evaluation",
            at_most(0.5),
            "It was calibrated with evaluation photos: {of_evaluation:.0%} of its ranges begin and end just where "
            "theirs do. Take training photos, or the file looks better than it is.",
        ),
    ],
    good={
        "layout": "QuantizeLinear",
        "activations": "uint8",
        "weights": "int8",
        "per_channel": True,
        "largest_weight": 127,
        "agreement": 0.92,
        "of_evaluation": 0.1,
    },
)
