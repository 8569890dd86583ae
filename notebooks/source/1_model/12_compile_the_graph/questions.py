"""The questions of "Compile the graph": cases from plain to special, each with a sentence for who fails there."""

import numpy as np
from numpy import array, full, ones, zeros

from grading.builder.questions import prediction, question

prediction(
    "compile.faster",
    "How many times as fast as the graph as it was written is each version?",
    about={"kind": "latency", "option": "food11"},
    unit="×",
    between=(0.05, 100),
    fused="folded and fused",
    layout="with another layout too",
    openvino="by OpenVINO",
)


@question(
    "compile.fold",
    "Fold a BatchNorm into a convolution",
    points=2,
    hint="Each output channel has one factor. What is left of z where x is 0?",
)
def fold(random):
    one, none = ones(1), zeros(1)
    weight = array([[[[2.0]]]])
    yield (
        (weight, none, array([3.0]), none, none, array([4.0]), 0.0),
        "The variance is 4, so the standard deviation is 2. With gamma 3 the factor is 1.5, and the weight becomes 3.",
    )
    yield (
        (weight, none, array([3.0]), none, none, one, 3.0),
        "Epsilon keeps the root away from 0: it is added to the variance, under the root.",
    )
    yield (
        (weight, none, array([3.0]), array([5.0]), none, array([4.0]), 0.0),
        "Beta is added last, when everything else is done.",
    )
    yield (
        (weight, none, array([3.0]), none, array([4.0]), array([4.0]), 0.0),
        "The mean of 4 is taken away before the factor of 1.5 is applied. So the new bias is -6.",
    )
    yield (
        (weight, array([10.0]), array([3.0]), none, none, array([4.0]), 0.0),
        "The convolution's own bias goes through the BatchNorm too: here 10 becomes 15.",
    )
    yield (
        (
            ones((2, 2, 1, 1)),
            zeros(2),
            array([1.0, 10.0]),
            zeros(2),
            zeros(2),
            ones(2),
            0.0,
        ),
        "Each factor belongs to one *output* channel, the first axis of the weight. The second one gets the 10.",
    )
    yield (
        (
            ones((2, 1, 1, 2)),
            zeros(2),
            array([1.0, 10.0]),
            zeros(2),
            zeros(2),
            ones(2),
            0.0,
        ),
        "A factor multiplies all weights of its output channel, whatever the height and width of the kernel.",
    )
    yield (
        (
            random.normal(size=(3, 2, 1, 1)).round(2),
            *random.normal(size=(4, 3)).round(2),
            full(3, 0.5),
            0.01,
        ),
        "",
    )
