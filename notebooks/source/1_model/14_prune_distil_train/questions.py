"""The questions of "Prune, distil, train for it": channels, a teacher's answers, rounding
and its gradient.

No number is half-way between two marks, or less than half a gap beyond the last mark. So
every right way to round and to clip gives the same result.
"""

import numpy as np
from numpy import array, zeros

from grading.builder.questions import (
    another,
    domain,
    pick,
    prediction,
    question,
)

prediction(
    "train.mended",
    "Without half of the channels of its last stages, how many of 100 photos does the "
    "network get right?",
    about={"subject": "train.mended"},
    unit="of 100",
    between=(1, 100),
    cut="before training",
    taught="taught by the whole network",
)


@question(
    "train.soft_targets",
    "The loss of learning from a teacher",
    points=1,
    hint="First turn both logits into probabilities (softmax), each row by itself. Whose "
    "probabilities multiply the logarithms?",
)
def soft_targets(random):
    student = array([[1.0, 0.0, -1.0]])
    sure = array([[16.0, 0.0, 0.0]])
    unsure = array([[2.0, 1.0, 0.0]])
    even = zeros((1, 3))
    two_students = array([[1.0, 0.0, -1.0], [0.0, 2.0, 0.0]])
    two_sure = array([[16.0, 0.0, 0.0], [0.0, 0.0, 16.0]])
    yield (
        (student, sure, 1.0),
        "The teacher is sure of class 0, and the student gives it 67 %. Take the "
        "logarithm of the student's probabilities, and add up the classes.",
    )
    yield (
        (two_students, two_sure, 1.0),
        "The losses of these two photos are 0.41 and 2.24. Return their mean.",
    )
    yield (
        (student, unsure, 1.0),
        "The teacher's probability is the weight of each class. Even a student that "
        "agrees has a loss if the teacher is unsure.",
    )
    yield (
        (even, unsure, 2.0),
        "This student gives each class a third. Multiply its cross-entropy, 1.0986, by "
        "the temperature squared, 4.",
    )
    yield (
        (student, even, 2.0),
        "This teacher gives each class a third. Divide the student's logits by the "
        "temperature, 2, as well.",
    )
    yield (
        (2 * student, unsure, 2.0),
        "Divide the teacher's logits by the temperature, 2, as well, before the softmax.",
    )
    students = random.normal(0, 2, (3, 4)).round(2)
    teachers = random.normal(0, 3, (3, 4)).round(2)
    yield (students, teachers, 2.5), ""


@domain("train.soft_targets")
def any_logits(random):
    shape = random.integers((1, 2), (5, 6))
    student = random.normal(0, 2, shape).round(2)
    teacher = random.normal(0, 3, shape).round(2)
    return student, teacher, pick(random, 0.5, 1.0, 2.0, 4.0)


#: Gradients of both signs.
_GRADIENTS = (np.arange(-8, 8) + 0.5) / 4

#: Rulers: scale, zero point, qmin and qmax.
SIGNED = (0.25, 0, -7, 7)
SHIFTED = (0.25, 10, 0, 15)


def _reals(random):
    """Return reals for the ruler (0.5, -2, -8, 7): two just inside of its ends, two
    a quarter of a gap from a mark, two beyond the ends.
    """
    inside = random.choice(range(-5, 8), 2, replace=False) + 0.25
    gaps = array([-5.75, *inside, 8.75, -8.25, 11.25])
    return random.permutation(0.5 * gaps).reshape(2, 3)


@question(
    "train.straight",
    "The straight-through gradient",
    points=1,
    hint="Where x is clipped, the result does not change when x moves a little. Ignore "
    "the rounding everywhere else.",
)
def straight(random):
    def gradient(*shape):
        return random.choice(_GRADIENTS, shape, replace=False)

    on_the_ruler = array([1.70, -0.20, -1.70])
    above = array([0.30, 2.10, -1.05])
    below = array([0.30, 1.05, -2.60])
    beyond_shifted = array([-2.80, -2.30, -0.30, 1.60])
    yield (
        (gradient(3), on_the_ruler, *SIGNED),
        "All of these x are on the ruler, from -1.75 to 1.75, two of them near its ends. "
        "So the gradient stays unchanged, with its sign.",
    )
    yield (
        (gradient(3), above, *SIGNED),
        "2.10 is clipped, because the last mark, 7, is at 1.75. qmin and qmax are "
        "integers, and x is a real number.",
    )
    yield (
        (gradient(3), below, *SIGNED),
        "-2.60 is clipped too, because the first mark is at -1.75.",
    )
    yield (
        (gradient(4), beyond_shifted, *SHIFTED),
        "With zero point 10, the marks are between -2.5 and 1.25. So -2.80 and 1.60 are "
        "clipped.",
    )
    yield (gradient(2, 3), _reals(random), 0.5, -2, -8, 7), ""


@domain("train.straight")
def any_gradient(random):
    qmin, qmax = pick(random, (0, 255), (-1, 1), (-8, 7), (-7, 7), (0, 15))
    zero_point = int(random.integers(qmin, qmax + 1))
    scale = pick(random, 0.25, 0.5, 0.1, 2.0)
    at_ends = [qmin - 3, qmin - 1, qmin, qmax, qmax + 1, qmax + 9]
    marks = random.integers(qmin, qmax + 1, 6)
    marks[:4] = random.choice(at_ends, 4)
    # On the last marks, or less than half a gap beyond them, right ways part.
    off = random.choice([0.1, 0.2, 0.3], 6)
    off[(marks < qmin) | (marks == qmax)] *= -1
    x = scale * (marks - zero_point + off)
    shape = pick(random, (6,), (2, 3))
    gradient = random.permutation(24)[:6] / 4 - 2
    return gradient.reshape(shape), x.reshape(shape), scale, zero_point, qmin, qmax


@another("train.straight")
def another_straight(gradient, x, scale, zero_point, qmin, qmax):
    first_mark = scale * (qmin - zero_point)
    last_mark = scale * (qmax - zero_point)
    inside = (x > first_mark) & (x < last_mark)
    return np.where(inside, gradient, 0.0)
