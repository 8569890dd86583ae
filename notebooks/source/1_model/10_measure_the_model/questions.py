"""The questions of "Measure the model": cases from plain to special, each with the
message for students who fail it.
"""

import numpy as np
from numpy import array, uint8

from grading.builder.questions import (
    another,
    domain,
    pick,
    prediction,
    question,
)

prediction(
    "measure.times",
    "By what factor do batches of 16 raise the throughput, and is the compiled model "
    "faster?",
    about={"kind": "throughput", "option": "torch-eager"},
    unit="×",
    between=(0.01, 100),
    batch="photos per second, in batches of 16",
    compiled="one photo, compiled",
)


@question(
    "measure.normalize",
    "A photo as the network's input",
    points=1,
    hint="Arithmetic with an array of three works along the last axis, where the "
    "colours are. `help(np.transpose)` shows how to move an axis.",
)
def normalize(random):
    no_mean = array([0.0, 0.0, 0.0])
    deviation_1 = array([1.0, 1.0, 1.0])
    mean = array([0.5, 0.25, 0.125])
    std = array([0.25, 0.5, 0.2])
    pixel = array([[[255, 51, 102]]], uint8)
    two_pixels = array([[[10, 20, 30], [40, 50, 60]]], uint8)
    yield (
        (pixel, no_mean, deviation_1),
        "With mean 0 and deviation 1, each byte is only divided by 255: 255 becomes 1.0, "
        "and 51 becomes 0.2.",
    )
    yield (
        (pixel, mean, std),
        "The order matters: divide by 255, then subtract the mean, then divide by the "
        "deviation. Red is (1.0 - 0.5) / 0.25 here.",
    )
    yield (
        (two_pixels, no_mean, deviation_1),
        "The plane of red contains the reds of both pixels, 10 and 40. `reshape` would "
        "keep the numbers in their order and mix the colours.",
    )
    yield (
        (random.integers(1, 255, (3, 3, 3)).astype(uint8), mean, std),
        "Each plane has its own mean and deviation. The width is 3 here too, and NumPy "
        "lines arrays of three up with the last axis, which must be the colours.",
    )


@domain("measure.normalize")
def any_photo(random):
    height, width = random.integers(1, 5, 2)
    pixels = random.integers(0, 256, (height, width, 3)).astype(uint8)
    return pixels, random.uniform(0, 1, 3), random.uniform(0.1, 1, 3)


@question(
    "measure.percentile",
    "A percentile",
    points=1,
    hint="How many samples must be at most as large as the result, as a whole number? "
    "Which place is that in the sorted samples?",
)
def percentile(random):
    yield (
        (array([10.0, 20.0, 30.0, 40.0, 50.0]), 50),
        "Half of five samples is two and a half, so two are too few. Three samples are "
        "at most 30.",
    )
    yield (
        (array([40.0, 10.0, 50.0, 20.0, 30.0]), 50),
        "The samples are in the order in which they were measured. Sort them first.",
    )
    yield (
        (array([10.0, 20.0, 30.0, 40.0]), 50),
        "Two of these four samples, 50 %, are at most 20. The result must be one of the "
        "samples, so do not interpolate.",
    )
    yield (
        (array([18.0, 12.0, 11.0, 13.0, 14.0, 19.0, 15.0, 16.0, 90.0, 17.0]), 95),
        "95 % of ten samples are nine and a half, so nine samples are too few.",
    )
    yield (
        (random.permutation(40).astype(float), 100),
        "All samples are at most as large as the largest, so it is the 100th percentile.",
    )
    yield (random.permutation(30).astype(float), 90), ""
    yield (
        (3 + random.permutation(7).astype(float), 1),
        "1 % of seven samples is less than one sample, so take the smallest.",
    )
    yield (
        (array([12.25, 12.25, 10.5, 10.5, 10.5, 11.75]), 50),
        "Three of these six samples are 10.5. Equal samples all count, and the result keeps "
        "its decimals.",
    )
    yield (
        (array([40.0, 10.0, 30.0, 20.0]), 25.1),
        "q need not be a whole number. 25.1 % of four samples are a little more than one "
        "sample, so one is too few.",
    )


@domain("measure.percentile")
def any_samples(random):
    count = int(random.integers(1, 40))
    q = pick(random, int(random.integers(1, 101)), 0.5, 2.5, 99.9)
    # Where rounding makes a whole rank and a little more of one, right ways part.
    rank = q * count / 100
    if abs(rank - np.rint(rank)) < 1e-9:
        q = pick(random, 50, 100)
    with_ties = random.integers(0, 30, count).astype(float)
    without = random.normal(20, 5, count).round(2)
    return pick(random, with_ties, without), q


@another("measure.percentile")
def another_percentile(samples, q):
    return np.percentile(samples, q, method="inverted_cdf")
