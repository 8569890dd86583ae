"""The questions of "Execution providers": precision from logits, and a comparison in
which one thing changes.
"""

import numpy as np
from numpy import array

from grading.builder.questions import (
    another,
    domain,
    pick,
    prediction,
    question,
)

_OPENVINO = ["OpenVINO provider"]

prediction(
    "providers.openvino",
    "By what factor is OpenVINO faster than the CPU provider?",
    about={"kind": "latency", "option": "openvino-provider"},
    unit="×",
    between=(0.05, 100),
    gate=_OPENVINO,
    fp32="in float32",
    bf16="in bfloat16",
)


@question(
    "providers.precision",
    "Whether logits were computed in float32",
    points=1,
    hint="You need two numbers: the largest difference of all, and the largest expected "
    "logit of all.",
)
def precision(random):
    expected = array([[4.0, -1.0, 2.0], [8.0, 0.5, -3.0]])
    small = array([[0.0, 0.0, 0.00001], [0.0, 0.0, 0.0]])
    yield (
        (expected + small, expected),
        "With logits up to 8, a difference of 0.00001 can come from the order of adding.",
    )
    yield (
        (expected + 1000 * small, expected),
        "All classes are the same, but a logit changed by 0.01: it was computed in 16 "
        "bits.",
    )
    yield (
        (expected - 1000 * small, expected),
        "A logit that is too small by 0.01 is as wrong as one that is too large.",
    )
    yield (
        (expected + 60 * small, expected),
        "0.0006 is more than 0.00005 of the largest expected logit, which is 8.",
    )
    yield (
        (1000 * (expected + small), 1000 * expected),
        "These logits go up to 8,000, so a difference of 0.01 is small: compare it with "
        "the largest logit.",
    )
    with_a_zero = array([[-8.0, 0.0], [2.0, 3.0]])
    near_zero = array([[-8.0, 0.0003], [2.0, 3.0]])
    yield (
        (near_zero, with_a_zero),
        "A logit of 0 has a large relative error in any precision. Compare with the "
        "largest absolute logit, here 8.",
    )
    drawn = random.normal(size=(2, 3)).round(2) + 9
    yield (drawn + random.choice([0.1, 0.00001]), drawn), ""


@domain("providers.precision")
def any_logits(random):
    scale = pick(random, 0.01, 1, 100)
    expected = random.normal(0, scale, random.integers((1, 2), (4, 5)))
    bound = 5e-5 * np.abs(expected).max()
    logits = expected.copy()
    difference = pick(random, -3, -1.1, -0.9, -0.2, 0.2, 0.9, 1.1, 3)
    logits.flat[random.integers(logits.size)] += difference * bound
    return logits, expected


_OPTIONS = ["cpu-provider", "openvino-provider", "openvino-provider-bf16"]

PAIR_RULES = [
    ("changes_provider", True, "Both options of this pair ran on the same provider."),
    (
        "changes_precision",
        False,
        "In this pair, provider *and* precision differ, so you cannot tell which of them "
        "made it faster. Choose a pair with one difference.",
    ),
    (
        "baseline",
        "cpu-provider",
        "The pair is swapped: OpenVINO is the option, and the CPU provider the baseline.",
    ),
    (
        "claim_allowed",
        True,
        "The pair is right. The speed-up is {low:.2f} to {high:.2f}: are both ends above "
        "1, or both below?",
    ),
]

GOOD_PAIR = {
    "changes_provider": True,
    "changes_precision": False,
    "baseline": "cpu-provider",
    "claim": "faster",
    "claim_allowed": True,
    "low": 1.2,
    "high": 1.3,
}

question(
    "providers.fair",
    "OpenVINO's gain in the same precision",
    points=2,
    hint="Provider, precision, threads, release: your pair may differ in the provider "
    "only.",
    records="labs.deeper.providers.reads:pair_of_providers",
    form={
        "option": _OPTIONS,
        "baseline": _OPTIONS,
        "claim": ["faster", "slower", "cannot tell"],
    },
    gate=_OPENVINO,
    rules=PAIR_RULES,
    good=GOOD_PAIR,
)


@question(
    "providers.joules",
    "Joules for one image",
    points=1,
    hint="Look at the strips of the figure one by one: how wide and how high is each?",
)
def joules(random):
    times_s = random.integers(1, 6, 4).cumsum().astype(float)
    yield (
        ([0.0, 2.0], [100.0, 100.0], 10),
        "100 watts for 2 seconds are 200 joules, for 10 images: 20 joules each.",
    )
    yield (
        ([0.0, 2.0], [100.0, 200.0], 10),
        "The power rose from 100 to 200 watts. Use the mean, 150, in between.",
    )
    yield (
        ([30.0, 32.0], [100.0, 100.0], 10),
        "The first reading is at 30 s. Count only the 2 seconds after it.",
    )
    yield (
        ([0.0, 1.0, 2.0], [100.0, 200.0, 100.0], 10),
        "Two strips of 1 s, each 150 watts high on average. The mean of all three "
        "readings is not the mean power.",
    )
    yield (
        ([0.0, 1.0, 5.0], [100.0, 200.0, 200.0], 10),
        "These readings are not evenly spaced. The second strip is four times as wide "
        "as the first.",
    )
    watts = random.integers(60, 300, 4).astype(float)
    images = int(random.integers(2, 50))
    yield (times_s.tolist(), watts.tolist(), images), ""


@domain("providers.joules")
def any_readings(random):
    count = int(random.integers(2, 6))
    times_s = random.integers(0, 50) + random.integers(1, 5, count).cumsum()
    watts = random.integers(50, 300, count)
    return (
        times_s.astype(float).tolist(),
        watts.astype(float).tolist(),
        random.integers(1, 50),
    )
