"""The questions of "Choose for the device": three bounds, a clean release, and a recommendation that says where."""

from grading.builder.questions import fact, question, recommendation
from labs.records.targets import target

DEVICE = target("device")
BOUNDS = f"< {1e3 * DEVICE.p50_s:g} ms or < {(DEVICE.size_bytes or 0) / 1e6:g} MB"

question(
    "target.released",
    "Give the board back",
    points=1,
    hint="Run the cell again: what is gone already is no error.",
    records="labs.checkpoints.reads.leases:edge_release",
    rules=[
        (
            "held",
            "",
            "The site still counts {held} under your name: run the release again.",
        )
    ],
    good={"held": "", "hours_given_back": 0.5},
)


@question(
    "target.budget",
    "Which bounds a file breaks",
    points=2,
    hint="Three questions that have nothing to do with each other. Which end of the interval says how bad it may be?",
)
def budget(random):
    yield (
        (8.0, 2_000_000, (-1.0, 0.5)),
        "8 ms, 2 MB and at most one point lost: all three bounds are kept.",
    )
    yield (
        (20.0, 2_000_000, (-1.0, 0.5)),
        "20 ms are too slow: the bound is 15. Size and accuracy are kept.",
    )
    yield (
        (8.0, 9_000_000, (-1.0, 0.5)),
        "9,000,000 bytes are 9 MB, and the bound is 5. `size_bytes` is in bytes.",
    )
    yield (
        (8.0, 2_000_000, (-6.0, -4.0)),
        "Between 4 and 6 points are lost: the accuracy is not kept.",
    )
    yield (
        (8.0, 2_000_000, (-5.0, 3.0)),
        "The loss may be as large as 5 points, and too few drawings were shown to exclude it: the lower end decides.",
    )
    yield (
        (8.0, 2_000_000, (0.5, 2.0)),
        "It gained half a point at least: a gain keeps the accuracy.",
    )
    yield (
        (20.0, 9_000_000, (-6.0, -4.0)),
        "All three bounds are broken here. One of them does not hide the others.",
    )
    yield (
        (15.0, 2_000_000, (-1.0, 0.5)),
        "The bound is < 15 ms, so exactly 15 ms break it.",
    )
    yield (
        (8.0, 5_000_000, (-1.0, 0.5)),
        "The bound is < 5 MB, so exactly 5,000,000 bytes break it.",
    )
    yield (
        (8.0, 2_000_000, (-3.0, 0.5)),
        "The lower end has to stay above -3 points, so exactly -3 breaks the bound.",
    )
    low = -float(random.integers(1, 50)) / 10 - 0.05
    yield (
        (
            float(random.integers(5, 25)) + 0.5,
            int(random.integers(1, 9)) * 1_000_000 + 5,
            (low, low + 4),
        ),
        "",
    )


recommendation(
    "target.choice",
    "A recommendation for the device, that says where it was measured",
    hint="All that you quote stands in the first table. The line above it says which machine measured it.",
    records="labs.checkpoints.reads.target:choice",
    form={"where": ["device", "rehearsal"]},
    rules=[
        (
            "measured",
            True,
            "`{option}` was not measured in full on {machine}: take a name from the table.",
        ),
        (
            "meets",
            True,
            f"`{{option}}` breaks a bound, {BOUNDS}, and {{meeting}} keeps all three.",
        ),
        (
            "where",
            fact("measured_where"),
            "`where` is `{where}`, and {machine} says {measured_where}.",
        ),
    ],
    price="The price has {price_words} words. What do you give up, and what has to be done for it?",
    good={
        "option": "edge-int8-s8s8",
        "machine": "Cortex-A76",
        "where": "device",
        "measured_where": "device",
    }
    | {"p50_ms": 5.0, "measured_p50_ms": 5.0},
)
