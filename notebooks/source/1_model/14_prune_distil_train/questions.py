"""The questions of "Prune, distil, train for it": channels, a teacher's answers, rounding and its gradient.

No number lies half-way between two marks, or between the last mark and half a gap beyond it, so that every right way to
round and to clip gives the same result.
"""

import numpy as np
from numpy import array, zeros

from grading.builder.questions import another, prediction, question

prediction(
    "train.mended",
    "With half of its last stages' channels gone, how many of 100 photos does the network get right?",
    about={"subject": "train.mended"},
    unit="of 100",
    between=(1, 100),
    cut="before training",
    taught="taught by the whole network",
)


@question(
    "train.soft_targets",
    "The loss of learning from a teacher",
    points=2,
    hint="Make both sides probabilities first (softmax), each row by itself. Whose probabilities weigh the logarithms?",
)
def soft_targets(random):
    student, sure, unsure = (
        array([[1.0, 0.0, -1.0]]),
        array([[16.0, 0.0, 0.0]]),
        array([[2.0, 1.0, 0.0]]),
    )
    two, even = array([[1.0, 0.0, -1.0], [0.0, 2.0, 0.0]]), zeros((1, 3))
    yield (
        (student, sure, 1.0),
        "The teacher is sure of class 0, the student says 67 %. Add up the classes; the logarithm is the student's.",
    )
    yield (
        (two, array([[16.0, 0.0, 0.0], [0.0, 0.0, 16.0]]), 1.0),
        "Two photos lose 0.41 and 2.24: take the mean.",
    )
    yield (
        (student, unsure, 1.0),
        "Each class counts by the teacher's probability. A student who agrees still has a loss: the teacher's doubt.",
    )
    yield (
        (even, unsure, 2.0),
        "This student gives each class a third. Its cross-entropy, 1.0986, is multiplied by 4.",
    )
    yield (
        (student, even, 2.0),
        "This teacher gives each class a third. The student's logits are divided by 2 as well.",
    )
    yield (
        (2 * student, unsure, 2.0),
        "The teacher's logits are divided by 2 as well, and before the softmax.",
    )
    yield (
        (random.normal(0, 2, (3, 4)).round(2), random.normal(0, 3, (3, 4)).round(2), 4.0),
        "",
    )


SIGNED, SHIFTED = (0.25, 0, -7, 7), (0.25, 5, 0, 15)


def _reals(random):
    """Return reals for the ruler (0.5, -2, -8, 7): four are a quarter of a gap from a mark, two beyond the ends."""
    inside = random.choice(range(-6, 9), 4, replace=False) + 0.25
    return random.permutation(0.5 * array([*inside, -8.25, 11.25])).reshape(2, 3)


@question(
    "train.straight",
    "The straight-through gradient",
    points=2,
    hint="Which x did the clipping hold? There, nothing happens when x moves a little. Elsewhere, forget the rounding.",
)
def straight(random):
    def gradient(*shape):
        return random.choice(range(1, 9), shape, replace=False) / 4

    yield (
        (gradient(3), array([0.30, -0.20, 1.05]), *SIGNED),
        "All of these x lie on the ruler, from -1.75 to 1.75, so the gradient goes through as it came.",
    )
    yield (
        (gradient(3), array([0.30, 2.60, -1.05]), *SIGNED),
        "2.60 was clipped: the last mark, 7, is at 1.75. Bounds are integers, and x is a real number.",
    )
    yield (
        (gradient(3), array([0.30, 1.05, -2.60]), *SIGNED),
        "-2.60 was clipped too: the first mark is at -1.75.",
    )
    yield (
        (gradient(3), array([-0.80, -1.60, 2.30]), *SHIFTED),
        "With zero point 5, the marks reach from -1.25 to 2.5: only -1.60 was clipped here.",
    )
    yield (gradient(2, 3), _reals(random), 0.5, -2, -8, 7), ""


@another("train.straight")
def another_straight(gradient, x, scale, zero_point, qmin, qmax):
    inside = (x > scale * (qmin - zero_point)) & (x < scale * (qmax - zero_point))
    return np.where(inside, gradient, 0.0)
