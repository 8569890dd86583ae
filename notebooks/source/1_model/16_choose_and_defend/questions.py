"""The questions of "Choose, and defend it": what a peak costs, and a recommendation whose figures are checked."""

import math

from grading.builder.questions import another, prediction, question, recommendation

prediction(
    "defend.kept",
    "How many of your options keep their accuracy?",
    about={"subject": "defend.options"},
    between=(0, 100),
    options="options on a CPU, float32 counted",
)


@question(
    "defend.dollars",
    "What a peak costs in a month",
    points=2,
    hint="How many photos a second is one machine given? How many machines do that, whole ones? What do they cost?",
)
def dollars(random):
    yield (70.0, 100.0, 1.0), "One machine is given 70 photos a second, and 70 come in: 1 machine for 730 hours."
    yield (70.0, 100.0, 2.5), "The machine costs 2.50 dollars an hour now, for 730 hours."
    yield (
        (90.0, 100.0, 1.0),
        "One machine answers 100 a second, but is given 70 of them. 90 take a second machine.",
    )
    yield (75.0, 100.0, 1.0), "75 a second are one machine and a little. Nobody rents a little: that makes 2."
    yield (10.0, 1000.0, 3.0), "Even a small peak takes one machine."
    yield (float(random.integers(20, 90)) + 0.25, float(random.integers(3, 9)), 0.5), ""


@another("defend.dollars")
def another_dollars(peak_per_s, photos_per_s, usd_per_hour):
    machines = 1
    while machines * photos_per_s * 0.7 < peak_per_s and not math.isclose(machines * photos_per_s * 0.7, peak_per_s):
        machines += 1
    return 730 * usd_per_hour * machines


recommendation(
    "defend.choice",
    "A recommendation: option, evidence, price, and what would change your mind",
    hint="Everything that you quote stands in the table above, for the machine that it names.",
    records="labs.checkpoints.reads.defend:choice",
    form={"flips_at": "whole number"},
    rules=[
        ("measured", True, "`{option}` was not measured in full on {machine}: take a name from the first table."),
        ("meets", True, "`{option}` misses the target, and {meeting} meets it: it is the server that has to keep it."),
        (
            "flips",
            True,
            "It does not flip at {flips_at} photos a second: find the lowest peak at which the GPU costs less. With "
            "one photo a second fewer, it must not.",
        ),
    ],
    price="The price has {price_words} words. What do you give up against float32, and what has to be done for it?",
    good={"option": "int8-static-u8s8", "machine": "AMD EPYC 7763", "flips_at": 1138, "flips": True}
    | {"p50_ms": 2.0, "measured_p50_ms": 2.0},
)
