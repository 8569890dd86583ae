"""The questions of "Choose an architecture": each case has a message for students who
fail it.
"""

import numpy as np

from grading.builder.questions import (
    another,
    at_most,
    domain,
    fact,
    prediction,
    question,
)
from labs.records.reference import published_imagenet
from labs.records.targets import NETWORK_LIMITS

SERVER, DEVICE = NETWORK_LIMITS["server"], NETWORK_LIMITS["device"]

prediction(
    "architecture.times",
    "Relative to the MobileNetV2, how long does each network take for one photo?",
    about={"subject": "architecture.networks"},
    unit="×",
    between=(0.01, 1000),
    half="mobilenetv2_050",
    transformer="deit3_base_patch16_224",
)


@question(
    "architecture.frontier",
    "The options that no other beats",
    points=2,
    hint="Compare each option with each other option: is the other at least as fast, at "
    "least as accurate, and better in one of the two?",
)
def frontier(random):
    yield (
        ([1.0, 2.0, 3.0], [70.0, 80.0, 60.0]),
        "The third option is the slowest and the least accurate, so others beat it. "
        "Fewer milliseconds are better, and a higher accuracy is better.",
    )
    yield (
        ([1.0, 1.0, 2.0], [70.0, 80.0, 90.0]),
        "The first option is as fast as the second and less accurate. To beat it, being "
        "better in one of the two is enough.",
    )
    yield (
        ([1.0, 2.0, 3.0], [70.0, 70.0, 80.0]),
        "The second option is as accurate as the first and slower, so the first beats "
        "it.",
    )
    yield (
        ([5.0, 1.0, 2.0], [90.0, 70.0, 65.0]),
        "The options may come in any order. Return their places in the lists.",
    )
    yield (
        ([2.0, 2.0, 3.0], [80.0, 80.0, 70.0]),
        "Two options are equal: neither beats the other, so return both.",
    )
    latencies_ms = random.permutation(6).astype(float)
    accuracies = 60 + random.permutation(6).astype(float)
    yield (latencies_ms.tolist(), accuracies.tolist()), ""


@domain("architecture.frontier")
def any_options(random):
    count = random.integers(0, 7)
    latencies_ms = random.integers(1, 5, count).astype(float)
    accuracies = random.integers(60, 64, count).astype(float)
    return latencies_ms.tolist(), accuracies.tolist()


@another("architecture.frontier")
def another_frontier(latencies_ms, accuracies):
    frontier = []
    best = -np.inf
    for ms in sorted(set(latencies_ms)):
        as_fast = np.flatnonzero(np.array(latencies_ms) == ms)
        highest = max(accuracies[place] for place in as_fast)
        if highest > best:
            frontier += [int(place) for place in as_fast if accuracies[place] == highest]
            best = highest
    return sorted(frontier)


NETWORKS = published_imagenet().index.tolist()

TOO_SLOW_FOR_SERVER = (
    "`{server}` takes {server_times:.2f} times as long as the MobileNetV2, "
    f"and the server's limit is {SERVER.times:g} times."
)
NOT_THE_SERVER_S_BEST = (
    "`{server}` keeps the server's limit and has {server_top1:.2f} %, but another "
    "network within the limit is more accurate."
)
TOO_LARGE_FOR_DEVICE = (
    "`{device}` has {device_million_weights:.2f} million weights. At one byte each, "
    f"its file is larger than {DEVICE.million_weights:g} MB."
)
TOO_SLOW_FOR_DEVICE = (
    "`{device}` takes {device_times:.2f} times as long as the MobileNetV2, "
    f"and the device's limit is {DEVICE.times:.2f} times."
)
NOT_THE_DEVICE_S_BEST = (
    "`{device}` keeps both limits and has {device_top1:.2f} %, but another network "
    "within the limits is more accurate."
)

SERVER_RULES = [
    ("server_times", at_most(SERVER.times), TOO_SLOW_FOR_SERVER),
    ("server_top1", fact("server_best"), NOT_THE_SERVER_S_BEST),
]
DEVICE_RULES = [
    ("device_million_weights", at_most(DEVICE.million_weights), TOO_LARGE_FOR_DEVICE),
    ("device_times", at_most(DEVICE.times), TOO_SLOW_FOR_DEVICE),
    ("device_top1", fact("device_best"), NOT_THE_DEVICE_S_BEST),
]

GOOD_CHOICE = {
    "server": "convnext_tiny",
    "server_times": 14.0,
    "server_top1": 82.1,
    "server_best": 82.1,
    "device": "mobilenetv4_conv_small",
    "device_times": 0.7,
    "device_million_weights": 3.8,
    "device_top1": 73.8,
    "device_best": 73.8,
}

question(
    "architecture.choice",
    "A network for the server, and one for the device",
    points=2,
    hint="Leave out the networks that break a limit. Among the others, take the one with "
    "the highest accuracy.",
    form={"server": NETWORKS, "device": NETWORKS},
    records="labs.checkpoints.reads.architecture:networks",
    rules=SERVER_RULES + DEVICE_RULES,
    good=GOOD_CHOICE,
)
