"""Slips that newcomers plausibly make in this lesson, collected before the questions' sentences were written."""

import numpy as np


def scale_and_zero_point__numbers_for_gaps(xmin, xmax, qmin, qmax):
    """The range is divided by the 256 integers instead of the 255 gaps between them."""
    if xmin == 0 and xmax == 0:
        return 1.0, qmin
    scale = (xmax - xmin) / (qmax - qmin + 1)
    return scale, int(round(qmin - xmin / scale))


def scale_and_zero_point__only_zero_forgotten(xmin, xmax, qmin, qmax):
    """The range that is nothing but 0 gets no case of its own, so the scale is 0 and is divided by."""
    scale = (xmax - xmin) / (qmax - qmin)
    zero_point = int(round(qmin - xmin / scale))
    return scale, zero_point


def dot_without_vnni__wrapped_around(activations, weights):
    """A pair's sum that does not fit in 16 bits wraps around to the other sign instead of being cut."""
    products = np.asarray(activations).astype(np.int32) * np.asarray(weights).astype(np.int32)
    pairs = products[0::2] + products[1::2]
    return int(pairs.astype(np.int16).astype(np.int32).sum())


def dot_without_vnni__total_cut(activations, weights):
    """Only the total is cut to 16 bits, not the sum of each two neighbouring products."""
    total = 0
    for a, w in zip(activations, weights, strict=True):
        total += int(a) * int(w)
    return max(-32768, min(32767, total))
