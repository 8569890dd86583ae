"""The questions of "Compile the graph": cases from plain to special, each with the
message for students who fail it.
"""

import numpy as np
from numpy import array, ones, zeros

from grading.builder.questions import (
    at_most,
    domain,
    pick,
    prediction,
    question,
)

prediction(
    "compile.faster",
    "By what factor is each version faster than the graph as it was written?",
    about={"kind": "latency", "option": "food11"},
    unit="×",
    between=(0.05, 100),
    fused="folded and fused",
    layout="with another layout too",
    openvino="by OpenVINO",
)


question(
    "compile.export",
    "Export the network as one file that every server can open",
    file="labs.checkpoints.reads.compile:exported_file",
    opened_by="model",
    points=2,
    hidden_points={"exported": 2},
    hint="Each item of the list above the cell shows one argument of "
    "`torch.onnx.export`.",
    rules=[
        (
            "elsewhere",
            False,
            "The weights are in another file, so this file alone cannot answer. Export with "
            "`external_data=False`.",
        ),
        (
            "repaired",
            "",
            "You exported the weights into another file, and `tidy_file` moved them into "
            "this one. A server cannot do that: export again with `external_data=False`.",
        ),
        (
            "written_by",
            "",
            "The course's `{written_by}` wrote this file. Call `torch.onnx.export` in this "
            "cell.",
        ),
        (
            "opset",
            18,
            "The file's operators have version {opset}. Triton in part 3 reads version 18: "
            "export with `opset_version=18`.",
        ),
        (
            "input",
            "input",
            "The file's input is `{input}`. All our servers send `input`: export with "
            '`input_names=["input"]`.',
        ),
        (
            "output",
            "output",
            "The file's output is `{output}`. All our servers read `output`: export "
            'with `output_names=["output"]`.',
        ),
        (
            "batch",
            "free",
            "The file accepts only {batch} photos at a time. Export with `dynamic_shapes`, "
            "as the list above shows.",
        ),
        (
            "batch_norms",
            0,
            "The file has {batch_norms} BatchNorms. The exporter folds them, unless it gets "
            "`optimize=False` or a network in training mode. Call `net.eval()` first.",
        ),
        (
            "difference",
            at_most(1e-3),
            "The file's logits differ from the network's by up to {difference:.4f}. Did you "
            "change `net` before the export?",
        ),
    ],
    good={
        "elsewhere": False,
        "repaired": "",
        "written_by": "",
        "opset": 18,
        "input": "input",
        "output": "output",
        "batch": "free",
        "batch_norms": 0,
        "difference": 1e-5,
    },
)


@question(
    "compile.fold",
    "Fold a BatchNorm into a convolution",
    points=1,
    hint="Each output channel has one factor, which multiplies x. What is z if x is 0?",
)
def fold(random):
    one_channel, none = ones(1), zeros(1)
    weight = array([[[[2.0]]]])
    gamma = array([3.0])
    four = array([4.0])
    yield (
        (weight, none, gamma, none, none, four, 0.0),
        "The variance is 4, so the standard deviation is 2. With gamma 3 the factor "
        "is 1.5, and the weight becomes 3.",
    )
    yield (
        (weight, none, gamma, none, none, one_channel, 3.0),
        "Epsilon keeps the root away from 0: it is added to the variance, under the "
        "root.",
    )
    yield (
        (weight, none, gamma, array([5.0]), none, four, 0.0),
        "Beta is added last, when everything else is done.",
    )
    yield (
        (weight, none, gamma, none, four, four, 0.0),
        "Subtract the mean of 4 before you multiply by the factor of 1.5. So the new "
        "bias is -6.",
    )
    yield (
        (weight, array([10.0]), gamma, none, none, four, 0.0),
        "The BatchNorm changes the convolution's bias too: here 10 becomes 15.",
    )
    two_channels = zeros(2), array([1.0, 10.0]), zeros(2), zeros(2), ones(2)
    yield (
        (ones((2, 2, 1, 1)), *two_channels, 0.0),
        "Each factor belongs to one *output* channel, the first axis of the weight. "
        "The factor of the second output channel is 10.",
    )
    yield (
        (ones((2, 1, 1, 2)), *two_channels, 0.0),
        "A factor multiplies all weights of its output channel, whatever the height "
        "and width of the kernel.",
    )
    weight = random.normal(size=(3, 2, 1, 1)).round(2)
    bias, gamma = random.normal(size=(2, 3)).round(2)
    beta = array([0.5, -1.0, 0.25])
    mean = array([1.0, 0.5, -2.0])
    variance = array([1.5, 0.5, 1.0])
    yield (weight, bias, gamma, beta, mean, variance, 0.01), ""


@domain("compile.fold")
def any_layer(random):
    weight = random.normal(size=random.integers(1, 4, 4))
    channels = len(weight)
    bias, gamma, beta, mean = random.normal(size=(4, channels))
    variance = random.uniform(0, 2, channels)
    return weight, bias, gamma, beta, mean, variance, pick(random, 1e-5, 1e-3, 0.5)
