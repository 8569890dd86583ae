"""The questions of "Choose for the device": three limits, a clean release, and a
recommendation that says where.
"""

from grading.builder.questions import (
    domain,
    fact,
    pick,
    question,
    recommendation,
)
from labs.records.targets import target

DEVICE = target("device")
P50_MS = 1e3 * DEVICE.p50_s
MEGABYTES = (DEVICE.size_bytes or 0) / 1e6
BOUNDS = f"< {P50_MS:g} ms or < {MEGABYTES:g} MB"

question(
    "target.released",
    "Give the board back",
    points=1,
    hint="Run the cell again. It continues where it stopped.",
    records="labs.checkpoints.reads.leases:edge_release",
    rules=[
        (
            "held",
            "",
            "The site still lists {held} under your name. Run the release again.",
        )
    ],
    good={"held": "", "hours_given_back": 0.5},
)


@question(
    "target.budget",
    "Which limits a file breaks",
    points=1,
    hint="Check the three limits independently of each other. Which end of the interval "
    "is the worst case?",
)
def budget(random):
    yield (
        (8.0, 2_000_000, (-1.0, 0.5)),
        "8 ms, 2 MB and at most one lost point keep all three limits.",
    )
    yield (
        (20.0, 2_000_000, (-1.0, 0.5)),
        "20 ms are too slow, because the limit is 15. Size and accuracy are kept.",
    )
    yield (
        (8.0, 9_000_000, (-1.0, 0.5)),
        "9,000,000 bytes are 9 MB, and the limit is 5. `size_bytes` is in bytes.",
    )
    yield (
        (8.0, 2_000_000, (-6.0, -4.0)),
        "This file loses 4 to 6 points, so its accuracy is not kept.",
    )
    yield (
        (8.0, 2_000_000, (-5.0, 3.0)),
        "The loss may be as large as 5 points, and there were too few drawings to rule "
        "that out. The lower end decides.",
    )
    yield (
        (8.0, 2_000_000, (0.5, 2.0)),
        "This file gains at least half a point, and a gain keeps the accuracy.",
    )
    yield (
        (20.0, 9_000_000, (-6.0, -4.0)),
        "This file breaks all three limits. Return all of them.",
    )
    yield (
        (14.9, 4_999_999, (-2.9, 6.0)),
        "All three figures are just within their limits, so the list is empty.",
    )
    yield (
        (15.0, 2_000_000, (-1.0, 0.5)),
        "The limit is < 15 ms, so exactly 15 ms break it.",
    )
    yield (
        (8.0, 5_000_000, (-1.0, 0.5)),
        "The limit is < 5 MB, so exactly 5,000,000 bytes break it.",
    )
    yield (
        (8.0, 2_000_000, (-3.0, 0.5)),
        "The lower end must be above -3 points, so exactly -3 breaks the limit.",
    )
    low = -float(random.integers(1, 50)) / 10 - 0.05
    median_ms = float(random.integers(5, 25)) + 0.5
    size_bytes = int(random.integers(1, 9)) * 1_000_000 + 5
    yield (median_ms, size_bytes, (low, low + 4)), ""


@domain("target.budget")
def any_file(random):
    low = pick(random, -6.0, -3.0, -2.9, -1.0, 0.5)
    median_ms = pick(random, 0.5, 8.0, 14.9, 15.0, 15.1, 30.0)
    size_bytes = pick(random, 40, 2_000_000, 4_999_999, 5_000_000, 5_000_001, 9_000_000)
    return median_ms, size_bytes, (low, low + pick(random, 0.0, 0.5, 3.0, 9.0))


NOT_MEASURED = (
    "`{option}` was not measured completely on {machine}. Use a name from the table."
)
BREAKS_A_BOUND = (
    f"`{{option}}` breaks a limit, {BOUNDS}, and {{meeting}} keeps all three."
)
ELSEWHERE = (
    "`where` is `{where}`, but {machine} was measured in this place: {measured_where}."
)

GOOD_CHOICE = {
    "option": "edge-int8-s8s8",
    "machine": "Cortex-A76",
    "where": "device",
    "measured_where": "device",
    "p50_ms": 5.0,
    "measured_p50_ms": 5.0,
}

recommendation(
    "target.choice",
    "A recommendation for the device, that says where it was measured",
    hint="Quote only figures from the first table. The line above it names the machine "
    "that measured them.",
    records="labs.checkpoints.reads.target:choice",
    form={"where": ["device", "rehearsal"]},
    rules=[
        ("measured", True, NOT_MEASURED),
        ("meets", True, BREAKS_A_BOUND),
        ("where", fact("measured_where"), ELSEWHERE),
    ],
    price="The price has {price_words} words. Add what you give up, and what must be "
    "repeated after each training.",
    good=GOOD_CHOICE,
)
