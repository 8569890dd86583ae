"""The questions of "Choose an architecture": cases each with a sentence for whoever fails there."""

import numpy as np

from grading.builder.questions import another, at_most, fact, prediction, question
from labs.records.reference import published_imagenet
from labs.records.targets import NETWORK_LIMITS

SERVER, DEVICE = NETWORK_LIMITS["server"], NETWORK_LIMITS["device"]

prediction(
    "architecture.times",
    "How many times as long as the MobileNetV2 does each take for one photo?",
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
    hint="For each option ask of each other one: as fast, as accurate, and better in one of the two?",
)
def frontier(random):
    yield (
        ([1.0, 2.0, 3.0], [70.0, 80.0, 60.0]),
        "The third is the slowest and the least accurate, so it is beaten. Fewer milliseconds are better, and a higher "
        "accuracy is.",
    )
    yield (
        ([1.0, 1.0, 2.0], [70.0, 80.0, 90.0]),
        "The first is as fast as the second and less accurate. Being better in one is enough to beat it.",
    )
    yield (
        ([1.0, 2.0, 3.0], [70.0, 70.0, 80.0]),
        "The second is as accurate as the first and slower, so it is beaten.",
    )
    yield (
        ([5.0, 1.0, 2.0], [90.0, 70.0, 65.0]),
        "The options come in any order; the places stay those of the lists.",
    )
    yield (
        ([2.0, 2.0, 3.0], [80.0, 80.0, 70.0]),
        "Two equal options: neither is better in anything, so both stay.",
    )
    yield (
        (
            random.permutation(6).astype(float).tolist(),
            (60 + random.permutation(6)).astype(float).tolist(),
        ),
        "",
    )


@another("architecture.frontier")
def another_frontier(latencies_ms, accuracies):
    kept, best = [], -np.inf
    for ms in sorted(set(latencies_ms)):
        here = [place for place, one in enumerate(latencies_ms) if one == ms]
        highest = max(accuracies[place] for place in here)
        if highest > best:
            kept += [place for place in here if accuracies[place] == highest]
            best = highest
    return sorted(kept)


question(
    "architecture.choice",
    "A network for the server, and one for the device",
    points=2,
    hint="Leave out what breaks a limit. Of what is left, take the highest accuracy.",
    form=dict.fromkeys(("server", "device"), published_imagenet().index.tolist()),
    records="labs.checkpoints.reads.architecture:networks",
    rules=[
        (
            "server_times",
            at_most(SERVER.times),
            "`{server}` takes {server_times:.2f} times as long as the MobileNetV2, and the server's limit is "
            f"{SERVER.times:g} times.",
        ),
        (
            "server_top1",
            fact("server_best"),
            "`{server}` keeps the server's limit and has {server_top1:.2f} %, but another network within it has more.",
        ),
        (
            "device_million_weights",
            at_most(DEVICE.million_weights),
            "`{device}` has {device_million_weights:.2f} million weights. At one byte each, its file is larger than "
            f"{DEVICE.million_weights:g} MB.",
        ),
        (
            "device_times",
            at_most(DEVICE.times),
            "`{device}` takes {device_times:.2f} times as long as the MobileNetV2, and the device's limit is "
            f"{DEVICE.times:.2f} times.",
        ),
        (
            "device_top1",
            fact("device_best"),
            "`{device}` keeps both limits and has {device_top1:.2f} %, but another network within them has more.",
        ),
    ],
    good={
        "server": "convnext_tiny",
        "server_times": 14.0,
        "server_top1": 82.1,
        "server_best": 82.1,
        "device": "mobilenetv4_conv_small",
        "device_times": 0.7,
        "device_million_weights": 3.8,
        "device_top1": 73.8,
        "device_best": 73.8,
    },
)
