"""The questions of "Measure the model": cases from plain to special, each with a sentence for who fails there."""

import numpy as np
from numpy import array, uint8

from grading.builder.questions import another, prediction, question

prediction(
    "measure.times",
    "How many times as many photos a second, and how many times as fast?",
    about={"kind": "throughput", "option": "torch-eager"},
    unit="×",
    between=(0.01, 100),
    batch="photos a second, in batches of 16",
    compiled="one photo, compiled",
)


@question(
    "measure.normalize",
    "A photo as the model wants it",
    points=2,
    hint="Arithmetic with an array of three works along the last axis, where the colours are. `help(np.transpose)`.",
)
def normalize(random):
    nothing, one = array([0.0, 0.0, 0.0]), array([1.0, 1.0, 1.0])
    mean, std = array([0.5, 0.25, 0.125]), array([0.25, 0.5, 0.2])
    yield (
        (array([[[255, 51, 102]]], uint8), nothing, one),
        "One pixel, mean 0, deviation 1: all that is to be done is to bring 255 to 1.0 and 51 to 0.2.",
    )
    yield (
        (array([[[255, 51, 102]]], uint8), mean, std),
        "The order counts: bring the bytes to 0 to 1, then subtract the mean, then divide by the deviation. Red is "
        "1.0 here, less 0.5, divided by 0.25.",
    )
    yield (
        (array([[[10, 20, 30], [40, 50, 60]]], uint8), nothing, one),
        "Two pixels. The plane of red holds both of their reds, 10 and 40. `reshape` keeps the numbers in their order "
        "and mixes the colours.",
    )
    yield (
        (random.integers(1, 255, (3, 3, 3)).astype(uint8), mean, std),
        "Each plane has its own mean and deviation. Here the width is 3 too, and arrays of three line up with the "
        "last axis, whatever that is.",
    )


@question(
    "measure.percentile",
    "A percentile",
    points=2,
    hint="How many samples must not exceed it, as a whole number? Which one is that in the sorted samples?",
)
def percentile(random):
    yield (
        (array([10.0, 20.0, 30.0, 40.0, 50.0]), 50),
        "Half of five samples is two and a half, so two are too few. Three do not exceed 30.",
    )
    yield (
        (array([40.0, 10.0, 50.0, 20.0, 30.0]), 50),
        "The samples come in the order in which they were measured. Sort them first.",
    )
    yield (
        (array([10.0, 20.0, 30.0, 40.0]), 50),
        "Two of these four samples, 50 per cent, do not exceed 20. The result is one of the samples, the smallest that "
        "will do; nothing is interpolated.",
    )
    yield (
        (array([18.0, 12.0, 11.0, 13.0, 14.0, 19.0, 15.0, 16.0, 90.0, 17.0]), 95),
        "95 per cent of ten samples are nine and a half, and nine are too few.",
    )
    yield (
        (random.permutation(40).astype(float), 100),
        "No sample exceeds the largest: that is the 100th percentile.",
    )
    yield (random.permutation(30).astype(float), 90), ""
    yield (
        (random.permutation(7).astype(float), 1),
        "One per cent of seven samples is less than one, so take the first.",
    )


@another("measure.percentile")
def another_percentile(samples, q):
    return np.percentile(samples, q, method="inverted_cdf")
